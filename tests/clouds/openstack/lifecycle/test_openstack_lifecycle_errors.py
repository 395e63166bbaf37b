"""What the failure of a request means for a run, step by step."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.client.request import Response
from stratoscope.clouds.lifecycle import Object, RunReason, StepError
from stratoscope.clouds.openstack.client import http_errors
from stratoscope.clouds.openstack.client.api import OverLimitError
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.lifecycle.errors import reason_of, refused_reason, step_reason
from stratoscope.clouds.openstack.lifecycle.vms import OpenStackVMs
from stratoscope.core.config import Duration
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.demo_cloud import DemoCloud
from support.fake_openstack import config, entry, running
from support.openstack_vms import MARK, booted, opened, vms

MISCONFIGURED = RunReason.PROBE_MISCONFIGURED
FLAVORS = "/compute/v2.1/flavors/detail"
Step = Callable[[OpenStackVMs, str], Awaitable[object]]


async def _quota(lifecycle: OpenStackVMs, _: str) -> None:
    await lifecycle.check_quota(await lifecycle.resolve())


STEPS: dict[str, tuple[str, Step]] = {
    "flavors": ("/compute", lambda lifecycle, _: lifecycle.resolve()),
    "images": ("/image", lambda lifecycle, _: lifecycle.resolve()),
    "networks": ("/network", lambda lifecycle, _: lifecycle.resolve()),
    "limits": ("/compute", _quota),
    "ports": ("/network", lambda lifecycle, vm_id: lifecycle.left(vm_id)),
    "see": ("/compute", lambda lifecycle, vm_id: lifecycle.see(vm_id)),
    "delete": ("/compute", lambda lifecycle, vm_id: lifecycle.delete(Object("server", vm_id))),
    "owned": ("/compute", lambda lifecycle, _: lifecycle.owned("a")),
    "hosts": ("/compute", lambda lifecycle, _: lifecycle.hosts()),
}
"""By name: where the service is whose request fails, and the step that needs it."""
KINDS = {"/compute": "compute", "/image": "image", "/network": "network"}


@pytest.fixture
async def cloud(demo: DemoCloud, tmp_path: Path) -> AsyncIterator[OpenStack]:
    limits = Limits(requests_per_second=1000, timeout=Duration(0.5))
    async with opened(demo, tmp_path, limits=limits) as cloud:
        yield cloud


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("500", RunReason.API_ERROR),
        ("503", RunReason.API_ERROR),
        ("429", RunReason.API_ERROR),
        ("cut", RunReason.API_UNREACHABLE),
        ("hang", RunReason.TIMEOUT),
    ],
)
async def test_each_step_says_what_is_wrong_with_the_service(
    fault: str, reason: RunReason, name: str, demo: DemoCloud, cloud: OpenStack
) -> None:
    place, step = STEPS[name]
    lifecycle = vms(cloud)
    vm_id = await booted(lifecycle)
    demo.cloud.faults.add({"fault": fault, "service": KINDS[place]})
    with pytest.raises(StepError) as caught:
        await step(lifecycle, vm_id)
    assert (caught.value.reason, caught.value.is_unknown) == (reason, False)
    assert KINDS[place] in str(caught.value)


async def test_service_that_is_down_is_unreachable_and_one_that_is_absent_too(tmp_path: Path) -> None:
    async with running() as server:
        server.says(FLAVORS, {"flavors": [{"id": "1", "name": "tiny", "vcpus": 1, "ram": 512}]})
        for entries, words in (
            ([entry("image", "http://127.0.0.1:9")], "http://127.0.0.1:9: Connection refused"),
            ([], "image: not in the catalogue"),
        ):
            server.entries = [entry("compute", f"{server.url}/compute/v2.1"), *entries]
            cloud = OpenStack(config(tmp_path, server.url))
            with pytest.raises(StepError, match=words) as caught:
                await vms(cloud, flavor="tiny", os_cloud="test").resolve()
            assert (caught.value.reason, caught.value.is_unknown) == (RunReason.API_UNREACHABLE, False)
            await cloud.close()


async def test_budget_that_has_no_turn_is_not_the_clouds_fault(demo: DemoCloud, tmp_path: Path) -> None:
    limits = Limits(requests_per_second=0.01, timeout=Duration(1))
    async with opened(demo, tmp_path, limits=limits) as cloud:
        await vms(cloud).authenticate()
        with pytest.raises(StepError, match="no turn within") as caught:
            await vms(cloud).resolve()
        assert caught.value.reason is RunReason.INTERNAL
        with pytest.raises(StepError, match="no turn within") as caught:
            await booted(vms(cloud), MARK)
        assert not caught.value.is_unknown


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CollectError(Reason.UNAUTHORIZED, "compute: servers: answered 401"), RunReason.API_ERROR),
        (LeftOutError(LeftOut.UNAUTHORIZED, "compute: refuses a new token"), RunReason.API_ERROR),
        (LeftOutError(LeftOut.ABSENT, "network: not in the catalogue"), RunReason.API_UNREACHABLE),
        (CollectError(Reason.UNAVAILABLE, "compute: too old"), RunReason.API_UNREACHABLE),
        (CollectError(Reason.MALFORMED, "compute: none of 3 items makes sense"), RunReason.API_ERROR),
        (CollectError(Reason.TIMEOUT, "compute: no turn: it does not answer"), RunReason.TIMEOUT),
        (CollectError(Reason.BUSY, "compute: no turn"), RunReason.INTERNAL),
        (OverLimitError("compute: limits: answered 413: rate-limited"), RunReason.API_ERROR),
    ],
)
def test_what_was_not_answered_has_its_reason(error: CollectError | LeftOutError, reason: RunReason) -> None:
    assert reason_of(error) is reason


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (400, "Image 1c61f205-e784-468d-80ce-d45bea573881 is not active.", RunReason.IMAGE),
        (
            400,
            (
                "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is "
                "1073741824 bytes, minimum size is 53687091200 bytes."
            ),
            RunReason.IMAGE,
        ),
        (400, "Compute host nohost could not be found.", RunReason.NO_VALID_HOST),
        (400, "Flavor nope could not be found.", RunReason.FLAVOR),
        (400, "Can not find requested image", RunReason.IMAGE),
        (400, "Network 00000000-0000-4000-8000-000000000000 could not be found.", RunReason.NETWORK),
        (400, "Invalid key_name provided.", RunReason.PROBE_MISCONFIGURED),
        (400, "Unable to find security_group with name or id 'nobody'", RunReason.PROBE_MISCONFIGURED),
        (
            400,
            "Invalid input for field/attribute server. Value: {'name': 'a', 'imageRef': 'b'}.",
            RunReason.PROBE_MISCONFIGURED,
        ),
        (400, "Network 1 requires a subnet in order to boot instances on.", RunReason.NETWORK),
        (400, "Block Device Mapping is Invalid: failed to get volume 1.", RunReason.VOLUME),
        (403, "Policy doesn't allow os_compute_api:servers:create to be performed.", RunReason.POLICY),
        (
            403,
            "Policy doesn't allow os_compute_api:servers:create:attach_network to be performed.",
            RunReason.POLICY,
        ),
        (403, "Forbidden", RunReason.POLICY),
        (
            403,
            "Quota exceeded for instances: Requested 1, but already used 5 of 5 instances",
            RunReason.QUOTA,
        ),
        (
            403,
            "Project 1 is over a limit for [Resource servers is over limit of 5 due to current usage 5]",
            RunReason.QUOTA,
        ),
        (403, "It is not allowed to create an interface on external network 1", RunReason.NETWORK),
        (409, "Multiple possible networks found, use a Network ID to be more specific.", MISCONFIGURED),
        (
            400,
            "Image property 'hw_cpu_policy' is not permitted to override CPU pinning policy of a flavor",
            RunReason.IMAGE,
        ),
        (409, "This kind of request is not supported", RunReason.PROBE_MISCONFIGURED),
        (409, "Port 1 is still in use.", RunReason.NETWORK),
        (413, "This request was rate-limited.", RunReason.API_ERROR),
    ],
)
def test_novas_words_have_their_reason(status: int, text: str, reason: RunReason) -> None:
    body = msgspec.json.encode({"fault": {"code": status, "message": text}})
    headers = {"retry-after": "60"} if status == 413 else {}
    error = http_errors.error("compute: server_create", Response(status, body, headers))
    assert refused_reason(error) is reason


@pytest.mark.parametrize(
    ("service", "status", "text", "reason"),
    [
        (
            "block-storage",
            413,
            (
                "Requested volume or snapshot exceeds allowed gigabytes quota. Requested 5G, quota is 1G and "
                "1G has been consumed."
            ),
            RunReason.QUOTA,
        ),
        (
            "block-storage",
            413,
            "Maximum number of volumes allowed (10) exceeded for quota 'volumes'.",
            RunReason.QUOTA,
        ),
        (
            "block-storage",
            400,
            "Invalid input received: Size of specified image 2GB is larger than volume size 1GB.",
            MISCONFIGURED,
        ),
        ("block-storage", 404, "Volume type with name ssd could not be found.", MISCONFIGURED),
        ("block-storage", 404, "", RunReason.API_ERROR),
        (
            "block-storage",
            400,
            "Invalid image identifier or unable to access requested image.",
            RunReason.IMAGE,
        ),
        ("block-storage", 403, "Policy doesn't allow volume:create to be performed.", RunReason.POLICY),
        ("block-storage", 409, "something new", RunReason.VOLUME),
        ("network", 409, "Quota exceeded for resources: ['floatingip'].", RunReason.QUOTA),
        ("network", 409, "No more IP addresses available on network 1.", RunReason.NETWORK),
        (
            "network",
            404,
            "External network 1 is not reachable from subnet 2.  Therefore, cannot associate Port 3.",
            MISCONFIGURED,
        ),
        (
            "network",
            400,
            "Bad floatingip request: Cannot add floating IP to port 1 that has no fixed IPv4 addresses.",
            MISCONFIGURED,
        ),
        (
            "compute",
            400,
            "Invalid volume: Instance 1 and volume 2 are not in the same availability_zone.",
            MISCONFIGURED,
        ),
        (
            "compute",
            409,
            "Operation 'resize' not supported for SEV-enabled instance (1).",
            RunReason.HYPERVISOR,
        ),
        (
            "block-storage",
            413,
            "Requested volume size 2000G is larger than maximum allowed limit 1000G.",
            RunReason.QUOTA,
        ),
        ("block-storage", 413, "This request was rate-limited.", RunReason.API_ERROR),
        ("network", 403, "rule:create_floatingip is disallowed by policy", RunReason.POLICY),
        ("compute", 400, "No valid host was found. No valid host found for resize", RunReason.NO_VALID_HOST),
        ("compute", 400, "When resizing, instances must change flavor!", MISCONFIGURED),
        (
            "compute",
            403,
            "Quota exceeded for cores: Requested 1, but already used 5 of 5 cores",
            RunReason.QUOTA,
        ),
    ],
)
def test_words_of_a_service_that_refuses_a_step_have_their_reason(
    service: str, status: int, text: str, reason: RunReason
) -> None:
    default = RunReason.VOLUME if service == "block-storage" else RunReason.HYPERVISOR
    body = msgspec.json.encode({"fault": {"code": status, "message": text}})
    headers = {"retry-after": "0"} if status == 413 else {}
    error = http_errors.error(f"{service}: volume_network_create", Response(status, body, headers))
    assert step_reason(error, default) is reason


def test_refusal_in_words_that_no_rule_knows_is_the_probes_mistake() -> None:
    conflict = CollectError(Reason.MALFORMED, "compute: server_create: answered 409: something new")
    assert refused_reason(conflict) is RunReason.PROBE_MISCONFIGURED
