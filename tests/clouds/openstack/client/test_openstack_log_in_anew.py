"""A log-in although the token in use is valid: what it replaces, and what it leaves alone."""

import asyncio

import pytest

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.client.request import CallError
from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.core.config import Duration
from stratoscope.core.errors import CollectError, Reason
from support.fake_openstack import PASSWORD, FakeOpenStack, hangs
from support.source import until
from support.wheel import Wheel

SERVERS = Ask("compute", "servers", "/servers/detail")
ANOTHER = "another"
_TOKENS = "/identity/v3/auth/tokens"

pytestmark = pytest.mark.usefixtures("in_time")


def used(cloud: FakeOpenStack) -> str:
    """The token of the last request to a service."""
    return cloud.headers[-1]["X-Auth-Token"]


async def test_new_token_replaces_the_one_in_use(cloud: FakeOpenStack, client: Client) -> None:
    for number in (1, 2, 3):
        access = await client.log_in()
        await client.send(SERVERS)
        assert (used(cloud), cloud.logins, access.user_name) == (f"token-{number}", number, "admin")


async def test_those_who_log_in_at_once_share_one_log_in(cloud: FakeOpenStack, client: Client) -> None:
    await asyncio.gather(*(client.log_in() for _ in range(10)), client.access())
    assert cloud.logins == 1


async def test_refusal_stands_and_leaves_the_token_in_use(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    await client.access()
    cloud.password = ANOTHER
    for _ in range(3):
        with pytest.raises(CollectError, match="refused") as caught:
            await client.log_in()
        assert caught.value.reason is Reason.UNAUTHORIZED
        await client.send(SERVERS)
        assert (used(cloud), cloud.logins) == ("token-1", 2)
    wheel.time_s += 301
    cloud.password = PASSWORD
    await client.log_in()
    await client.send(SERVERS)
    assert (used(cloud), cloud.logins) == ("token-2", 3)


async def test_who_stops_waiting_for_it_takes_no_token_away(cloud: FakeOpenStack, client: Client) -> None:
    await client.access()
    cloud.says(_TOKENS, hangs)
    task = asyncio.create_task(client.log_in())
    await until(lambda: cloud.logins == 2)
    task.cancel()
    await asyncio.wait({task})
    await client.send(SERVERS)
    assert used(cloud) == "token-1"


@pytest.mark.parametrize(("status", "reason"), [(429, Reason.BUSY), (503, Reason.UNAVAILABLE)])
async def test_status_of_keystones_refusal_is_known(
    status: int, reason: Reason, cloud: FakeOpenStack, client: Client
) -> None:
    cloud.says(_TOKENS, status)
    with pytest.raises(CollectError) as caught:
        await client.log_in()
    cause = caught.value.__cause__
    assert isinstance(cause, CallError)
    assert (cause.code, cause.reason, caught.value.reason) == (str(status), reason, reason)


async def test_changed_timeout_of_the_budget_holds_for_the_next_log_in(
    cloud: FakeOpenStack, client: Client
) -> None:
    await client.access()
    cloud.says(_TOKENS, hangs)
    client.budget.limits = Limits(requests_per_second=1000, timeout=Duration(0.05))
    with pytest.raises(CollectError, match=r"timed out after 0\.05 s") as caught:
        await client.log_in()
    assert caught.value.reason is Reason.TIMEOUT
