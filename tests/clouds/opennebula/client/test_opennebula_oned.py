"""Calls to oned: the credential, its refusal, statuses of proxies, bodies that are no answer."""

import asyncio
import ssl
import traceback
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from yarl import URL

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.client.request import OutcomeUnknownError, TooLargeError
from stratoscope.clouds.opennebula.client import oned as module
from stratoscope.clouds.opennebula.client.errors import ACTION, RefusedError
from stratoscope.clouds.opennebula.client.oned import Oned as Client
from stratoscope.clouds.opennebula.config import Found
from stratoscope.core.config import Secret
from stratoscope.core.errors import CollectError, Reason
from support.certificates import Authority, write
from support.little_server import listening
from support.replayed_oned import SESSION, Oned, client_of, enveloped, recorded, refused, replayed


async def test_a_call_is_answered_and_counted() -> None:
    async with replayed() as oned, client_of(oned) as client:
        assert await client.call("zonepool.info") == recorded("zonepool.info")
        assert client.budget.stats.requests["oned", "zonepool.info", "200"] == 1
        assert oned.paths == {"/RPC2"}


async def test_a_refused_password_is_not_sent_again_for_5_minutes() -> None:
    now = 1000.0
    clock = Clock(monotonic=lambda: now)
    async with replayed() as oned, client_of(oned, "oneadmin:wrong-secret", clock) as client:
        for _ in range(3):
            with pytest.raises(CollectError, match="couldn't be authenticated") as caught:
                await client.call("zonepool.info")
            assert caught.value.reason is Reason.UNAUTHORIZED
        assert oned.calls["zonepool.info"] == 1
        now += 301
        with pytest.raises(CollectError):
            await client.call("zonepool.info")
        assert oned.calls["zonepool.info"] == 2


async def test_a_refused_password_is_the_same_words_for_all_and_names_the_key() -> None:
    """Words of its own for each call would be a line of the log for each collector."""
    async with replayed() as oned, client_of(oned, "oneadmin:wrong-secret") as client:
        pools = ("zonepool.info", "hostpool.info", "vmpool.info")
        raised = await asyncio.gather(*map(client.call, pools), return_exceptions=True)
        with pytest.raises(CollectError) as later:
            await client.call("imagepool.info")
    words = {str(one) for one in (*raised, later.value)}
    assert len(words) == 1, words
    assert "couldn't be authenticated" in (said := words.pop())
    assert said.endswith("; what is refused stands in credentials_file")
    assert client.budget.stats.logins["refused"] == 3


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_server_that_is_no_oned_leads_to_the_key(status: int) -> None:
    async with _answering(web.Response(status=status)) as oned, client_of(oned) as client:
        with pytest.raises(CollectError, match=rf"answered {status}; endpoint is not that of oned's XML-RPC"):
            await client.call("zonepool.info")


async def test_a_server_of_the_zone_that_refuses_does_not_stop_the_others() -> None:
    async with replayed() as oned, client_of(oned) as client:
        oned.answers["zone.raftstatus"] = b"<methodResponse><fault><value><struct>" + _fault(0x100, "no")
        with pytest.raises(CollectError):
            await client.call("zone.raftstatus", url=URL(oned.endpoint))
        assert await client.call("zonepool.info") == recorded("zonepool.info")


async def test_an_error_that_cites_the_password_is_shown_without() -> None:
    text = f"cannot use {SESSION}, nor opennebula-secret"
    async with replayed({"vmpool.info": _failed(0x2000, text)}) as oned, client_of(oned) as client:
        with pytest.raises(CollectError) as caught:
            await client.call("vmpool.info", -2, 0, -10, -1)
    assert str(caught.value) == "oned: vmpool.info: cannot use <secret>, nor <secret> (code 0x2000)"


