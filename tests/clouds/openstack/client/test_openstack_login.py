"""The log-in: how often, for how long, and what is said when it fails."""

import asyncio
import json
import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from aiohttp import web

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.core.collector import Collection, Collector, Every
from stratoscope.core.config import Duration
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.metrics import Sample
from stratoscope.core.runner import Runner
from support.fake_openstack import PASSWORD, FakeOpenStack, clouds_yaml, config, hangs, opened, running
from support.source import until
from support.wheel import Wheel

SERVERS = Ask("compute", "servers", "/servers/detail")
ANOTHER = "another"
_TOKENS = "/identity/v3/auth/tokens"

pytestmark = pytest.mark.usefixtures("in_time")


@pytest.fixture
def clock(wheel: Wheel) -> Clock:
    return wheel.clock


async def _all(client: Client, number: int) -> Sequence[bytes | BaseException]:
    """What so many collectors that begin together come to."""
    return await asyncio.gather(*(client.send(SERVERS) for _ in range(number)), return_exceptions=True)


def _failures(outcomes: Sequence[bytes | BaseException]) -> set[tuple[Reason, str]]:
    errors = [outcome for outcome in outcomes if isinstance(outcome, CollectError)]
    assert len(errors) == len(outcomes), outcomes
    return {(error.reason, str(error)) for error in errors}


async def test_many_collectors_share_one_log_in(cloud: FakeOpenStack, client: Client) -> None:
    assert await _all(client, 10) == [b'{"servers": []}'] * 10
    assert cloud.logins == 1
    assert client.budget.stats.spent().logins == {"ok": 1, "refused": 0, "failed": 0}


@pytest.mark.parametrize(("role", "is_admin"), [("Admin", True), ("ADMIN", True), ("administrator", False)])
async def test_the_case_of_a_roles_name_does_not_matter(
    cloud: FakeOpenStack, client: Client, role: str, *, is_admin: bool
) -> None:
    cloud.roles = [role, "Reader"]
    access = await client.access()
    assert (access.is_admin, access.roles) == (is_admin, {role.lower(), "reader"})


async def test_its_requests_are_counted_like_all_others(cloud: FakeOpenStack, client: Client) -> None:
    access = await client.access()
    spent = client.budget.stats.spent()
    assert spent.requests == {("identity", "auth_tokens", "300"): 1, ("identity", "auth_tokens", "201"): 1}
    assert spent.size["identity", "auth_tokens", "201"] > 1000
    assert spent.seconds["identity", "auth_tokens", "201"] > 0
    assert spent.token_expires["test"] > time.time()
    assert access.roles == {"admin", "reader"}
    assert access.is_admin
    assert (access.project_name, access.user_name) == ("admin", "admin")
    assert "block-storage" in access.services
    assert cloud.headers[0]["User-Agent"].startswith("stratoscope/")


