"""Monitors that hang cost themselves alone, for as long as they hang."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

import libvirt
import pytest

from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.connections import Connections
from stratoscope.clouds.libvirt.monitors import MOST_HUNG, PIECES, Monitors
from stratoscope.core.errors import CollectError, Reason
from support.fake_libvirt import FakeDaemon, FakeDomain, failure
from support.patience import FAR_S
from support.source import until

BOTH = frozenset({"balloon", "block"})
WITHIN_S = 1.8
"""A first call may take a third of it before it counts as hung."""


class Clock:
    """Real time, unless it is frozen, and what the test adds to it."""

    def __init__(self) -> None:
        self.more_s = 0.0
        self.is_frozen = False

    def __call__(self) -> float:
        return self.more_s + (0.0 if self.is_frozen else time.monotonic())


@dataclass
class Door:
    """How a connection is opened now."""

    connect: Callable[[str], Connection]

    def __call__(self, uri: str) -> Connection:
        return self.connect(uri)


class Asked:
    """Monitors of a daemon with so many domains, named by number."""

    def __init__(self, domains: int) -> None:
        self.daemon = FakeDaemon(*(FakeDomain(str(number)) for number in range(domains)))
        self.clock = Clock()
        self.door = Door(self.daemon.connect)
        self.connections = Connections("qemu:///fake", kept=5, most=25, connect=self.door)
        self.monitors = Monitors(self.connections, self.clock)
        self.wanted = dict.fromkeys(self.daemon.domains, BOTH)

    async def __call__(self, within_s: float = WITHIN_S) -> set[str]:
        """Whose monitors answered."""
        answers = await self.monitors.ask(self.wanted, within_s)
        return {uuid for uuid, stats in answers.items() if "balloon.rss" in stats}

    def hang(self, *numbers: int) -> None:
        for number in numbers:
            self.daemon.domains[str(number)].hang()

    async def let_answer(self, *numbers: int) -> None:
        """They answer again, and the calls that waited for them return."""
        hung = self.monitors.hung
        for number in numbers:
            self.daemon.domains[str(number)].answers.set()
        await until(lambda: self.monitors.hung < hung)

    def blocked(self) -> set[str]:
        return {uuid for uuid in self.wanted if self.monitors.state(uuid).blocked_s > 0}

    def all_but(self, *numbers: int) -> set[str]:
        return self.wanted.keys() - set(map(str, numbers))

    async def close(self) -> None:
        for domain in self.daemon.domains.values():
            domain.answers.set()
        await until(lambda: self.monitors.hung == 0)
        await self.connections.close()


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    asked = Asked(20)
    yield asked
    await asked.close()


def numbers(uuids: Iterable[str]) -> set[int]:
    return {int(uuid) for uuid in uuids}


async def test_the_domains_are_split_over_four_calls(asked: Asked) -> None:
    assert await asked() == asked.all_but()
    assert sorted(len(uuids) for uuids in asked.daemon.asked) == [5, 5, 5, 5]
    assert asked.monitors.hung == 0
    state = asked.monitors.state("7")
    assert state.blocked_s == 0
    assert state.last_answer_age_s is not None


async def test_a_slow_domain_ends_up_in_a_call_of_its_own_so_that_none_waits_with_it(
    asked: Asked,
) -> None:
    asked.clock.is_frozen = True
    for _ in range(6):
        asked.daemon.asked.clear()
        asked.hang(7)
        ask = asyncio.create_task(asked(60))
        await until(lambda: asked.monitors._under_way == 1)
        asked.clock.more_s += 1
        asked.daemon.domains["7"].answers.set()
        assert await ask == asked.all_but()
    assert len(asked.daemon.asked) == 4
    assert ("7",) in asked.daemon.asked
    assert asked.monitors.hung == 0


async def test_no_domain_is_no_call(asked: Asked) -> None:
    assert await asked.monitors.ask({}, WITHIN_S) == {}
    assert asked.daemon.made == []


async def test_each_domain_is_asked_for_its_groups_at_least(asked: Asked) -> None:
    answers = await asked.monitors.ask({"1": frozenset({"block"}), "2": BOTH}, WITHIN_S)
    assert answers.keys() == {"1", "2"}


async def test_one_hung_domain_costs_itself_alone(asked: Asked) -> None:
    await asked()
    asked.hang(7)
    assert await asked() == asked.all_but(7)
    assert asked.monitors.hung == 1
    asked.clock.more_s += 10
    assert asked.blocked() == {"7"}
    state = asked.monitors.state("7")
    assert state.blocked_s > 9
    assert state.last_answer_age_s is not None
    assert state.last_answer_age_s > state.blocked_s


async def test_once_it_is_known_nobody_waits_for_it(asked: Asked) -> None:
    asked.hang(7)
    await asked()
    began = time.monotonic()
    assert await asked(FAR_S) == asked.all_but(7)
    assert time.monotonic() - began < FAR_S / 4
    assert asked.monitors.hung == 1, "no second call hangs at it"


async def test_it_is_asked_again_when_the_call_that_hung_returns(asked: Asked) -> None:
    asked.hang(7)
    await asked()
    await asked.let_answer(7)
    assert await asked() == asked.all_but()
    assert asked.blocked() == set()


@pytest.mark.parametrize("both", [(3, 7), (3, 4)], ids=["in one piece", "in different pieces"])
async def test_two_hung_domains_cost_themselves_alone(asked: Asked, both: tuple[int, int]) -> None:
    await asked()
    asked.hang(*both)
    assert await asked() == asked.all_but(*both)
    assert asked.monitors.hung == 2
    asked.clock.more_s += 10
    assert numbers(asked.blocked()) == set(both)
    assert await asked() == asked.all_but(*both)
    assert asked.monitors.hung == 2


async def test_one_of_two_that_comes_back_is_not_held_back_by_the_other(asked: Asked) -> None:
    asked.hang(3, 7)
    await asked()
    first, other = (3, 7) if asked.daemon.domains["3"].monitor.locked() else (7, 3)
    await asked.let_answer(first)
    assert await asked() == asked.all_but(other)
    await asked.let_answer(other)
    assert await asked() == asked.all_but()


async def test_all_hung_is_bounded_and_ends() -> None:
    asked = Asked(40)
    asked.hang(*range(40))
    for _ in range(3):
        assert await asked() == set()
        assert asked.monitors.hung <= MOST_HUNG
    assert asked.monitors.hung == MOST_HUNG
    calls = len(asked.daemon.asked)
    assert await asked() == set()
    assert len(asked.daemon.asked) == calls, "nothing is asked any more"
    await asked.close()


async def test_all_are_asked_again_after_all_hung() -> None:
    asked = Asked(8)
    asked.hang(*range(8))
    await asked()
    await asked.let_answer(*range(8))
    await until(lambda: asked.monitors.hung == 0)
    assert await asked() == asked.all_but()
    await asked.close()


async def test_a_domain_that_was_not_asked_is_not_blamed() -> None:
    asked = Asked(40)
    asked.hang(*range(39))
    while asked.monitors.hung < MOST_HUNG:
        await asked()
    asked.wanted["new"] = BOTH
    asked.daemon.domains["new"] = FakeDomain("new")
    assert await asked() == set()
    asked.clock.more_s += 60
    assert "new" not in asked.blocked()
    await asked.close()


async def test_only_domains_that_hang_are_blamed_when_more_hang_than_may() -> None:
    asked = Asked(40)
    asked.hang(*range(14))
    for _ in range(4):
        await asked()
    asked.clock.more_s += 60
    assert asked.blocked()
    assert asked.blocked() <= {str(number) for number in range(14)}
    await asked.close()


async def test_domains_with_other_groups_are_asked_in_calls_of_their_own(asked: Asked) -> None:
    asked.wanted = {"1": BOTH, "2": BOTH | {"cpu", "vcpu"}}
    assert await asked() == {"1", "2"}
    assert sorted(asked.daemon.asked) == [("1",), ("2",)]


async def test_a_domain_alone_in_a_call_that_hangs_is_not_asked_again(asked: Asked) -> None:
    asked.wanted = dict.fromkeys(["1", "2", "3"], BOTH)
    asked.hang(2)
    assert await asked() == {"1", "3"}
    assert await asked() == {"1", "3"}
    assert asked.daemon.asked.count(("2",)) == 1
    asked.clock.more_s += 10
    assert asked.blocked() == {"2"}


async def test_too_short_a_deadline_asks_nobody_and_blames_nobody(asked: Asked) -> None:
    await asked()
    asked.daemon.asked.clear()
    assert await asked(0.05) == set()
    assert asked.daemon.asked == []
    asked.clock.more_s += 10
    assert asked.blocked() == set()
    state = asked.monitors.state("1")
    assert state.last_answer_age_s is not None
    assert state.last_answer_age_s > 9


async def test_a_cancelled_ask_leaves_its_calls_alone(asked: Asked) -> None:
    asked.hang(7)
    task = asyncio.create_task(asked())
    await until(asked.daemon.domains["7"].monitor.locked)
    await until(lambda: len(asked.daemon.asked) == PIECES)  # none waits for its connection any more
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asked.monitors.hung >= 1
    assert await asked() == asked.all_but(7), "the others of its piece are asked"


async def test_a_daemon_that_dies_during_the_ask_is_unavailable(asked: Asked) -> None:
    asked.hang(7)
    task = asyncio.create_task(asked())
    await until(asked.daemon.domains["7"].monitor.locked)
    asked.daemon.die(noticed=False)
    with pytest.raises(CollectError) as error:
        await task
    assert error.value.reason is Reason.UNAVAILABLE
    assert asked.monitors.hung == 0


async def test_a_daemon_that_dies_ends_the_calls_that_hang(asked: Asked) -> None:
    asked.hang(7)
    await asked()
    asked.daemon.die()
    await until(lambda: asked.monitors.hung == 0)
    asked.daemon.is_up = True
    assert await asked() == asked.all_but()


async def test_a_domain_that_went_away_since_the_list_costs_itself(asked: Asked) -> None:
    asked.daemon.domains["5"].gone = True
    assert await asked() == asked.all_but(5)
    asked.wanted = {"5": BOTH}
    assert await asked() == set()


async def test_a_lookup_that_fails_otherwise_is_an_error(asked: Asked) -> None:
    asked.daemon.broken["lookupByUUIDString"] = failure(libvirt.VIR_ERR_ACCESS_DENIED, "no right")
    with pytest.raises(CollectError) as error:
        await asked()
    assert error.value.reason is Reason.UNAUTHORIZED


async def hold_the_door(asked: Asked, idle: int) -> threading.Event:
    """So many connections are idle; the daemon opens no other until the event is set (max_clients)."""
    all_of_them = threading.Barrier(max(1, idle))  # none gives its connection back before the last has one
    await asyncio.gather(*(asked.connections.start(lambda _: all_of_them.wait(FAR_S)) for _ in range(idle)))
    assert asked.connections.free == idle
    opened, door = asked.daemon.connect, threading.Event()

    def connect(uri: str) -> Connection:
        assert door.wait(FAR_S), "the test forgot to open the door"
        return opened(uri)

    asked.door.connect = connect
    return door


@pytest.mark.parametrize("idle", [0, 1, 3])
async def test_monitors_are_not_blamed_while_no_connection_can_be_opened(idle: int) -> None:
    asked = Asked(20)
    door = await hold_the_door(asked, idle)
    for _ in range(4):
        answered = await asked()
        asked.clock.more_s += 20
        assert answered == (asked.all_but() if idle else set())
        assert asked.blocked() == set()
    assert asked.connections.waiting == (0 if idle else 4), "those of the first round, and no more"
    door.set()
    await until(lambda: asked.connections.waiting == 0)
    assert await asked() == asked.all_but()
    await asked.close()


async def test_domain_alone_in_a_call_that_waits_for_its_connection_is_not_blamed() -> None:
    asked = Asked(1)
    door = await hold_the_door(asked, 0)
    for _ in range(3):
        assert await asked(0.5) == set()
        asked.clock.more_s += 40
        assert asked.blocked() == set()
    door.set()
    await until(lambda: asked.monitors.hung == 0)
    assert await asked() == {"0"}
    await asked.close()


async def test_domain_that_hangs_is_found_over_the_connections_that_are_open() -> None:
    asked = Asked(6)
    door = await hold_the_door(asked, 3)
    asked.hang(2)
    for _ in range(3):
        await asked()
    asked.clock.more_s += 31
    assert asked.blocked() == {"2"}
    door.set()
    await asked.close()


@pytest.mark.parametrize("idle", [1, 2, 4])
async def test_monitors_are_asked_over_what_is_open_while_no_more_connections_are_granted(idle: int) -> None:
    asked = Asked(20)
    (await hold_the_door(asked, idle)).set()
    asked.daemon.broken["connect"] = failure(libvirt.VIR_ERR_SYSTEM_ERROR, "end of file while reading data")
    for _ in range(3):
        assert await asked() == asked.all_but()
        asked.clock.more_s += 20
        assert asked.blocked() == set()
    await asked.close()


async def test_daemon_that_grants_no_connection_at_all_is_unavailable(asked: Asked) -> None:
    asked.daemon.broken["connect"] = failure(libvirt.VIR_ERR_SYSTEM_ERROR, "Connection refused")
    with pytest.raises(CollectError) as error:
        await asked()
    assert error.value.reason is Reason.UNAVAILABLE
    asked.clock.more_s += 60
    assert asked.blocked() == set()


async def test_silence_lasts_over_many_rounds(asked: Asked) -> None:
    asked.wanted = dict.fromkeys(["1", "2", "3"], BOTH)
    asked.hang(2)
    for _ in range(3):
        assert await asked() == {"1", "3"}
        asked.clock.more_s += 20
    assert asked.monitors.state("2").blocked_s >= 60


async def test_monitor_that_answers_late_each_time_is_slow_and_not_silent(asked: Asked) -> None:
    for _ in range(3):
        asked.hang(7)
        assert await asked() == asked.all_but(7)
        assert asked.blocked() == {"7"}
        await asked.let_answer(7)
        assert asked.blocked() == set()
        assert asked.monitors.state("7").last_answer_age_s is not None


async def test_silence_of_one_that_is_asked_no_more_counts_anew_after_the_daemons_own(asked: Asked) -> None:
    asked.wanted = dict.fromkeys(["1", "2", "3"], BOTH)
    asked.hang(2)
    await asked()
    asked.monitors.begin_anew()
    await asked()
    asked.clock.more_s += 31
    assert asked.blocked() == {"2"}


@pytest.mark.parametrize("domains", [4, 12])
async def test_refused_calls_are_made_over_the_connection_that_there_is_and_fail_nobody(domains: int) -> None:
    asked = Asked(domains)
    (await hold_the_door(asked, 1)).set()
    asked.daemon.broken["connect"] = failure(libvirt.VIR_ERR_SYSTEM_ERROR, "end of file while reading data")
    asked.hang(*range(domains))
    refused = asked.daemon.made.count("connect") + 3
    ask = asyncio.create_task(asked(60))
    await until(lambda: asked.daemon.made.count("connect") == refused)
    for domain in asked.daemon.domains.values():
        domain.answers.set()
    assert await ask == asked.all_but()
    assert [len(uuids) for uuids in asked.daemon.asked] == [domains / 4] * 4, "none is split: one is free"
    await asked.close()


async def test_silence_counts_anew_after_the_daemon_itself_did_not_answer(asked: Asked) -> None:
    await asked()
    asked.hang(7)
    await asked()
    asked.clock.more_s += 45
    asked.monitors.begin_anew()
    await asked()
    assert asked.monitors.state("7").blocked_s < 1
    asked.clock.more_s += 31
    assert asked.monitors.state("7").blocked_s > 30


async def test_what_is_gone_is_forgotten(asked: Asked) -> None:
    asked.hang(7)
    await asked()
    del asked.wanted["7"], asked.wanted["8"]
    await asked()
    for uuid in ("7", "8"):
        state = asked.monitors.state(uuid)
        assert (state.blocked_s, state.last_answer_age_s) == (0.0, None)


async def test_round_in_which_a_monitor_hangs_tells_nothing_of_how_long_one_takes(asked: Asked) -> None:
    await asked()
    before = asked.monitors._usual_s
    asked.hang(7)
    await asked()
    assert asked.monitors._usual_s == before


async def test_patience_follows_how_long_an_ask_usually_takes(asked: Asked) -> None:
    assert asked.monitors._patience_s(9.0) == 3.0
    await asked()
    assert asked.monitors._patience_s(9.0) == 1.0, "so much at least"
    asked.monitors._usual_s = 0.4
    assert asked.monitors._patience_s(9.0) == 2.0
    asked.monitors._usual_s = 10
    assert asked.monitors._patience_s(9.0) == 3.0, "time is left to ask in smaller pieces"
    await asked()
    assert asked.monitors._usual_s < 10
