"""Bearer tokens: of the configuration, and of an exporter's own lookup."""

import datetime as dt
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stratoscope.core.web.asking import guesses
from stratoscope.core.web.asking.guesses import hashed
from stratoscope.core.web.asking.settings import Guard, Token
from stratoscope.core.web.auth import Access
from support.asking import OTHER_ADDRESS, WHOAMI, access_settings, ask, basic, bearer, sha256, web_config
from support.services import FakeService, served
from support.source import Clock

CHALLENGE = 'Bearer realm="stratoscope"'
CI = {"name": "ci", "sha256": sha256("of-ci"), "roles": ["editor"]}
GUARD = Guard(access_settings(tokens=[CI, {"name": "reader", "sha256": sha256("of-reader").upper()}]))


class Database:
    """Tokens of an exporter, by hash; counts how often it was asked."""

    def __init__(self, **tokens: Token) -> None:
        self.tokens = {sha256(token): found for token, found in tokens.items()}
        self.asked = 0

    async def find(self, opened: Mapping[str, Any], sha256: str) -> Token | None:
        assert opened["database"] is self
        self.asked += 1
        return self.tokens.get(sha256)

    def service(self) -> FakeService:
        return FakeService(routes=WHOAMI, guard=Guard(GUARD.access, self.find), opened={"database": self})


@pytest.mark.parametrize(
    ("token", "path", "expected"),
    [
        ("of-ci", "/inside", (200, "token:ci:editor")),
        ("of-ci", "/edit", (200, "token:ci:editor")),
        ("of-ci", "/open", (200, "token:ci:editor")),
        ("of-reader", "/inside", (200, "token:reader:")),
        ("of-reader", "/edit", (403, "token:reader may not: it needs the role editor\n")),
        ("of-nobody", "/inside", (401, "a wrong, revoked or expired token\n")),
        (sha256("of-ci"), "/inside", (401, "a wrong, revoked or expired token\n")),
        ("of-nobody", "/open", (200, ":")),
        ("", "/inside", (401, "a log-in is needed\n")),
    ],
)
async def test_token_has_its_own_roles(token: str, path: str, expected: tuple[int, str]) -> None:
    async with served(FakeService(routes=WHOAMI, guard=GUARD)) as url:
        answer = await ask(url + path, headers=bearer(token))
    assert (answer.status, answer.text) == expected
    if answer.status == 401:
        assert answer.headers.getall("WWW-Authenticate") == [CHALLENGE]


async def test_curl_with_a_token_changes_things_without_a_csrf_token() -> None:
    async with served(FakeService(routes=WHOAMI, guard=GUARD)) as url:
        answer = await ask(f"{url}/edit", "POST", headers=bearer("of-ci"), json={})
    assert answer.status == 200


async def test_both_ways_to_log_in_are_named_and_work(tmp_path: Path) -> None:
    async with served(FakeService(routes=WHOAMI, guard=GUARD), web_config(tmp_path)) as url:
        answer = await ask(f"{url}/inside")
        assert answer.headers.getall("WWW-Authenticate") == ['Basic realm="stratoscope"', CHALLENGE]
        assert (await ask(f"{url}/inside", headers=basic("alice"))).status == 200
        assert (await ask(f"{url}/inside", headers={"Authorization": "bEARER  of-ci "})).status == 200


async def test_token_opens_no_path_for_prometheus(tmp_path: Path) -> None:
    async with served(FakeService(routes=WHOAMI, guard=GUARD), web_config(tmp_path)) as url:
        for path in ("/metrics", "/-/healthy", "/-/ready"):
            assert (await ask(url + path, headers=bearer("of-ci"))).status == 401


async def test_roles_by_name_are_not_those_of_a_token() -> None:
    settings = access_settings(roles={"editor": ["token:ci", "ci"]}, tokens=[{**CI, "roles": []}])
    async with served(FakeService(routes=WHOAMI, guard=Guard(settings))) as url:
        assert (await ask(f"{url}/inside", headers=bearer("of-ci"))).text == "token:ci:"
        assert (await ask(f"{url}/edit", headers=bearer("of-ci"))).status == 403


async def test_token_is_refused_once_it_has_expired() -> None:
    clock = Clock(1_700_000_000)
    expires = dt.datetime.fromtimestamp(clock.time_s + 10, dt.UTC)
    database = Database(stored=Token("stored", frozenset(), expires))
    shown = database.service()
    shown.guard = Guard(access_settings(tokens=[{**CI, "expires": expires.isoformat()}]), database.find)
    async with served(shown, Access(None, now=clock)) as url:
        for token in ("of-ci", "stored"):
            clock.time_s = 1_700_000_009
            assert (await ask(f"{url}/inside", headers=bearer(token))).status == 200
            clock.time_s = 1_700_000_010
            assert (await ask(f"{url}/inside", headers=bearer(token))).status == 401