async def test_a_wrong_password_is_tried_ever_less_often(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    cloud.password = ANOTHER
    DEADLINE.set(wheel.time_s + 100_000)
    tried_at: list[int] = []
    for minute in range(6 * 60):
        before = cloud.logins
        await _all(client, 1)
        tried_at += [minute] * (cloud.logins - before)
        wheel.time_s += 60
    assert tried_at == [0, 5, 15, 35, *range(75, 6 * 60, 60)]


async def test_one_right_password_makes_the_next_refusal_the_first_again(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    DEADLINE.set(wheel.time_s + 100_000)
    cloud.password = ANOTHER
    for _ in range(3):
        await _all(client, 1)
        wheel.time_s += 3601
    cloud.says(_TOKENS, 500)
    await _all(client, 1)  # says nothing of the password
    wheel.time_s += 6
    cloud.says(_TOKENS, web.json_response({}, status=401))
    await _all(client, 1)
    wheel.time_s += 1201
    await _all(client, 1)
    assert cloud.logins == 5
    wheel.time_s += 3601
    cloud.password = PASSWORD
    cloud.says(_TOKENS, cloud._login)
    assert await _all(client, 1) == [b'{"servers": []}']
    cloud.valid.clear()
    cloud.password = ANOTHER
    await _all(client, 1)
    wheel.time_s += 301
    await _all(client, 1)
    assert cloud.logins == 8


async def test_a_wrong_password_is_tried_once_in_five_minutes(
    cloud: FakeOpenStack, client: Client, wheel: Wheel, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.password = ANOTHER
    caplog.set_level(logging.DEBUG)
    expected = {
        (
            Reason.UNAUTHORIZED,
            "identity: log-in refused (401): The request you have made requires authentication.",
        )
    }
    assert _failures(await _all(client, 10)) == expected
    wheel.time_s += 299
    assert _failures(await _all(client, 10)) == expected
    assert cloud.logins == 1
    wheel.time_s += 2
    assert _failures(await _all(client, 10)) == expected
    assert cloud.logins == 2
    assert client.budget.stats.spent().logins["refused"] == 2
    assert PASSWORD not in caplog.text
    assert [record.levelno for record in caplog.records if "log-in failed" in record.message] == [40, 10]


async def test_after_a_right_password_it_goes_on(cloud: FakeOpenStack, client: Client, wheel: Wheel) -> None:
    cloud.password = ANOTHER
    await _all(client, 2)
    cloud.password = PASSWORD
    wheel.time_s += 301
    assert await _all(client, 2) == [b'{"servers": []}'] * 2


async def test_a_keystone_that_is_away_is_tried_once_for_all_and_soon_again(
    cloud: FakeOpenStack, client: Client, wheel: Wheel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cloud.says(_TOKENS, 500)
    assert [reason for reason, _ in _failures(await _all(client, 10))] == [Reason.UNAVAILABLE]
    assert cloud.logins == 1
    wheel.time_s += 6
    cloud.says(_TOKENS, 502)
    await _all(client, 10)
    assert cloud.logins == 2
    assert client.budget.stats.spent().logins == {"ok": 0, "refused": 0, "failed": 2}
    assert [record.levelno for record in caplog.records if "log-in failed" in record.message] == [40]


async def test_a_log_in_that_works_again_is_said_once(
    cloud: FakeOpenStack, client: Client, wheel: Wheel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    cloud.password = ANOTHER
    await _all(client, 10)
    cloud.password = PASSWORD
    wheel.time_s += 301
    await _all(client, 10)
    assert [record.message for record in caplog.records if record.levelno == logging.INFO] == [
        "logged in again cloud=uni os_cloud=test"
    ]


async def test_no_keystone_at_all_is_said_in_one_plain_line(clock: Clock, tmp_path: Path) -> None:
    async with running() as cloud:
        url = cloud.url
    async with opened(config(tmp_path, url), clock) as client:
        failures = _failures(await _all(client, 5))
    assert failures == {(Reason.UNAVAILABLE, "identity: no connection to Keystone: Connection refused")}


async def test_a_keystone_that_hangs_is_a_time_out_and_counted(
    cloud: FakeOpenStack, tmp_path: Path, clock: Clock
) -> None:
    cloud.says(_TOKENS, hangs)
    async with opened(config(tmp_path, cloud.url, Limits(timeout=Duration(0.5))), clock) as client:
        failures = _failures(await _all(client, 5))
        assert [reason for reason, _ in failures] == [Reason.TIMEOUT]
        assert client.budget.stats.spent().requests["identity", "auth_tokens", "timeout"] >= 1
    assert cloud.logins == 1


async def test_who_has_no_time_left_does_not_end_the_log_in_for_others(
    cloud: FakeOpenStack, tmp_path: Path
) -> None:
    go_on = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response(status=401)

    cloud.says(_TOKENS, slow)
    async with opened(config(tmp_path, cloud.url)) as client:
        DEADLINE.set(asyncio.get_running_loop().time() + 0.05)
        with pytest.raises(CollectError, match="no log-in within") as caught:
            await client.access()
        assert caught.value.reason is Reason.TIMEOUT
        DEADLINE.set(asyncio.get_running_loop().time() + 60)
        waiting = asyncio.create_task(client.access())
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(CollectError, match="refused"):
            await waiting
    assert cloud.logins == 1


async def test_a_token_is_renewed_before_it_ends_and_nobody_waits(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    await _all(client, 2)
    wheel.time_s += 3600 - 299
    assert await _all(client, 5) == [b'{"servers": []}'] * 5
    await until(lambda: cloud.logins == 2)
    await until(lambda: client.budget.stats.spent().logins["ok"] == 2)
    await _all(client, 1)
    assert cloud.headers[-1]["X-Auth-Token"] == "token-2"
    assert cloud.logins == 2


async def test_while_the_token_is_valid_a_dead_keystone_does_not_matter(
    cloud: FakeOpenStack, client: Client, wheel: Wheel
) -> None:
    await _all(client, 1)
    cloud.says(_TOKENS, 500)
    wheel.time_s += 3600 - 200
    began = wheel.time_s
    while client.budget.stats.spent().logins["failed"] < 3:
        assert await _all(client, 3) == [b'{"servers": []}'] * 3
        await asyncio.sleep(0.01)  # it logs in beside them
        wheel.time_s += 1
        assert wheel.time_s < began + 150
    assert cloud.logins <= 2 + (wheel.time_s - began) / 5  # once in five seconds
    wheel.time_s += 200
    assert [reason for reason, _ in _failures(await _all(client, 3))] == [Reason.UNAVAILABLE]


async def test_an_expired_token_is_not_shown(cloud: FakeOpenStack, client: Client, wheel: Wheel) -> None:
    await _all(client, 1)
    wheel.time_s += 3600
    await _all(client, 3)
    assert cloud.logins == 2
    assert cloud.headers[-1]["X-Auth-Token"] == "token-2"


@pytest.mark.parametrize(("status", "reason"), [(429, Reason.BUSY), (503, Reason.UNAVAILABLE)])
async def test_a_keystone_that_asks_to_wait_is_left_alone(
    cloud: FakeOpenStack, client: Client, wheel: Wheel, status: int, reason: Reason
) -> None:
    cloud.says(_TOKENS, web.Response(status=status, headers={"Retry-After": "120"}))
    for _ in range(10):
        assert [one for one, _ in _failures(await _all(client, 3))] == [reason]
        wheel.time_s += 8
    assert cloud.logins == 1
    assert "identity" in client.budget.paused()


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b"{}", b'{"token": {}}', b'{"token": []}', b"\xff\x00"]
)
async def test_what_is_no_keystone_is_malformed(cloud: FakeOpenStack, client: Client, body: bytes) -> None:
    cloud.says(_TOKENS, web.Response(body=body, headers={"X-Subject-Token": "t"}, content_type="text/html"))
    assert [reason for reason, _ in _failures(await _all(client, 2))] == [Reason.MALFORMED]


async def test_a_wrong_address_is_unavailable(cloud: FakeOpenStack, tmp_path: Path, clock: Clock) -> None:
    configured = config(tmp_path, f"{cloud.url}/nowhere")
    async with opened(configured, clock) as client:
        assert [reason for reason, _ in _failures(await _all(client, 2))] == [Reason.UNAVAILABLE]
    assert cloud.logins == 0


async def test_a_clouds_yaml_that_is_gone_meanwhile_is_unavailable(
    cloud: FakeOpenStack, tmp_path: Path, clock: Clock
) -> None:
    configured = config(tmp_path, cloud.url)
    (tmp_path / "clouds.yaml").unlink()
    async with opened(configured, clock) as client:
        ((reason, message),) = _failures(await _all(client, 2))
        assert reason is Reason.UNAVAILABLE
        assert "No such file" in message
        with pytest.raises(CollectError):
            await client.places()


async def test_an_application_credential_logs_in(cloud: FakeOpenStack, clock: Clock, tmp_path: Path) -> None:
    seen: list[object] = []

    async def login(request: web.Request) -> web.StreamResponse:
        seen.append((await request.json())["auth"]["identity"]["application_credential"]["id"])
        cloud.valid.add("t")
        return web.Response(
            status=201,
            body=json.dumps(cloud._token()),
            headers={"X-Subject-Token": "t"},
            content_type="application/json",
        )

    cloud.says(_TOKENS, login)
    configured = config(tmp_path, cloud.url)
    auth = {
        "auth_url": f"{cloud.url}/identity/v3",
        "application_credential_id": "a1",
        "application_credential_secret": PASSWORD,
    }
    clouds_yaml(tmp_path, cloud.url, auth_type="v3applicationcredential", auth=auth)
    async with opened(configured, clock) as client:
        assert (await client.access()).is_admin
    assert seen == ["a1"]


class _Servers(Collector[bytes]):
    """A collector that wants a token."""

    name, families = "servers", ()

    def __init__(self, client: Client) -> None:
        self._client = client

    async def fetch(self) -> bytes:
        return await self._client.send(SERVERS)

    def samples(self, _: bytes, /) -> Iterable[Sample]:
        return ()


async def test_a_keystone_that_hangs_is_said_once_for_all_who_give_up_waiting(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("stratoscope.clouds.openstack.client.login.FAILED_FOR_S", 0)  # it lasts 5 s
    monkeypatch.setattr("stratoscope.clouds.openstack.client.login._FAIR_S", 0.0)  # a second is long
    caplog.set_level(logging.INFO)
    cloud.says(_TOKENS, hangs)
    async with opened(config(tmp_path, cloud.url, Limits(timeout=Duration(1.5)))) as client:
        schedules = [Every(60, 1 + number / 50, 300) for number in range(4)]
        runners = [Runner(Collection(_Servers(client), schedule)) for schedule in schedules]
        await asyncio.gather(*(runner.first() for runner in runners))
        assert {runner.status.reason for runner in runners} == {Reason.TIMEOUT}
        await until(lambda: client.budget.stats.spent().logins["failed"] == 1)
        assert [record.levelno for record in caplog.records] == [logging.ERROR], caplog.text
        assert "log-in failed cloud=uni reason=timeout" in caplog.text
        cloud.says(_TOKENS, cloud._login)
        caplog.clear()
        await runners[0].first()
        assert [record.message for record in caplog.records] == [
            "logged in again cloud=uni os_cloud=test",
            "recovered collector=servers cloud=",
        ]


async def test_a_slow_keystone_that_fails_again_and_again_is_no_storm_in_the_log(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("stratoscope.clouds.openstack.client.login.FAILED_FOR_S", 0)  # it lasts 5 s
    monkeypatch.setattr("stratoscope.clouds.openstack.client.login._FAIR_S", 0.0)  # a second is long

    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.4)
        return web.Response(status=504)

    cloud.says(_TOKENS, slow)
    async with opened(config(tmp_path, cloud.url, Limits(timeout=Duration(10)))) as client:
        for failed in range(1, 5):
            DEADLINE.set(asyncio.get_running_loop().time() + 0.3)
            with pytest.raises(CollectError, match="no log-in within"):
                await client.access()
            await until(lambda failed=failed: client.budget.stats.logins["failed"] == failed)
    reasons = [record.message.split()[3] for record in caplog.records if record.levelno == logging.ERROR]
    assert reasons == ["reason=timeout", "reason=unavailable"]


async def test_closing_ends_a_log_in_under_way(cloud: FakeOpenStack, tmp_path: Path) -> None:
    cloud.says(_TOKENS, hangs)
    DEADLINE.set(asyncio.get_running_loop().time() + 60)
    async with opened(config(tmp_path, cloud.url, Limits(timeout=Duration(10)))) as client:
        waiting = asyncio.create_task(client.access())
        await until(lambda: cloud.logins == 1)
    with pytest.raises(CollectError, match="closed"):
        await waiting


async def test_who_finds_the_token_refused_later_gets_the_one_that_is_there(
    cloud: FakeOpenStack, client: Client
) -> None:
    await client.access()
    first = await client._login.token()
    second = await client._login.another(first)
    assert await client._login.another(first) is second
    assert cloud.logins == 2


async def test_a_log_in_that_goes_on_for_ever_is_given_up(
    cloud: FakeOpenStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "stratoscope.clouds.openstack.client.login._PATIENCE", 0.25
    )  # four times the time-out is long
    cloud.says(_TOKENS, hangs)
    DEADLINE.set(asyncio.get_running_loop().time() + 60)
    async with opened(config(tmp_path, cloud.url, Limits(timeout=Duration(0.2)))) as client:
        with pytest.raises(CollectError, match=r"no log-in within 0.05 s") as caught:
            await client.access()
    assert caught.value.reason is Reason.TIMEOUT


async def test_a_log_in_that_wants_more_than_a_password_is_refused(
    cloud: FakeOpenStack, client: Client
) -> None:
    receipt = {"methods": ["password"], "expires_at": "2026-01-01T00:00:00Z"}
    body = {"receipt": receipt, "required_auth_methods": [["password", "totp"]]}
    cloud.says(_TOKENS, web.json_response(body, status=401, headers={"Openstack-Auth-Receipt": "r"}))
    ((reason, message),) = _failures(await _all(client, 3))
    assert reason is Reason.UNAUTHORIZED
    assert "totp" in message
    assert cloud.logins == 1


async def test_a_token_that_is_not_there_is_malformed(cloud: FakeOpenStack, client: Client) -> None:
    cloud.says(_TOKENS, web.json_response(cloud._token(), status=201))
    assert [reason for reason, _ in _failures(await _all(client, 2))] == [Reason.MALFORMED]


async def test_a_collection_that_began_just_before_its_end_says_nothing_of_the_log_in(
    cloud: FakeOpenStack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.says(_TOKENS, hangs)
    async with opened(config(tmp_path, cloud.url)) as client:
        DEADLINE.set(asyncio.get_running_loop().time() + 0.2)
        with pytest.raises(CollectError, match=r"no log-in within 0\.") as caught:
            await client.send(SERVERS)
    assert caught.value.reason is Reason.TIMEOUT
    assert "log-in failed" not in caplog.text
