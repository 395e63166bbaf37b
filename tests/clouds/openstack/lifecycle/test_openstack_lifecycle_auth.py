"""The log-in of a run: a new one each time, and what is said where there is none."""

import math
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path

import pytest
from aiohttp import web

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.lifecycle.description import Description
from stratoscope.clouds.openstack.lifecycle.vms import OpenStackVMs
from stratoscope.core.config import Duration
from support.demo_cloud import demo_cloud
from support.fake_openstack import PASSWORD, FakeOpenStack, config, hangs, running
from support.openstack_vms import opened, vms
from support.patience import FAR_S
from support.wheel import Wheel

_TOKENS = "/identity/v3/auth/tokens"
ANOTHER = "another"
_FLAVORS = "/compute/v2.1/flavors/detail"


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenStack]:
    async with running() as server:
        server.says(_FLAVORS, {"flavors": [{"id": "1", "name": "tiny", "vcpus": 1, "ram": 512}]})
        yield server


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


@pytest.fixture
async def cloud(server: FakeOpenStack, wheel: Wheel, tmp_path: Path) -> AsyncIterator[OpenStack]:
    limits = Limits(requests_per_second=1000, timeout=Duration(1))
    cloud = OpenStack(config(tmp_path, server.url, limits), wheel.clock)
    yield cloud
    await cloud.close()


def probe(cloud: OpenStack, os_cloud: str = "") -> OpenStackVMs:
    return OpenStackVMs(cloud.session(os_cloud), Description("tiny", "cirros"), cloud.budget)


async def error_of(lifecycle: OpenStackVMs) -> tuple[RunReason, str]:
    with pytest.raises(StepError) as caught:
        await lifecycle.authenticate()
    assert PASSWORD not in str(caught.value)
    return caught.value.reason, str(caught.value)


async def takes_the_token(cloud: OpenStack) -> bool:
    """Whether a request gets an answer with the token in use."""
    with pytest.raises(StepError) as caught:
        await probe(cloud).resolve()  # there is no Glance
    return "image" in str(caught.value)


async def test_each_run_logs_in_although_the_token_is_valid(server: FakeOpenStack, cloud: OpenStack) -> None:
    for number in range(1, 4):
        await probe(cloud).authenticate()
        assert server.logins == number
    assert await takes_the_token(cloud)
    sent = [one["X-Auth-Token"] for one in server.headers if "X-Auth-Token" in one]
    assert {*sent} == {"token-3"}


async def test_wrong_password_is_not_shown_again_while_its_refusal_stands(
    server: FakeOpenStack, cloud: OpenStack, wheel: Wheel
) -> None:
    server.password = ANOTHER
    first = await error_of(probe(cloud))
    assert first[0] is RunReason.AUTH
    assert "log-in refused (401)" in first[1]
    for _ in range(3):
        assert await error_of(probe(cloud)) == first
    assert server.logins == 1
    wheel.time_s += 301
    server.password = PASSWORD
    await probe(cloud).authenticate()
    assert server.logins == 2


@pytest.mark.parametrize("status", [401, 500])
async def test_failed_log_in_leaves_others_the_token_that_is_valid(
    status: int, server: FakeOpenStack, cloud: OpenStack, wheel: Wheel
) -> None:
    await cloud.session().access()
    server.says(_TOKENS, status)
    reason, _ = await error_of(probe(cloud))
    assert reason is (RunReason.AUTH if status == 401 else RunReason.API_ERROR)
    wheel.time_s += 1000
    assert await takes_the_token(cloud)
    assert server.headers[-1]["X-Auth-Token"] == "token-1"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, RunReason.AUTH),
        (403, RunReason.AUTH),
        (429, RunReason.API_ERROR),
        (500, RunReason.API_ERROR),
        (503, RunReason.API_ERROR),
    ],
)
async def test_keystones_answer_decides(
    status: int, reason: RunReason, server: FakeOpenStack, cloud: OpenStack
) -> None:
    server.says(_TOKENS, status)
    assert (await error_of(probe(cloud)))[0] is reason


async def test_keystone_that_is_down_is_unreachable(
    server: FakeOpenStack, cloud: OpenStack, tmp_path: Path
) -> None:
    config(tmp_path, "http://127.0.0.1:9")
    assert await error_of(probe(cloud)) == (
        RunReason.API_UNREACHABLE,
        "identity: no connection to Keystone: Connection refused",
    )
    assert server.asked == []


async def test_keystone_that_hangs_is_a_timeout(server: FakeOpenStack, cloud: OpenStack) -> None:
    server.says(_TOKENS, hangs)
    assert (await error_of(probe(cloud)))[0] is RunReason.TIMEOUT


async def test_token_for_a_domain_is_none_for_a_vm(server: FakeOpenStack, cloud: OpenStack) -> None:
    server.scope = {"domain": {"id": "default", "name": "Default"}}
    assert await error_of(probe(cloud)) == (
        RunReason.AUTH,
        "the token is for the domain default; a VM needs a project: set project_name in clouds.yaml",
    )


async def test_credential_that_clouds_yaml_does_not_have_is_the_probes_mistake(cloud: OpenStack) -> None:
    reason, text = await error_of(probe(cloud, "nobody"))
    assert reason is RunReason.PROBE_MISCONFIGURED
    assert "nobody" in text


async def test_user_without_a_role_in_the_project_is_refused(tmp_path: Path) -> None:
    async with demo_cloud() as demo, opened(demo, tmp_path) as cloud:
        await vms(cloud).authenticate()
        user = next(user for user in demo.world.users if user.name == "user1")
        user.roles.clear()
        assert (await error_of(vms(cloud)))[0] is RunReason.AUTH


async def test_credential_of_a_probe_is_logged_in_by_itself(tmp_path: Path) -> None:
    async with demo_cloud() as demo, opened(demo, tmp_path, os_cloud="admin") as cloud:
        await vms(cloud, os_cloud="user1").authenticate()
        assert (await cloud.session("user1").access()).user_name == "user1"
        counts = demo.cloud.request_counts
        assert counts["identity", "POST", "/v3/auth/tokens", 201] == 1


# -- The cloud's clock -----------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_s", [-40.25, 0.0, 3600.75])
async def test_skew_of_the_clouds_clock_is_known_by_its_tokens(ahead_s: float, tmp_path: Path) -> None:
    wheel = Wheel(math.floor(time.time()))
    async with (
        demo_cloud(now=wheel.time_s + ahead_s) as demo,
        opened(demo, tmp_path, clock=wheel.clock) as cloud,
    ):
        lifecycle = vms(cloud)
        assert lifecycle.clock_skew_s is None
        await lifecycle.authenticate()
        await lifecycle.resolve()
        shown = lifecycle.clock_skew_s
        assert shown is not None
        assert 0 <= shown - (math.floor(ahead_s) + 0.5) < FAR_S  # half of what the request took


async def test_date_of_novas_answers_says_it_where_there_is_one(
    server: FakeOpenStack, cloud: OpenStack, wheel: Wheel
) -> None:
    flavors = {"flavors": [{"id": "1", "name": "tiny", "vcpus": 1, "ram": 512}]}
    date = formatdate(wheel.time_s + 20, usegmt=True)
    server.says(_FLAVORS, web.json_response(flavors, headers={"Date": date}))
    assert await takes_the_token(cloud)
    assert probe(cloud).clock_skew_s == 20.5
