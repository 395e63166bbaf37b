"""Passwords: few checks, few guesses."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Mapping

import bcrypt
import pytest

from stratoscope.core.config import Secret
from stratoscope.core.web import passwords
from stratoscope.core.web.passwords import Credentials, Passwords, Verdict
from support.services import until
from support.source import Clock

STORED = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
OTHER = bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()
USERS: Mapping[str, Secret] = {"alice": Secret(STORED), "bob": Secret(OTHER)}
ALICE = Credentials("alice", b"secret")
ACCEPTED, REFUSED = Verdict(accepted=True), Verdict(accepted=False)
TOO_MANY = Verdict(accepted=False, retry_after_s=1, too_many=True)


class Checks:
    """bcrypt, with a record of what it was asked; `hold` keeps it from answering."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes]] = []
        self.hold = threading.Event()
        self.hold.set()

    def __call__(self, password: bytes, stored: bytes) -> bool:
        self.asked.append((password, stored))
        self.hold.wait(5)
        return bcrypt.checkpw(password, stored)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
async def checker(checks: Checks, clock: Clock) -> AsyncIterator[Passwords]:
    made = Passwords(checks, monotonic=clock)
    yield made
    checks.hold.set()
    await made.close()


@pytest.fixture
async def hasty(checks: Checks, clock: Clock) -> AsyncIterator[Passwords]:
    """One whose checks hang, and that does not wait for them."""
    made = Passwords(checks, monotonic=clock, timeout_s=0.05)
    checks.hold.clear()
    yield made
    checks.hold.set()
    await made.close()


def wrong(number: int = 0) -> Credentials:
    return Credentials("alice", b"guess %d" % number)


def basic(text: bytes) -> str:
    return f"Basic {base64.b64encode(text).decode()}"


def test_credentials_are_read_from_the_header() -> None:
    assert Credentials.parse(basic(b"alice:a:b")) == Credentials("alice", b"a:b")
    assert Credentials.parse(basic("älice:ü".encode()).replace("Basic", "bASIC")) == Credentials(
        "älice", "ü".encode()
    )


@pytest.mark.parametrize(
    "header",
    ["", "Bearer abc", "Basic ???", "Basic ä", "Basic \udcff", "Basic =", basic(b"alice"), basic(b"\xff:x")],
)
def test_what_is_no_basic_header_gives_no_credentials(header: str) -> None:
    assert Credentials.parse(header) is None


def test_password_is_not_in_repr() -> None:
    assert "secret" not in repr(ALICE)


async def test_right_password_is_accepted_and_checked_once(checker: Passwords, checks: Checks) -> None:
    for _ in range(3):
        assert await checker.verdict(USERS, ALICE, "10.0.0.1") == ACCEPTED
    assert len(checks.asked) == 1


async def test_fifty_at_once_are_one_check(checker: Passwords, checks: Checks) -> None:
    verdicts = await asyncio.gather(*(checker.verdict(USERS, ALICE, "10.0.0.1") for _ in range(50)))
    assert verdicts == [ACCEPTED] * 50
    assert len(checks.asked) == 1


async def test_wrong_password_is_refused_and_not_remembered(checker: Passwords, checks: Checks) -> None:
    for _ in range(2):
        assert await checker.verdict(USERS, wrong(), "10.0.0.1") == REFUSED
    assert len(checks.asked) == 2


async def test_time_does_not_tell_who_is_a_user_where_costs_differ(
    checker: Passwords, checks: Checks
) -> None:
    costly = bcrypt.hashpw(b"costly", bcrypt.gensalt(6)).decode()

    async def rounds(user: str) -> int:
        checks.asked.clear()
        given = Credentials(user, b"x")
        assert await checker.verdict({**USERS, "carol": Secret(costly)}, given, "10.0.0.1") == REFUSED
        return sum(1 << int(stored[4:6]) for _, stored in checks.asked)

    assert [await rounds(user) for user in ("alice", "carol", "eve")] == [1 << 6] * 3


async def test_unknown_user_is_refused_even_if_the_check_says_yes(clock: Clock) -> None:
    checker = Passwords(lambda _password, _stored: True, monotonic=clock)
    assert await checker.verdict(USERS, Credentials("eve", b"x"), "10.0.0.1") == REFUSED
    await checker.close()


async def test_changed_password_is_checked_anew(checker: Passwords) -> None:
    assert await checker.verdict(USERS, ALICE, "10.0.0.1") == ACCEPTED
    assert await checker.verdict({"alice": Secret(OTHER)}, ALICE, "10.0.0.1") == REFUSED


async def test_long_password_is_cut_as_bcrypt_cuts_it(checker: Passwords) -> None:
    users = {"alice": Secret(bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode())}
    assert await checker.verdict(users, Credentials("alice", b"x" * 100), "10.0.0.1") == ACCEPTED
    assert await checker.verdict(users, Credentials("alice", b"a\0b"), "10.0.0.1") == REFUSED


