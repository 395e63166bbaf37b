"""Users and groups in the headers of a trusted proxy."""

from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from stratoscope.core.web.asking.peer import peer
from stratoscope.core.web.asking.settings import Guard
from stratoscope.core.web.auth import Access
from stratoscope.core.web.server import application, serve
from support.asking import (
    OTHER_ADDRESS,
    USERS,
    WHOAMI,
    access_settings,
    ask,
    basic,
    bearer,
    sha256,
    web_config,
)
from support.services import FakeService, served

PROXY = {"addresses": ["127.0.0.2/31"], "user_header": "X-Remote-User", "groups_header": "X-Remote-Groups"}
ROLES = {"editor": ["alice", "group:ops"], "viewer": ["group:staff"]}
GUARD = Guard(access_settings(roles=ROLES, trusted_proxy=PROXY))
ALICE = {"X-Remote-User": "alice"}


def headers(*lines: tuple[str, str]) -> CIMultiDict[str]:
    return CIMultiDict(lines)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (headers(("X-Remote-User", "alice")), "alice:editor"),
        (headers(("x-remote-user", " Ölga ")), "Ölga:"),
        (headers(("X-Remote-User", "carol"), ("X-Remote-Groups", "ops")), "carol:editor"),
        (headers(("X-Remote-User", "carol"), ("X-Remote-Groups", "a, staff,ops,")), "carol:editor,viewer"),
        (headers(("X-Remote-User", "carol"), ("X-Forwarded-Groups", "ops")), "carol:"),
        (headers(("X-Remote-User", "carol"), ("X-Remote-Groups", "group:ops,editor,alice")), "carol:"),
        (headers(("X-Remote-User", "group:ops")), "group:ops:"),
        (headers(("X-Remote-User", "alice"), ("Authorization", "Bearer of-the-proxy")), "alice:editor"),
    ],
)
async def test_trusted_proxy_says_who_asks(sent: CIMultiDict[str], expected: str) -> None:
    async with served(FakeService(routes=WHOAMI, guard=GUARD)) as url:
        answer = await ask(f"{url}/inside", headers=sent, source=OTHER_ADDRESS)
        assert (answer.status, answer.text) == (200, expected)
        assert (await ask(f"{url}/open", headers=sent, source=OTHER_ADDRESS)).text == expected


@pytest.mark.parametrize("path", ["/inside", "/edit", "/view"])
async def test_headers_of_anybody_else_are_ignored(path: str) -> None:
    sent = {**ALICE, "X-Remote-Groups": "ops", "X-Forwarded-For": OTHER_ADDRESS, "X-Real-IP": OTHER_ADDRESS}
    async with served(FakeService(routes=WHOAMI, guard=GUARD)) as url:
        answer = await ask(url + path, headers=sent)
        assert (answer.status, answer.text) == (403, "a log-in is needed\n")
        assert "WWW-Authenticate" not in answer.headers, "a client has nothing to send"
        assert (await ask(f"{url}/open", headers=sent)).text == ":"


async def test_nobody_behind_the_proxy_is_let_in_whom_it_does_not_name() -> None:
    async with served(FakeService(routes=WHOAMI, guard=GUARD)) as url:
        for sent in ({}, {"X-Remote-User": ""}, {"X-Remote-Groups": "ops"}):
            answer = await ask(f"{url}/inside", headers=sent, source=OTHER_ADDRESS)
            assert (answer.status, answer.text) == (403, "a log-in is needed\n")


@pytest.mark.parametrize(
    "sent",
    [
        headers(("X-Remote-User", "mallory"), ("X-Remote-User", "alice")),
        headers(("X-Remote-User", ""), ("X-Remote-User", "alice")),
        headers(("X-Remote-User", "a\tb")),
        headers(("X-Remote-User", "a" * 257)),
    ],
    ids=["two", "an empty one", "control character", "too long"],
)
async def test_user_that_is_no_single_name_is_refused(sent: CIMultiDict[str]) -> None:
    async with served(FakeService(routes=WHOAMI, guard=GUARD)) as url:
        answer = await ask(f"{url}/inside", headers=sent, source=OTHER_ADDRESS)
    assert answer.status == 403
    assert answer.text == "X-Remote-User: expected one printable name of 256 characters at most\n"