@pytest.mark.parametrize(
    "body",
    [
        "<methodResponse><fault><name>faultCode</name><string>{}</string></fault></methodResponse>",
        "<methodResponse><boolean>0</boolean><string>no</string><i4>{}</i4></methodResponse>",
        "<methodResponse><boolean>{}</boolean><string>no</string><i4>{}</i4></methodResponse>",
    ],
)
@pytest.mark.parametrize("cited", [SESSION, "opennebula-secret"])
async def test_an_answer_with_the_password_in_place_of_a_number_is_malformed_and_not_cited(
    body: str, cited: str
) -> None:
    answers = {"vmpool.info": body.format(cited, cited).encode()}
    async with replayed(answers) as oned, client_of(oned) as client:
        with pytest.raises(CollectError) as caught:
            await client.call("vmpool.info")
    assert caught.value.reason is Reason.MALFORMED
    assert "opennebula-secret" not in "".join(traceback.format_exception(caught.value))


async def test_a_redirect_that_cites_the_password_is_shown_without() -> None:
    async def redirect(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"https://one.example.org/?as={SESSION}"})

    async with listening(redirect) as address:
        entry = Found("one", endpoint=f"{address}/RPC2", session=Secret(SESSION))
        client = Client(entry, Budget(entry.budget))
        with pytest.raises(CollectError, match=r"a redirect to .*<secret>, which is not followed") as caught:
            await client.call("vmpool.info")
        await client.close()
    assert "opennebula-secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.UNAUTHORIZED),
        (403, Reason.UNAUTHORIZED),
        (404, Reason.UNAVAILABLE),
        (502, Reason.UNAVAILABLE),
    ],
)
async def test_a_proxy_that_answers_instead_is_named_by_its_status(status: int, reason: Reason) -> None:
    async with _answering(web.Response(status=status)) as oned, client_of(oned) as client:
        with pytest.raises(CollectError, match=f"answered {status}") as caught:
            await client.call("zonepool.info")
    assert caught.value.reason is reason


@pytest.mark.parametrize(("status", "is_unknown"), [(502, True), (503, True), (403, False), (405, False)])
async def test_an_action_is_sent_once_and_unknown_if_it_may_have_been_carried_out(
    status: int, *, is_unknown: bool
) -> None:
    sent = 0

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        nonlocal sent
        sent += 1
        return web.Response(status=status, headers={"Retry-After": "0"})

    async with listening(handle) as address:
        oned = Oned()
        oned.endpoint = f"{address}/RPC2"
        async with client_of(oned) as client:
            with pytest.raises(CollectError, match=f"answered {status}") as caught:
                await client.act("vm.action", "terminate-hard", 5)
    assert (sent, isinstance(caught.value, OutcomeUnknownError)) == (1, is_unknown)


async def test_each_action_has_a_connection_of_its_own_and_calls_share_one() -> None:
    """One that was idle may be closed at the other end, and an action is not sent again."""
    ports = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername")[1])
        return web.Response(body=enveloped("7"), content_type="text/xml")

    async with listening(handle) as address:
        oned = Oned()
        oned.endpoint = f"{address}/RPC2"
        async with client_of(oned) as client:
            for _ in range(2):
                await client.act("vm.action", "terminate-hard", 5)
            for _ in range(2):
                await client.call("vm.info", 5)
    assert (len({*ports[:2]}), len({*ports[2:]})) == (2, 1)


async def test_an_action_that_oned_refuses_is_not_unknown() -> None:
    async with replayed({"vm.action": _failed(0x800, "wrong state")}) as oned, client_of(oned) as client:
        with pytest.raises(RefusedError) as caught:
            await client.act("vm.action", "terminate-hard", 5)
    assert caught.value.code == ACTION


async def test_a_redirect_is_not_followed() -> None:
    there = web.Response(status=301, headers={"Location": "https://elsewhere.example.org/"})
    async with _answering(there) as oned, client_of(oned) as client:
        with pytest.raises(CollectError, match="a redirect to https://elsewhere"):
            await client.call("zonepool.info")


@pytest.mark.parametrize("body", [b"", b"<html/>", enveloped("<ZONE_POOL/>")[:-30]])
async def test_a_body_that_is_no_answer_is_malformed(body: bytes) -> None:
    async with replayed({"zonepool.info": body}) as oned, client_of(oned) as client:
        with pytest.raises(CollectError) as caught:
            await client.call("zonepool.info")
    assert caught.value.reason is Reason.MALFORMED