async def test_after_ten_failures_one_check_a_second_is_made(
    checker: Passwords, checks: Checks, clock: Clock
) -> None:
    for number in range(10):
        assert await checker.verdict(USERS, wrong(number), "10.0.0.1") == REFUSED
    assert await checker.verdict(USERS, ALICE, "10.0.0.1") == TOO_MANY
    assert len(checks.asked) == 10
    assert await checker.verdict(USERS, wrong(), "10.0.0.2") == REFUSED
    for _ in range(3):
        clock.time_s += 1
        verdicts = [await checker.verdict(USERS, wrong(number), "10.0.0.1") for number in range(5)]
        assert verdicts == [REFUSED] + [TOO_MANY] * 4
    clock.time_s += 1
    assert await checker.verdict(USERS, ALICE, "10.0.0.1") == ACCEPTED
    clock.time_s += 10
    verdicts = [await checker.verdict(USERS, wrong(number), "10.0.0.1") for number in range(11)]
    assert verdicts == [REFUSED] * 10 + [TOO_MANY]


async def test_guesses_at_once_count_from_their_start(checker: Passwords, checks: Checks) -> None:
    verdicts = await asyncio.gather(
        *(checker.verdict(USERS, wrong(number), "10.0.0.1") for number in range(20))
    )
    assert sum(verdict.too_many for verdict in verdicts) == 10
    assert len(checks.asked) == 10


async def test_known_password_gets_in_while_its_address_is_refused(checker: Passwords) -> None:
    assert await checker.verdict(USERS, ALICE, "10.0.0.1") == ACCEPTED
    for number in range(11):
        last = await checker.verdict(USERS, wrong(number), "10.0.0.1")
    assert last.too_many
    assert await checker.verdict(USERS, ALICE, "10.0.0.1") == ACCEPTED


async def test_right_passwords_do_not_count_as_failures(checker: Passwords) -> None:
    for number in range(12):
        users = {f"user{number}": Secret(STORED)}
        assert await checker.verdict(users, Credentials(f"user{number}", b"secret"), "10.0.0.1") == ACCEPTED


async def test_ipv6_clients_count_by_network(checker: Passwords) -> None:
    for number in range(10):
        await checker.verdict(USERS, wrong(number), f"2001:db8::{number}%eth0")
    assert (await checker.verdict(USERS, wrong(), "2001:db8::ffff")).too_many
    assert not (await checker.verdict(USERS, wrong(), "2001:db8:0:1::1")).too_many


async def test_ipv4_clients_of_a_listener_for_both_count_each_for_itself(checker: Passwords) -> None:
    for number in range(11):
        last = await checker.verdict(USERS, wrong(number), "::ffff:10.0.0.1")
    assert last == TOO_MANY
    assert await checker.verdict(USERS, wrong(), "10.0.0.1") == TOO_MANY
    assert await checker.verdict(USERS, wrong(), "::ffff:10.0.0.2") == REFUSED


async def test_check_that_hangs_is_not_waited_for(hasty: Passwords) -> None:
    assert await hasty.verdict(USERS, ALICE, "10.0.0.1") == Verdict(False, retry_after_s=1)


async def test_too_many_different_log_ins_at_once_are_told_to_come_back(
    hasty: Passwords, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_MOST_WAITING", 3)
    verdicts = await asyncio.gather(*(hasty.verdict(USERS, wrong(n), f"10.0.0.{n}") for n in range(4)))
    assert verdicts == [Verdict(False, retry_after_s=1)] * 4
    await until(lambda: len(checks.asked) == 2)


async def test_check_given_up_at_the_end_is_no_error(checks: Checks, clock: Clock) -> None:
    checker = Passwords(checks, monotonic=clock)
    checks.hold.clear()
    waiting = asyncio.create_task(checker.verdict(USERS, ALICE, "10.0.0.1"))
    await until(lambda: bool(checks.asked))
    await checker.close()
    assert await waiting == Verdict(False, retry_after_s=1)
    checks.hold.set()


async def test_what_is_remembered_is_one_password_a_user(checker: Passwords, checks: Checks) -> None:
    bob = Credentials("bob", b"other")
    for given in (ALICE, bob, ALICE, wrong(), Credentials("eve", b"secret"), ALICE):
        await checker.verdict(USERS, given, "10.0.0.1")
    assert len(checks.asked) == 4
    assert checker._right.keys() == {"alice", "bob"}


async def test_addresses_remembered_are_bounded(
    checker: Passwords, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_MOST_ADDRESSES", 1)
    checks.hold.clear()
    first = asyncio.create_task(checker.verdict(USERS, ALICE, "10.0.0.1"))
    second = asyncio.create_task(checker.verdict(USERS, wrong(), "10.0.0.2"))
    await until(lambda: len(checks.asked) == 2)
    checks.hold.set()
    assert (await first, await second) == (ACCEPTED, REFUSED)
    assert len(checker._failures._by_network) == 1
