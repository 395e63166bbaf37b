"""The client of Alertmanager's API, at a server that answers as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from stratoscope.core.config import Duration
from stratoscope.downtime.matchers import Matcher
from stratoscope.downtime.silences import alertmanager
from stratoscope.downtime.silences.alertmanager import Alert, Alertmanager, Status
from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.settings import AlertmanagerSettings
from stratoscope.downtime.silences.silence import Written
from support.fake_alertmanager import on

SILENCE = Written(starts_at=1_800_000_000, ends_at=1_800_003_600, matchers=on(host="n1"), comment="c")
TIMEOUT_S = 0.5


class Answers:
    """Attributes: next: Status and body of the answers to come, the last of them again and again."""

    def __init__(self) -> None:
        self.next: list[tuple[int, str]] = [(200, "[]")]
        self.headers: dict[str, str] = {}
        self.requests: list[web.Request] = []
        self.bodies: list[str] = []
        self.hang = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.text())
        if self.hang:
            await asyncio.sleep(2 * TIMEOUT_S)
        status, body = self.next.pop(0) if len(self.next) > 1 else self.next[0]
        return web.Response(status=status, text=body, headers=self.headers)


@asynccontextmanager
async def served(**settings: object) -> AsyncIterator[tuple[Alertmanager, Answers]]:
    answers, app = Answers(), web.Application()
    app.router.add_route("*", "/{path:.*}", answers.answer)
    async with TestServer(app) as server:
        given = {"urls": (str(server.make_url("/p")),), "timeout": Duration(TIMEOUT_S)} | settings
        client = Alertmanager(AlertmanagerSettings(name="am", **given))  # type: ignore[arg-type]
        yield client, answers
        await client.close()


async def reason(client: Alertmanager) -> Reason:
    with pytest.raises(AlertmanagerError) as caught:
        await client.silences()
    return caught.value.reason


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, "", Reason.UNAUTHORIZED),
        (403, "", Reason.UNAUTHORIZED),
        (400, "no", Reason.REJECTED),
        (500, "no", Reason.FAILED),
        (400, "exceeded maximum number of silences: 2", Reason.LIMIT),
        (302, "", Reason.MALFORMED),
        (200, '[{"id": "x"', Reason.MALFORMED),
        (200, "[" * 100_000, Reason.MALFORMED),
    ],
)
async def test_an_answer_that_is_none_has_a_reason(status: int, body: str, expected: Reason) -> None:
    async with served() as (client, answers):
        answers.next = [(status, body)]
        answers.headers = {"Location": "/elsewhere"}
        assert await reason(client) is expected
        assert len(answers.requests) == 1


async def words_of(*answer: object, **headers: str) -> str:
    """What is said of an answer, without the address of the server."""
    async with served() as (client, answers):
        answers.next, answers.headers = [answer], headers  # type: ignore[list-item]  # a status and a body
        with pytest.raises(AlertmanagerError) as caught:
            await client.status()
        return str(caught.value).replace(str(client._members[0]), "URL")


async def test_an_html_page_is_named_with_address_and_type() -> None:
    html = {"Content-Type": "text/html"}
    assert await words_of(404, "<!DOCTYPE html><html>", **html) == "URL/api/v2/status: 404 an HTML page"
    assert await words_of(200, "<!DOCTYPE html><html>", **html) == (
        "URL: no answer of API v2, but text/html; charset=utf-8: an HTML page"
    )
    assert (await words_of(200, "ok", **html)).startswith(
        "URL: no answer of API v2, but text/html; charset=utf-8: JSON is"
    )


@pytest.mark.parametrize(
    ("location", "where"),
    [
        ("https://u:p@login.example/here?next=1#top", ", to https://login.example/here"),
        ("http://[", ""),
        ("mailto:bob", ""),
    ],
)
async def test_a_redirect_is_not_followed_and_its_target_is_said(location: str, where: str) -> None:
    expected = f"URL/api/v2/status: 302, a redirect, which is not followed{where}"
    assert await words_of(302, "", Location=location) == expected


async def test_a_body_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alertmanager, "LARGEST", 1000)
    async with served() as (client, answers):
        answers.next = [(200, " " * 1001)]
        assert await reason(client) is Reason.MALFORMED


async def test_one_that_hangs_costs_its_time_out() -> None:
    async with served() as (client, answers):
        answers.hang = True
        with pytest.raises(AlertmanagerError, match=r"no answer within 0.05 s"):
            await client.status(0.05)


async def test_one_that_is_not_there_is_unreachable() -> None:
    async with served(urls=("http://127.0.0.1:1",)) as (client, _):
        assert await reason(client) is Reason.UNREACHABLE


async def test_the_first_member_that_answers_is_used_and_written_to() -> None:
    async with served() as (_, answers), served() as (other, others):
        urls = ("http://127.0.0.1:1", str(other._members[0]))
        client = Alertmanager(AlertmanagerSettings(name="am", urls=urls))
        assert (await client.silences()).silences == []
        others.next = [(200, '{"silenceID": "7d"}')]
        assert await client.write(SILENCE) == "7d"
        await client.close()
        assert len(others.requests) == 2
        assert answers.requests == []


@pytest.mark.parametrize("method", ["write", "expire"])
async def test_a_member_that_answers_reads_and_no_writes_is_asked_last(method: str) -> None:
    async with served() as (first, answers), served() as (second, others):
        urls = tuple(str(one._members[0]) for one in (first, second))
        client = Alertmanager(AlertmanagerSettings(name="am", urls=urls, timeout=Duration(0.1)))
        await client.silences()
        answers.hang = True
        with pytest.raises(AlertmanagerError, match="no answer within"):
            await (client.write(SILENCE) if method == "write" else client.expire("7d"))
        answers.hang = False
        await client.silences()
        others.next = [(200, '{"silenceID": "7d"}')]
        await client.write(SILENCE)
        await client.close()
        assert [one.method for one in others.requests] == ["GET", "POST"]


async def test_a_member_that_refuses_a_write_is_asked_first_as_before() -> None:
    async with served() as (first, answers), served() as (second, others):
        urls = tuple(str(one._members[0]) for one in (first, second))
        client = Alertmanager(AlertmanagerSettings(name="am", urls=urls))
        answers.next = [(400, "no"), (200, "[]")]
        with pytest.raises(AlertmanagerError, match="400 no"):
            await client.write(SILENCE)
        await client.silences()
        await client.close()
        assert (len(answers.requests), others.requests) == (2, [])


async def test_its_clock_is_known_from_its_answer() -> None:
    async with served() as (client, answers):
        answers.headers = {"Date": "Fri, 15 Jan 2027 08:00:00 GMT"}
        client._clock = alertmanager.Clock(now=lambda: 1_800_000_100)
        assert (await client.silences()).ahead_s == -99.5
        answers.headers = {"Date": "soon"}
        assert (await client.silences()).ahead_s == 0


async def test_status_names_the_process() -> None:
    async with served() as (client, answers):
        known = '"uptime": "2027", "versionInfo": {"version": "0.25.0"}'
        member = f"{client._members[0]} 2027"
        answers.next = [(200, f'{{{known}, "cluster": {{"status": "disabled"}}}}')]
        assert await client.status() == Status(member, "0.25.0", frozenset({"2027"}))
        peers = '[{"name": "A", "address": "10.0.0.1:9094"}, {"name": "B", "address": "10.0.0.2:9094"}]'
        answers.next = [
            (200, f'{{{known}, "cluster": {{"name": "A", "status": "ready", "peers": {peers}}}}}')
        ]
        assert await client.status() == Status(member, "0.25.0", frozenset({"A", "B"}))


async def test_alerts_are_asked_for_by_matchers() -> None:
    async with served() as (client, answers):
        answers.next = [(200, '[{"labels": {"host": "n1"}, "status": {}}]')]
        found = await client.alerts([Matcher("host", "n.*", is_regex=True), Matcher("a", "b")])
        assert found == (Alert({"host": "n1"}),)
        assert answers.requests[0].query.getall("filter") == ['host=~"n.*"', 'a="b"']


async def test_one_to_be_updated_that_has_vanished_is_created() -> None:
    async with served() as (client, answers):
        answers.next = [(404, ""), (200, '{"silenceID": "new"}')]
        assert await client.write(replace(SILENCE, id="x")) == "new"
        assert ['"id":"x"' in body for body in answers.bodies] == [True, False]


async def test_expiring_one_that_has_vanished_is_no_failure() -> None:
    async with served() as (client, answers):
        answers.next = [(404, "")]
        await client.expire("7d")
        assert (answers.requests[0].method, answers.requests[0].path) == ("DELETE", "/p/api/v2/silence/7d")


async def test_an_id_does_not_lead_to_another_path() -> None:
    async with served() as (client, answers):
        answers.next = [(404, "")]
        await client.expire("../../../x?y")
        assert answers.requests[0].raw_path == "/p/api/v2/silence/..%2F..%2F..%2Fx%3Fy"


async def test_credentials_are_read_anew_for_each_request(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one\n")
    async with served(bearer_token_file=str(secret)) as (client, answers):
        await client.silences()
        secret.write_text("two")
        await client.silences()
        assert [one.headers["Authorization"] for one in answers.requests] == ["Bearer one", "Bearer two"]
    async with served(user="u", password_file=str(secret)) as (client, answers):
        await client.silences()
        assert answers.requests[0].headers["Authorization"] == "Basic dTp0d28="
        secret.write_text("a\nb")
        assert await reason(client) is Reason.CREDENTIALS
        secret.unlink()
        with pytest.raises(AlertmanagerError, match=f"am: password_file: {secret}: No such file"):
            await client.silences()