@pytest.mark.parametrize("own", ["staff", "", "ops"])
async def test_groups_that_a_client_adds_to_those_of_the_proxy_are_refused(own: str) -> None:
    sent = headers(("X-Remote-User", "carol"), ("X-Remote-Groups", "ops"), ("X-Remote-Groups", own))
    async with served(FakeService(routes=WHOAMI, guard=GUARD)) as url:
        answer = await ask(f"{url}/edit", headers=sent, source=OTHER_ADDRESS)
    assert (answer.status, answer.text) == (
        403,
        "X-Remote-Groups: expected one line, with commas in between\n",
    )


async def test_user_is_not_taken_for_a_token() -> None:
    guard = Guard(access_settings(roles={"editor": ["token:ci"]}, trusted_proxy=PROXY))
    async with served(FakeService(routes=WHOAMI, guard=guard)) as url:
        answer = await ask(f"{url}/edit", headers={"X-Remote-User": " token:ci"}, source=OTHER_ADDRESS)
    assert (answer.status, answer.text) == (
        403,
        "X-Remote-User: token: begins the names of tokens, not of users\n",
    )


async def test_groups_mean_nothing_where_the_proxy_tells_of_none() -> None:
    settings = access_settings(trusted_proxy={"addresses": [OTHER_ADDRESS], "user_header": "X-User"})
    async with served(FakeService(routes=WHOAMI, guard=Guard(settings))) as url:
        sent = {"X-User": "carol", "X-Forwarded-Groups": "ops"}
        assert (await ask(f"{url}/inside", headers=sent, source=OTHER_ADDRESS)).text == "carol:"


async def test_passwords_and_tokens_go_on_beside_a_proxy(tmp_path: Path) -> None:
    token = {"name": "ci", "sha256": sha256("of-ci")}
    guard = Guard(access_settings(trusted_proxy=PROXY, tokens=[token]))
    async with served(FakeService(routes=WHOAMI, guard=guard), web_config(tmp_path)) as url:
        for source in ("127.0.0.1", OTHER_ADDRESS):
            assert (await ask(f"{url}/inside", headers=basic("bob"), source=source)).text == "bob:"
            assert (await ask(f"{url}/inside", headers=bearer("of-ci"), source=source)).text == "token:ci:"
        assert (await ask(f"{url}/metrics", headers=ALICE, source=OTHER_ADDRESS)).status == 401


async def test_proxy_over_ipv4_is_known_on_a_socket_of_both_families() -> None:
    access = Access.open(None)
    serving = await serve(application(FakeService(routes=WHOAMI, guard=GUARD), access), [":0"], access)
    port = serving.urls[0].rpartition(":")[2]
    url = f"http://127.0.0.1:{port}/inside"
    assert (await ask(url, headers=ALICE, source=OTHER_ADDRESS)).text == "alice:editor"
    assert (await ask(url, headers=ALICE)).status == 403
    await serving.close()


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_peer_is_an_address(remote: str, expected: str) -> None:
    assert str(peer(make_mocked_request("GET", "/").clone(remote=remote))) == expected


@pytest.mark.parametrize(
    ("sent", "source", "status"),
    [
        ({"Origin": "https://status.example", "X-Forwarded-Host": "status.example"}, OTHER_ADDRESS, 200),
        (
            {"Origin": "https://status.example", "X-Forwarded-Host": "Status.example, inner"},
            OTHER_ADDRESS,
            200,
        ),
        ({"Origin": "https://evil.example", "X-Forwarded-Host": "status.example"}, OTHER_ADDRESS, 403),
        ({"Origin": "http://inner:1", "Host": "inner:1"}, OTHER_ADDRESS, 200),
        ({"Origin": "http://inner:1", "Host": "inner:1", "X-Forwarded-Host": "a"}, OTHER_ADDRESS, 403),
        ({"Origin": "https://status.example"}, OTHER_ADDRESS, 403),
        ({"Sec-Fetch-Site": "cross-site", "X-Forwarded-Host": "status.example"}, OTHER_ADDRESS, 403),
        ({"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"}, "127.0.0.1", 403),
    ],
)
async def test_trusted_proxy_says_which_host_the_browser_asked(
    sent: dict[str, str], source: str, status: int, tmp_path: Path
) -> None:
    shown = FakeService(routes=WHOAMI, guard=GUARD)
    async with served(shown, web_config(tmp_path, USERS)) as url:
        answer = await ask(f"{url}/edit", "POST", headers={**basic("alice"), **sent}, source=source)
    assert answer.status == status