async def test_tls_below_another_path_is_trusted_by_the_given_authority_alone(tmp_path: Path) -> None:
    authority = Authority()
    write(tmp_path, authority)
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    oned = Oned()
    server = RawTestServer(oned.answer, scheme="https")
    await server.start_server(ssl=made)
    endpoint = f"https://localhost:{server.port}/zones/one/RPC2"
    session = Secret(SESSION)
    try:
        for ca_file, is_good in ((str(tmp_path / "ca.crt"), True), ("", False)):
            entry = Found("one", endpoint=endpoint, session=session, ca_file=ca_file)
            client = Client(entry, Budget(entry.budget))
            if is_good:
                assert await client.call("zonepool.info") == recorded("zonepool.info")
            else:
                with pytest.raises(CollectError, match="certificate verify failed"):
                    await client.call("zonepool.info")
            await client.close()
    finally:
        await server.close()
    assert (oned.paths, oned.calls["zonepool.info"]) == ({"/zones/one/RPC2"}, 1)


async def test_a_body_over_the_bound_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 1000)
    async with replayed() as oned, client_of(oned) as client:
        with pytest.raises(TooLargeError):
            await client.call("vmpool.info", -2, 0, -2000, -1, is_page=True)


async def test_the_endpoint_is_looked_at_without_a_credential() -> None:
    async with replayed() as oned, client_of(oned) as client:
        status, seconds = await client.look("check", client.url, 5.0)
        assert (status, oned.calls) == (200, {"stratoscope.check": 1})
        assert 0 < seconds < 5


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("https_proxy", "http://user:pass@proxy.example.org:3128", "http://proxy.example.org:3128"),
        ("no_proxy", "one.example.org", None),
        ("other", "", None),
    ],
)
def test_the_proxy_is_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, place: str | None
) -> None:
    monkeypatch.setenv("https_proxy", "http://other.example.org:3128" if name == "no_proxy" else "")
    monkeypatch.setenv(name, value)
    found = module.proxy(URL("https://one.example.org/RPC2"))
    assert (None if found is None else found.place) == place


def _fault(code: int, text: str) -> bytes:
    code_of = f"<member><name>faultCode</name><value><i4>{code}</i4></value></member>"
    text_of = f"<member><name>faultString</name><value><string>{text}</string></value></member>"
    return f"{code_of}{text_of}</struct></value></fault></methodResponse>".encode()


def _failed(code: int, text: str) -> bytes:
    return b"<methodResponse><fault><value><struct>" + _fault(code, text)


def _answering(response: web.Response) -> "_Answering":
    return _Answering(response)


class _Answering:
    """An oned of which a proxy answers everything with one response."""

    def __init__(self, response: web.Response) -> None:
        self._response = response

    async def __aenter__(self) -> Oned:
        async def answer(_: web.BaseRequest) -> web.StreamResponse:
            return self._response

        self._server = listening(answer)
        oned = Oned()
        oned.endpoint = f"{await self._server.__aenter__()}/RPC2"
        return oned

    async def __aexit__(self, *error: object) -> None:
        await self._server.__aexit__(None, None, None)


async def test_a_password_that_is_accepted_or_refused_is_a_log_in() -> None:
    now = 1000.0
    clock = Clock(monotonic=lambda: now)
    async with replayed() as oned, client_of(oned, clock=clock) as client:
        logins = client.budget.stats.logins
        assert logins == {"ok": 0, "refused": 0}
        for _ in range(2):
            await client.call("zonepool.info")
        assert logins == {"ok": 1, "refused": 0}
        oned.answers["zonepool.info"] = refused("bad_password")
        for _ in range(2):
            with pytest.raises(CollectError):
                await client.call("zonepool.info")
        assert logins == {"ok": 1, "refused": 1}
        now += 301
        del oned.answers["zonepool.info"]
        await client.call("zonepool.info")
        assert logins == {"ok": 2, "refused": 1}
