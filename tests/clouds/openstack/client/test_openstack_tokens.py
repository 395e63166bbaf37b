"""Tokens that services refuse, that are for nothing, or that expire at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from stratoscope.clouds.openstack.client.login import GAP_S
from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_openstack import FakeOpenStack, config, entry, opened, running
from support.wheel import Wheel

PATH = "/compute/v2.1/servers/detail"
SERVERS = Ask("compute", "servers", "/servers/detail")
FLAVORS = Ask("compute", "flavors", "/flavors/detail")
PORTS = Ask("network", "ports", "/v2.0/ports")
REFUSES = web.Response(status=401)


@pytest.fixture
async def cloud() -> AsyncIterator[FakeOpenStack]:
    async with running() as cloud:
        cloud.says(PATH, b"{}")
        cloud.says("/compute/v2.1/flavors/detail", b"{}")
        cloud.says("/network/v2.0/ports", b"{}")
        yield cloud


@pytest.fixture
def wheel() -> Iterator[Wheel]:
    wheel = Wheel()
    token = DEADLINE.set(wheel.time_s + 100_000)
    yield wheel
    DEADLINE.reset(token)


@pytest.fixture
async def client(cloud: FakeOpenStack, wheel: Wheel, tmp_path: Path) -> AsyncIterator[Client]:
    async with opened(config(tmp_path, cloud.url), wheel.clock) as client:
        yield client


async def _reason(client: Client, ask: Ask = SERVERS) -> Reason | LeftOut:
    with pytest.raises((CollectError, LeftOutError)) as caught:
        await client.send(ask)
    error = caught.value
    assert isinstance(error, CollectError | LeftOutError)
    return error.reason


async def test_a_service_that_alone_refuses_a_fresh_token_is_left_out_until_the_next(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    cloud.says(PATH, REFUSES)
    cloud.says("/compute/v2.1/flavors/detail", REFUSES)
    await client.send(PORTS)
    assert await _reason(client) is Reason.UNAUTHORIZED  # nobody has taken the new token yet
    await client.send(PORTS)
    for ask in (SERVERS, FLAVORS) * 3:
        assert await _reason(client, ask) is LeftOut.UNAUTHORIZED
    assert (cloud.logins, cloud.count("GET /compute")) == (2, 3)
    cloud.says(PATH, b"{}")
    wheel.time_s += 3000
    assert await _reason(client) is LeftOut.UNAUTHORIZED
    wheel.time_s += 599  # the token is renewed
    assert await client.send(SERVERS) == b"{}"
    assert cloud.logins == 3


async def test_one_that_goes_on_to_refuse_costs_two_log_ins_a_token(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    cloud.says(PATH, REFUSES)
    for _ in range(3):
        for _ in range(20):
            await client.send(PORTS)
            await _reason(client)
        wheel.time_s += 3599
    assert cloud.logins == 6


async def test_a_path_that_alone_refuses_a_fresh_token_costs_itself_alone(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    cloud.says(PATH, REFUSES)
    for _ in range(50):
        assert await client.send(FLAVORS) == b"{}"
        assert await _reason(client) in {Reason.UNAUTHORIZED, LeftOut.UNAUTHORIZED}
        wheel.time_s += 60
    assert (cloud.logins, cloud.count(f"GET {PATH}")) == (2, 2)


async def test_an_operation_of_which_one_path_is_refused_goes_on_and_logs_in_seldom(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    """Quotas are asked for project by project, and a policy may deny one of them with 401."""
    cloud.says("/network/v2.0/quotas/a", b"{}")
    cloud.says("/network/v2.0/quotas/b", REFUSES)
    good, bad = (Ask("network", "quotas", f"/v2.0/quotas/{one}") for one in "ab")
    for _ in range(50):
        assert await client.send(good) == b"{}"
        assert await _reason(client, bad) in {Reason.UNAUTHORIZED, LeftOut.UNAUTHORIZED}
        await client.send(PORTS)
        wheel.time_s += 60
    assert cloud.logins <= 1 + 50 * 60 / 300
    assert cloud.count("GET /network/v2.0/quotas/a") == 50


async def test_many_paths_that_refuse_share_one_new_token(cloud: FakeOpenStack, client: Client) -> None:
    asks = [Ask("compute", f"op{number}", f"/{number}") for number in range(20)]
    for number in range(20):
        cloud.says(f"/compute/v2.1/{number}", REFUSES)
    for ask in asks * 3:
        await client.send(PORTS)
        assert await _reason(client, ask) in {Reason.UNAUTHORIZED, LeftOut.UNAUTHORIZED}
    assert cloud.logins == 2


async def test_a_token_that_is_revoked_while_another_path_refuses_all_is_replaced(
    cloud: FakeOpenStack, client: Client
) -> None:
    cloud.says(PATH, REFUSES)
    await client.send(PORTS)
    await _reason(client)
    await client.send(PORTS)
    cloud.valid.clear()
    assert await client.send(PORTS) == b"{}"
    assert cloud.logins == 3


async def test_where_no_service_takes_a_token_all_fail_with_one_new_token(
    cloud: FakeOpenStack, client: Client
) -> None:
    cloud.says(PATH, REFUSES)
    cloud.says("/network/v2.0/ports", REFUSES)
    for _ in range(5):
        assert await _reason(client) is Reason.UNAUTHORIZED
        assert await _reason(client, PORTS) is Reason.UNAUTHORIZED
    assert cloud.logins == 2


async def test_a_token_that_neutron_does_not_take_from_nova_is_replaced(
    cloud: FakeOpenStack, client: Client
) -> None:
    words = "Networking client is experiencing an unauthorized exception."
    body = {"badRequest": {"code": 400, "message": words}}

    async def passed_on(_: web.Request) -> web.Response:
        return web.json_response(body, status=400) if cloud.logins == 1 else web.json_response({})

    cloud.says(PATH, passed_on)
    assert await client.send(SERVERS) == b"{}"
    assert cloud.logins == 2


async def test_a_list_of_versions_takes_no_token(cloud: FakeOpenStack, client: Client) -> None:
    cloud.says(PATH, REFUSES)
    cloud.says("/network/", {"versions": []})
    await client.send(Ask("network", "versions", None))
    await _reason(client)
    await client.send(Ask("network", "versions", None))
    assert await _reason(client) is Reason.UNAUTHORIZED


async def test_a_service_that_takes_it_again_is_not_left_out(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    cloud.says(PATH, REFUSES, REFUSES, b"{}", REFUSES, b"{}")
    assert await _reason(client) is Reason.UNAUTHORIZED
    assert await client.send(SERVERS) == b"{}"
    await client.send(PORTS)
    wheel.time_s += 301
    assert await client.send(SERVERS) == b"{}"  # after one more log-in


UNSCOPED: Mapping[str, Any] = {}
OF_A_DOMAIN = {"domain": {"id": "default", "name": "Default"}}
OF_THE_SYSTEM = {"system": {"all": True}}


async def _refused(client: Client, caplog: pytest.LogCaptureFixture) -> str:
    """What the one line says, when every collector fails as unauthorized."""
    outcomes = await asyncio.gather(
        *(client.send(ask) for ask in (SERVERS, PORTS, FLAVORS)), return_exceptions=True
    )
    assert [one.reason for one in outcomes if isinstance(one, CollectError)] == [Reason.UNAUTHORIZED] * 3
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    return line


@pytest.mark.parametrize("entries", [None, []])
async def test_a_token_without_a_scope_is_no_token(
    cloud: FakeOpenStack, client: Client, caplog: pytest.LogCaptureFixture, entries: list[Any] | None
) -> None:
    cloud.scope, cloud.entries = UNSCOPED, entries
    assert "no scope; set project_name or project_id in clouds.yaml" in await _refused(client, caplog)
    assert cloud.count("GET /compute") == 0


async def test_it_is_asked_for_again_as_seldom_as_after_a_refusal(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    cloud.scope = UNSCOPED
    for _ in range(10):
        await _reason(client)
    assert cloud.logins == 1
    cloud.scope = None
    wheel.time_s += 301
    assert await client.send(SERVERS) == b"{}"


async def test_an_empty_catalogue_is_no_cloud(
    cloud: FakeOpenStack, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.entries = []
    line = await _refused(client, caplog)
    assert "catalogue is empty; is project_name or project_id in clouds.yaml the right one?" in line


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([5, "x", None], "all its entries are malformed"),
        ([{"type": None, "endpoints": []}], "all its entries are malformed"),
        ([{"type": "compute", "endpoints": None}], "compute: the catalogue has no public endpoint of it"),
        (
            [entry("compute", "$(nova)s"), entry("network", "x")],
            "compute: its URL in the catalogue is invalid",
        ),
        ([entry("compute", "http://c", interface="internal")], "it; it has: internal"),
        ([entry("identity", "http:///")], "all its entries are malformed"),
    ],
)
async def test_a_catalogue_of_which_nothing_can_be_used_is_one_line(
    cloud: FakeOpenStack, client: Client, caplog: pytest.LogCaptureFixture, entries: list[Any], said: str
) -> None:
    cloud.entries = entries
    outcomes = await asyncio.gather(*map(client.send, (SERVERS, PORTS, FLAVORS)), return_exceptions=True)
    assert [one.reason for one in outcomes if isinstance(one, CollectError)] == [Reason.UNAVAILABLE] * 3
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert "nothing in the token's catalogue can be used" in line
    assert said in line


async def test_a_cloud_that_has_a_keystone_alone_is_one(cloud: FakeOpenStack, client: Client) -> None:
    cloud.entries = [entry("identity", f"{cloud.url}/identity/v3")]
    assert await _reason(client) is LeftOut.ABSENT
    assert (await client.access()).services == {"identity"}


async def test_with_overrides_an_empty_catalogue_will_do(
    cloud: FakeOpenStack, tmp_path: Path, wheel: Wheel
) -> None:
    cloud.entries = []
    more = {"compute_endpoint_override": f"{cloud.url}/compute/v2.1"}
    async with opened(config(tmp_path, cloud.url, **more), wheel.clock) as client:
        assert await client.send(SERVERS) == b"{}"
        assert await _reason(client, PORTS) is LeftOut.ABSENT


@pytest.mark.parametrize("scope", [OF_A_DOMAIN, OF_THE_SYSTEM])
async def test_a_token_for_the_system_or_a_domain_is_one(
    cloud: FakeOpenStack, client: Client, scope: Mapping[str, Any]
) -> None:
    cloud.scope = scope
    assert await client.send(SERVERS) == b"{}"
    access = await client.access()
    assert (access.project_id, access.domain_id, access.is_system) == (
        ("", "default", False) if scope is OF_A_DOMAIN else ("", "", True)
    )


@pytest.mark.parametrize("lives_s", [-5, 0, 3])
async def test_tokens_that_expire_at_once_are_not_got_one_after_the_other(
    cloud: FakeOpenStack, client: Client, wheel: Wheel, caplog: pytest.LogCaptureFixture, lives_s: float
) -> None:
    cloud.lives_s = lives_s
    caplog.set_level(logging.INFO)
    outcomes = []
    for _ in range(24 * 12):
        outcomes += await asyncio.gather(client.send(SERVERS), return_exceptions=True)
        wheel.time_s += 2.5
    errors = {(one.reason, str(one)) for one in outcomes if isinstance(one, CollectError)}
    lives = f"tokens expire {max(0, lives_s):g} s after the log-in"
    said = f"identity: {lives}, and the next is made after {GAP_S:g} s"
    assert errors == {(Reason.UNAVAILABLE, said)}
    assert cloud.logins == 24
    assert b"{}" in outcomes
    assert len([record for record in caplog.records if record.name.endswith(".login")]) == 1


async def test_the_end_of_that_is_said(
    cloud: FakeOpenStack, client: Client, wheel: Wheel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cloud.lives_s = 0
    await client.send(SERVERS)
    await _reason(client)
    cloud.lives_s = 3600
    wheel.time_s += GAP_S
    await client.send(SERVERS)
    levels = [record.levelno for record in caplog.records if record.name.endswith(".login")]
    assert levels == [logging.ERROR, logging.INFO]


async def test_a_token_that_is_refused_is_replaced_however_young_it_is(
    cloud: FakeOpenStack, client: Client
) -> None:
    await client.send(SERVERS)
    cloud.valid.clear()
    await client.send(SERVERS)
    assert cloud.logins == 2
