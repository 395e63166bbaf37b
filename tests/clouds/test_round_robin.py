"""What is read item by item: whose turn it is, what is kept, and what ends a turn."""

import time

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.round_robin import RoundRobin
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason

ITEMS = ("a", "b", "c", "d", "e")


class Source:
    """Answers with the item itself; clocks of its own beside it, the wall clock ahead by `ahead_s`."""

    def __init__(self) -> None:
        DEADLINE.set(time.monotonic() + 60)
        self.now, self.ahead_s = 1_000_000.0, 0.0
        self.asked: list[str] = []
        self.errors: dict[str, Exception] = {}

    async def read(self, item: str) -> str:
        self.asked.append(item)
        self.now += 0.001
        if item in self.errors:
            raise self.errors[item]
        return item.upper()

    def rotation(self, most: int = 2, per_second: float = 1.0) -> RoundRobin[str]:
        clock = Clock(monotonic=lambda: self.now, now=lambda: self.now + self.ahead_s)
        return RoundRobin("quotas", per_second=per_second, most=most, clock=clock)


def source_fails(*items: str, reason: Reason = Reason.UNAVAILABLE) -> Source:
    source = Source()
    source.errors = {item: CollectError(reason, f"{item}: no") for item in items}
    return source


async def test_each_turn_reads_those_read_longest_ago() -> None:
    source = Source()
    rotation = source.rotation()
    for _ in range(5):
        await rotation.turn(ITEMS, source.read)
        source.now += 60
    assert "".join(source.asked) == "abcdeabcde"
    assert rotation.values() == {item: item.upper() for item in ITEMS}


async def test_new_item_is_read_first() -> None:
    source = Source()
    rotation = source.rotation(most=1)
    for items in (("a",), ("a",), ("a", "b"), ("a", "b")):
        await rotation.turn(items, source.read)
        source.now += 60
    assert source.asked == ["a", "a", "b", "a"]


async def test_item_that_vanished_is_forgotten_at_once() -> None:
    source = Source()
    rotation = source.rotation(most=5)
    await rotation.turn(ITEMS, source.read)
    source.now += 60
    await rotation.turn(ITEMS[1:], source.read)
    assert rotation.values().keys() == {"b", "c", "d", "e"}
    assert rotation.spread().items == 4


async def test_rate_holds_however_often_it_is_its_turn() -> None:
    source = Source()
    rotation = source.rotation(most=60)
    items = [str(number) for number in range(1000)]
    await rotation.turn(items, source.read)
    assert len(source.asked) == 60
    source.now += 10
    await rotation.turn(items, source.read)
    assert len(source.asked) == 70


async def test_spread_tells_how_many_are_known_and_how_old_the_oldest_is() -> None:
    source = Source()
    rotation = source.rotation()
    assert rotation.spread().oldest is None
    await rotation.turn(ITEMS, source.read)
    first = source.now
    source.now += 60
    await rotation.turn(ITEMS, source.read)
    spread = rotation.spread()
    assert (spread.collector, spread.items, spread.known, spread.per_second) == ("quotas", 5, 4, 1.0)
    assert spread.oldest == pytest.approx(first, abs=0.01)


@pytest.mark.parametrize("error", [ForbiddenError("403"), NotThereError("404")])
async def test_item_that_is_gone_meanwhile_costs_nothing(error: Exception) -> None:
    source = Source()
    rotation = source.rotation(most=5)
    await rotation.turn(ITEMS, source.read)
    source.errors["b"] = error
    source.now += 60
    await rotation.turn(ITEMS, source.read)
    assert rotation.values().keys() == {"a", "c", "d", "e"}
    assert rotation.failed == 0


async def test_item_that_fails_costs_itself_and_keeps_its_value() -> None:
    source = Source()
    rotation = source.rotation(most=5)
    await rotation.turn(ITEMS, source.read)
    source.errors["b"] = CollectError(Reason.MALFORMED, "no quota")
    source.now += 60
    await rotation.turn(ITEMS, source.read)
    assert rotation.values()["b"] == "B"
    assert rotation.failed == 1


async def test_turn_in_which_nothing_could_be_read_fails_and_keeps_what_is_known() -> None:
    source = Source()
    rotation = source.rotation(most=5)
    await rotation.turn(ITEMS, source.read)
    source.errors = {item: CollectError(Reason.UNAVAILABLE, "503") for item in ITEMS}
    source.now += 60
    with pytest.raises(CollectError, match="503"):
        await rotation.turn(ITEMS, source.read)
    assert len(rotation.values()) == 5


async def test_source_that_is_down_is_asked_three_times_a_turn() -> None:
    source = source_fails(*ITEMS)
    with pytest.raises(CollectError):
        await source.rotation(most=5).turn(ITEMS, source.read)
    assert source.asked == ["a", "b", "c"]