async def test_token_of_a_lookup_is_revoked_at_once() -> None:
    database = Database(mine=Token("mine", frozenset({"editor"})))
    async with served(database.service()) as url:
        for _ in range(2):
            assert (await ask(f"{url}/edit", headers=bearer("mine"))).text == "token:mine:editor"
        assert database.asked == 2
        database.tokens.clear()
        assert (await ask(f"{url}/edit", headers=bearer("mine"))).status == 401


async def test_wrong_tokens_are_counted_with_wrong_passwords_and_no_longer_looked_up(tmp_path: Path) -> None:
    clock, database = Clock(), Database(mine=Token("mine", frozenset()), new=Token("new", frozenset()))
    async with served(database.service(), web_config(tmp_path, clock=clock)) as url:
        assert (await ask(f"{url}/inside", headers=bearer("mine"))).status == 200
        for number in range(10):
            headers = bearer(f"guess {number}") if number % 2 else basic("alice", f"guess {number}")
            assert (await ask(f"{url}/inside", headers=headers)).status == 401
        asked = database.asked
        for headers in (bearer("another"), bearer("new"), basic("alice")):
            answer = await ask(f"{url}/inside", headers=headers)
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert database.asked == asked
        assert (await ask(f"{url}/inside", headers=bearer("mine"))).status == 200, "it was right before"
        assert (await ask(f"{url}/inside", headers=bearer("new"), source=OTHER_ADDRESS)).status == 200
        clock.time_s += 1
        assert (await ask(f"{url}/inside", headers=bearer("new"))).status == 200


async def test_token_of_the_configuration_is_right_whatever_others_guess() -> None:
    async with served(FakeService(routes=WHOAMI, guard=GUARD), Access(None, monotonic=Clock())) as url:
        for number in range(12):
            status = (await ask(f"{url}/inside", headers=bearer(f"guess {number}"))).status
            assert status == (401 if number < 10 else 429)
        assert (await ask(f"{url}/inside", headers=bearer("of-ci"))).status == 200


async def test_revoked_token_is_a_wrong_one() -> None:
    database = Database(mine=Token("mine", frozenset()))
    async with served(database.service(), Access(None, monotonic=Clock())) as url:
        assert (await ask(f"{url}/inside", headers=bearer("mine"))).status == 200
        database.tokens.clear()
        answers = [await ask(f"{url}/inside", headers=bearer("mine")) for _ in range(11)]
    assert [answer.status for answer in answers] == [401] * 10 + [429]


async def test_right_tokens_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "_MOST_RIGHT", 1)
    database = Database(one=Token("one", frozenset()), two=Token("two", frozenset()))
    async with served(database.service(), Access(None, monotonic=Clock())) as url:
        for token in ("one", "two"):
            assert (await ask(f"{url}/inside", headers=bearer(token))).status == 200
        for number in range(10):
            await ask(f"{url}/inside", headers=bearer(f"guess {number}"))
        assert (await ask(f"{url}/inside", headers=bearer("two"))).status == 200
        assert (await ask(f"{url}/inside", headers=bearer("one"))).status == 429


async def test_lookup_that_is_not_opened_or_fails_counts_as_no_guess(
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = Database(mine=Token("mine", frozenset()))
    shown = database.service()
    async with served(shown, Access(None, monotonic=Clock())) as url:
        for fails in (False, True):
            if fails:
                assert (await ask(f"{url}/inside", headers=bearer("mine"))).status == 200
            shown.opened = {}
            for _ in range(12):
                answer = await ask(f"{url}/inside", headers=bearer("mine"))
                assert (answer.status, answer.text) == (503, "not ready: database is not opened yet\n")
            shown.opened = {"database": database}
        shown.opened = {"database": None}
        assert (await ask(f"{url}/inside", headers=bearer("mine"))).status == 500
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "answering failed, a bug path='/inside'"
    ]


async def test_token_is_not_logged_nor_shown(caplog: pytest.LogCaptureFixture) -> None:
    shown = FakeService(routes=WHOAMI, guard=GUARD)
    with caplog.at_level(logging.DEBUG):
        async with served(shown) as url:
            await ask(f"{url}/inside", headers=bearer("of-ci"))
            await ask(f"{url}/inside", headers=bearer("a-wrong-one"))
            page = (await ask(f"{url}/metrics")).text
    for token in ("of-ci", "a-wrong-one"):
        assert token not in caplog.text + page + repr(GUARD)
    assert sha256("of-ci") not in caplog.text + page + repr(GUARD)


def test_token_is_stored_as_sha256sum_has_it() -> None:
    assert hashed("of-ci") == sha256("of-ci")
    assert len(hashed("\udcff")) == 64
