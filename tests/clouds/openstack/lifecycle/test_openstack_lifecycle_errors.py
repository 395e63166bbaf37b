"""What the failure of a request means for a run, step by step."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.lifecycle import Object, RunReason, StepError
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.lifecycle.errors import reason_of, refused_reason
from stratoscope.clouds.openstack.lifecycle.vms import OpenStackVMs
from stratoscope.core.config import Duration
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.demo_cloud import DemoCloud, demo_cloud
from support.fake_openstack import config, entry, running
from support.openstack_vms import MARK, booted, opened, vms

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
async def demo() -> AsyncIterator[DemoCloud]:
    async with demo_cloud() as demo:
        yield demo


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
            ([entry("image", "http://127.0.0.1:9")], "/v2/images: Connection refused"),
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
    ],
)
def test_what_was_not_answered_has_its_reason(error: CollectError | LeftOutError, reason: RunReason) -> None:
    assert reason_of(error) is reason


def test_refusal_in_words_that_no_rule_knows_is_the_probes_mistake() -> None:
    conflict = CollectError(Reason.MALFORMED, "compute: server_create: answered 409: something new")
    assert refused_reason(conflict) is RunReason.PROBE_MISCONFIGURED
