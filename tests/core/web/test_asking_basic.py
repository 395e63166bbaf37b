"""The users of the web configuration on an exporter's routes."""

from pathlib import Path

import pytest

from stratoscope.core.web.asking.settings import Guard
from support.asking import WHOAMI, access_settings, ask, basic, web_config
from support.services import FakeService, served
from support.source import Clock

EDITORS = Guard(access_settings(roles={"editor": ["alice"]}))
CHALLENGE = 'Basic realm="stratoscope"'


@pytest.mark.parametrize(
    ("user", "path", "expected"),
    [
        ("alice", "/inside", (200, "alice:editor")),
        ("alice", "/edit", (200, "alice:editor")),
        ("alice", "/view", (200, "alice:editor")),
        ("alice", "/open", (200, "alice:editor")),
        ("bob", "/inside", (200, "bob:")),
        ("bob", "/edit", (403, "bob may not: it needs the role editor\n")),
        ("bob", "/view", (403, "bob may not: it needs the role viewer or editor\n")),
        ("bob", "/open", (200, "bob:")),
    ],
)
async def test_users_have_the_roles_that_the_configuration_gives_them(
    user: str, path: str, expected: tuple[int, str], tmp_path: Path
) -> None:
    async with served(FakeService(routes=WHOAMI, guard=EDITORS), web_config(tmp_path)) as url:
        answer = await ask(url + path, headers=basic(user))
    assert (answer.status, answer.text) == expected


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/inside", "/edit", "/view", "/metrics", "/config", "/-/ready", "/nothing"])
async def test_nobody_is_let_in_without_the_right_password(method: str, path: str, tmp_path: Path) -> None:
    async with served(FakeService(routes=WHOAMI, guard=EDITORS), web_config(tmp_path)) as url:
        for headers in ({}, basic("alice", "guess"), basic("eve"), {"Authorization": "Basic ?"}):
            answer = await ask(url + path, method, headers=headers)
            assert (answer.status, answer.headers.getall("WWW-Authenticate")) == (401, [CHALLENGE])


@pytest.mark.parametrize("headers", [{}, basic("alice", "guess"), {"Authorization": "nonsense"}])
async def test_open_route_asks_nobody_for_a_password(headers: dict[str, str], tmp_path: Path) -> None:
    async with served(FakeService(routes=WHOAMI, guard=EDITORS), web_config(tmp_path)) as url:
        answer = await ask(f"{url}/open", headers=headers)
    assert (answer.status, answer.text) == (200, ":")


async def test_who_guesses_has_to_wait_on_all_paths(tmp_path: Path) -> None:
    clock = Clock()
    async with served(FakeService(routes=WHOAMI), web_config(tmp_path, clock=clock)) as url:
        for number in range(10):
            path = ("/inside", "/metrics")[number % 2]
            assert (await ask(url + path, headers=basic("alice", f"guess {number}"))).status == 401
        for path in ("/inside", "/metrics"):
            answer = await ask(url + path, headers=basic("alice"))
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert (await ask(f"{url}/open", headers=basic("alice"))).text == ":", "open is open"
        clock.time_s += 1
        assert (await ask(f"{url}/inside", headers=basic("alice"))).status == 200


async def test_other_guard_is_in_force_at_the_next_request(tmp_path: Path) -> None:
    shown = FakeService(routes=WHOAMI)
    async with served(shown, web_config(tmp_path)) as url:
        assert (await ask(f"{url}/edit", headers=basic("alice"))).status == 403
        shown.guard = EDITORS
        assert (await ask(f"{url}/edit", headers=basic("alice"))).status == 200