async def test_items_that_make_no_sense_are_no_sign_that_the_source_is_down() -> None:
    source = source_fails("a", "b", "c", "d", reason=Reason.MALFORMED)
    rotation = source.rotation(most=5)
    await rotation.turn(ITEMS, source.read)
    assert (rotation.values(), rotation.failed) == ({"e": "E"}, 4)


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.BUSY, Reason.UNAUTHORIZED])
async def test_failure_that_is_everybodys_ends_the_turn(reason: Reason) -> None:
    source = source_fails(*ITEMS, reason=reason)
    with pytest.raises(CollectError):
        await source.rotation(most=5).turn(ITEMS, source.read)
    assert source.asked == ["a"]


async def test_items_that_fail_do_not_hold_up_the_others_next_time() -> None:
    source = source_fails("a", "b", "c")
    rotation = source.rotation(most=5)
    with pytest.raises(CollectError):
        await rotation.turn(ITEMS, source.read)
    source.now += 60
    await rotation.turn(ITEMS, source.read)
    assert source.asked[3:5] == ["d", "e"]
    assert rotation.values() == {"d": "D", "e": "E"}


async def test_all_forbidden_is_told_as_forbidden() -> None:
    source = Source()
    source.errors = dict.fromkeys(ITEMS, ForbiddenError("quotas: 403"))
    with pytest.raises(ForbiddenError):
        await source.rotation(most=5).turn(ITEMS, source.read)


@pytest.mark.parametrize("error", [ForbiddenError("403"), NotThereError("404")])
async def test_what_is_known_stays_though_all_of_a_turn_are_forbidden_or_gone(error: Exception) -> None:
    source = Source()
    source.errors = dict.fromkeys(ITEMS[1:], error)
    rotation = source.rotation()
    for _ in range(3):
        await rotation.turn(ITEMS, source.read)
        assert rotation.values() == {"a": "A"}
        source.now += 2
    source.errors["a"] = error
    with pytest.raises(type(error)):
        await rotation.turn(ITEMS[:1], source.read)
    assert rotation.values() == {}


async def test_call_that_is_left_alone_ends_the_turn_and_keeps_what_is_known() -> None:
    source = Source()
    source.errors["b"] = LeftOutError(LeftOut.UNAUTHORIZED, "refuses (401) a new token")
    rotation = source.rotation(most=5)
    await rotation.turn(ITEMS, source.read)
    assert (source.asked, rotation.values(), rotation.failed) == (["a", "b"], {"a": "A"}, 1)
    source.errors = dict.fromkeys(ITEMS, source.errors["b"])
    source.now += 60
    with pytest.raises(LeftOutError):
        await rotation.turn(ITEMS, source.read)
    assert rotation.values() == {"a": "A"}


async def test_turn_ends_with_what_it_has_when_the_refresh_is_about_to_be_given_up() -> None:
    source = Source()
    rotation = source.rotation(most=5)
    DEADLINE.set(time.monotonic() + 0.5)
    await rotation.turn(ITEMS, source.read)
    assert source.asked == ["a"]
    DEADLINE.set(time.monotonic() + 60)
    source.now += 60
    await rotation.turn(ITEMS, source.read)
    assert source.asked == ["a", "b", "c", "d", "e", "a"]


async def test_value_that_cannot_be_read_again_for_an_hour_is_given_up() -> None:
    source = Source()
    rotation = source.rotation(most=5)
    await rotation.turn(ITEMS, source.read)
    source.errors["b"] = CollectError(Reason.MALFORMED, "no quota")
    source.now += 3700
    await rotation.turn(ITEMS, source.read)
    assert "b" not in rotation.values()


async def test_clock_that_is_set_back_a_day_stops_nothing_and_hides_nothing() -> None:
    source = Source()
    rotation = source.rotation(most=5)
    await rotation.turn(ITEMS, source.read)
    before, source.ahead_s = source.now, -86400.0
    source.now += 60
    await rotation.turn(ITEMS, source.read)
    assert len(source.asked) == 10
    assert rotation.spread().oldest == pytest.approx(before + 60 - 86400, abs=0.01)


async def test_clock_that_is_set_ahead_a_day_hides_nothing() -> None:
    source = source_fails("b", reason=Reason.MALFORMED)
    error, source.errors = source.errors, {}
    rotation = source.rotation(most=5)
    await rotation.turn(ITEMS, source.read)
    source.errors, source.ahead_s = error, 86400.0
    source.now += 60
    await rotation.turn(ITEMS, source.read)
    assert rotation.values()["b"] == "B"


async def test_no_items_are_no_requests() -> None:
    source = Source()
    rotation = source.rotation()
    await rotation.turn((), source.read)
    assert (source.asked, rotation.values()) == ([], {})
