"""Where nothing is configured to log in with: this machine's own clients, and nobody else."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from stratoscope.core.web.asking.peer import names_this_machine, why_not_local
from stratoscope.core.web.asking.settings import Guard
from support.asking import OTHER_ADDRESS, WHOAMI, access_settings, ask, bearer, sha256
from support.connections import serving
from support.services import FakeService, served

STRANGERS = {
    "rebound name": {"Host": "evil.example"},
    "rebound name with our port": {"Host": "evil.example:10974"},
    "name that begins like ours": {"Host": "localhost.evil.example"},
    "address that begins like ours": {"Host": "127.0.0.1.evil.example"},
    "no name": {"Host": ""},
    "every address": {"Host": "0.0.0.0"},  # noqa: S104 - it is sent
    "page of another site": {"Sec-Fetch-Site": "cross-site"},
    "page of another port": {"Sec-Fetch-Site": "same-site"},
    "page of another origin": {"Host": "localhost:1", "Origin": "http://localhost:2"},
    "sandboxed page": {"Origin": "null"},
    "proxy": {"X-Forwarded-For": "192.0.2.1"},
    "proxy by the standard": {"Forwarded": "for=192.0.2.1"},
    "proxy that tells of TLS alone": {"X-Forwarded-Proto": "https"},
    "proxy that names itself": {"Via": "1.1 proxy"},
    **{
        f"proxy that sends {name}": {name: "192.0.2.1"}
        for name in (
            "X-Client-IP",
            "CF-Connecting-IP",
            "True-Client-IP",
            "X-Original-URI",
            "X-Original-Forwarded-For",
            "X-Real-IP",
            "X-Cluster-Client-IP",
            "X-Envoy-External-Address",
            "Fastly-Client-IP",
        )
    },
}
OWN = {
    "client": {},
    "name": {"Host": "localhost:10974"},
    "name in capitals": {"Host": "LOCALHOST"},
    "address": {"Host": "127.8.9.10:1"},
    "IPv6": {"Host": "[::1]:10974"},
    "page of ours": {"Host": "localhost:1", "Origin": "http://localhost:1"},
    "page of ours in a new browser": {"Sec-Fetch-Site": "same-origin"},
    "address bar": {"Sec-Fetch-Site": "none"},
}


@pytest.mark.parametrize("headers", OWN.values(), ids=OWN)
async def test_clients_of_this_machine_have_all_roles(headers: dict[str, str]) -> None:
    async with served(FakeService(routes=WHOAMI)) as url:
        for path in ("/open", "/inside", "/edit", "/view"):
            answer = await ask(url + path, headers=headers)
            assert (answer.status, answer.text) == (200, "loopback:editor,viewer")
        assert (await ask(f"{url}/edit", "POST", headers=headers)).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("headers", STRANGERS.values(), ids=STRANGERS)
async def test_nobody_else_is_let_in(headers: dict[str, str], method: str) -> None:
    async with served(FakeService(routes=WHOAMI)) as url:
        answer = await ask(f"{url}/edit", method, headers=headers)
        assert answer.status == 403
        assert "WWW-Authenticate" not in answer.headers
        answer = await ask(f"{url}/open", headers=headers)
        assert (answer.status, answer.text) == (200, ":"), "open is open, and knows nobody"


async def test_two_hosts_are_none() -> None:
    request = make_mocked_request("GET", "/", headers=[("Host", "localhost"), ("Host", "evil.example")])  # type: ignore[arg-type]
    assert why_not_local(request.clone(remote="127.0.0.1")) is not None
    assert why_not_local(make_mocked_request("GET", "/").clone(remote="127.0.0.1")) is not None, "no host"


async def test_proxy_that_adds_no_header_but_asks_by_an_old_version_is_no_client_of_this_machine() -> None:
    async with serving(FakeService(routes=WHOAMI)) as server:
        sent = b"GET /edit HTTP/1.0\r\nHost: 127.0.0.1:10974\r\nConnection: close\r\n\r\n"
        answer = await server.answer(sent)
        assert answer.startswith(b"HTTP/1.0 403 ")
        assert answer.endswith(b"a proxy forwarded it, according to HTTP/1.0\n")
        assert b"loopback" in await server.answer(sent.replace(b"HTTP/1.0", b"HTTP/1.1"))


@pytest.mark.parametrize(
    ("remote", "is_local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("", False),
    ],
)
async def test_peer_must_be_of_loopback(remote: str, is_local: bool) -> None:
    request = make_mocked_request("GET", "/", headers={"Host": "localhost"}).clone(remote=remote)
    assert (why_not_local(request) is None) == is_local


async def test_client_of_another_machine_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.BaseRequest, "remote", property(lambda _: "192.0.2.1"))
    async with served(FakeService(routes=WHOAMI)) as url:
        answer = await ask(f"{url}/inside")
    assert answer.status == 403
    only, why = "only this machine's own clients are let in", "it comes from another machine"
    assert answer.text == f"nothing is configured to log in with, so {only}: {why}\n"


async def test_lookup_that_may_know_nobody_keeps_this_machine_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(_: object, _sha256: str) -> None:
        return None

    async with served(FakeService(routes=WHOAMI, guard=Guard(find_token=nobody))) as url:
        assert (await ask(f"{url}/edit")).text == "loopback:editor,viewer"
        assert (await ask(f"{url}/edit", headers=bearer("wrong"))).status == 401
        monkeypatch.setattr(web.BaseRequest, "remote", property(lambda _: "192.0.2.1"))
        answer = await ask(f"{url}/edit")
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="stratoscope"')


@pytest.mark.parametrize(
    "settings",
    [
        {"tokens": [{"name": "ci", "sha256": sha256("x")}]},
        {"trusted_proxy": {"addresses": [OTHER_ADDRESS], "user_header": "X-User"}},
    ],
    ids=["tokens", "proxy"],
)
async def test_this_machine_is_nobody_once_somebody_can_log_in(settings: dict[str, object]) -> None:
    async with served(FakeService(routes=WHOAMI, guard=Guard(access_settings(**settings)))) as url:
        assert (await ask(f"{url}/inside")).status in (401, 403)
        assert (await ask(f"{url}/open")).text == ":"


async def test_roles_without_a_way_to_log_in_change_nothing() -> None:
    guard = Guard(access_settings(roles={"editor": ["alice"]}))
    async with served(FakeService(routes=WHOAMI, guard=guard)) as url:
        assert (await ask(f"{url}/edit")).text == "loopback:editor,viewer"


async def test_where_others_may_come_through_a_proxy_this_machine_is_nobody() -> None:
    """What nginx passes on, as it comes with an upstream of HTTP/1.1, is what a client here sends."""
    async with served(FakeService(routes=WHOAMI, guard=Guard(published="notes.url"))) as url:
        answer = await ask(f"{url}/edit")
        assert answer.status == 403
        assert answer.text == (
            "nothing is configured to log in with, and notes.url is set: "
            "configure users (--web.config.file), or tokens or the proxy (access)\n"
        )
        assert (await ask(f"{url}/open")).text == ":"
        page = (await ask(f"{url}/config")).text
        assert "notes.url is set" in page


@pytest.mark.parametrize(
    ("host", "is_so"),
    [
        ("localhost", True), ("127.0.0.9", True), ("::1", True), ("ops.example.org", False), ("", False),
        ("10.0.0.1", False),
    ],
)  # fmt: skip
def test_hosts_of_this_machine(host: str, is_so: bool) -> None:
    assert names_this_machine(host) is is_so


async def test_operator_is_told_that_nobody_can_log_in() -> None:
    who = "all clients on this machine, a proxy on it among them, may do all"
    async with served(FakeService(routes=WHOAMI)) as url:
        assert f"nobody can log in: {who}; see --web.config.file" in (await ask(url)).text
    async with served(FakeService()) as url:
        assert "nobody can log in" not in (await ask(url)).text, "it has nothing to guard"
    published = Guard(published="notes.url").warnings((), ("editor",))
    assert published[0].startswith("nobody can log in, and notes.url is set: so nobody may do anything; ")
    assert Guard(access_settings(roles={"editor": ["alice"]})).warnings(("alice",), ("editor",)) == []
