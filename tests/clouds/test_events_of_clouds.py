"""What is known of events: which says more, a list or an event, and what was missed."""

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.events import POLLED_S, Events, Missed


class Heard(Events):
    """Events by a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(Clock(monotonic=lambda: self.now, now=lambda: self.now))


@pytest.fixture
def events() -> Heard:
    one = Heard()
    one.begin()
    return one


def test_a_change_is_missed_30_seconds_after_a_list_had_it(events: Heard) -> None:
    events.found("a", Missed.CHANGED)
    events.now += 29.9
    events.settle()
    assert events.account().missed[Missed.CHANGED] == 0
    events.now += 0.1
    events.settle()
    events.settle()
    assert events.account().missed[Missed.CHANGED] == 1


def test_what_a_list_had_while_events_were_lost_was_not_missed(events: Heard) -> None:
    events.found("a", Missed.ADDED)
    events.begin()
    events.now += 60
    events.settle()
    assert set(events.account().missed.values()) == {0}


def test_a_list_from_before_events_began_is_not_vouched_for(events: Heard) -> None:
    assert [events.vouches(since) for since in (999.9, 1000.0, 1000.1)] == [False, True, True]


def test_a_list_is_spared_for_ten_minutes(events: Heard) -> None:
    events.now += POLLED_S - 1
    assert events.spares(1000.0)
    events.now += 1
    assert not events.spares(1000.0)


@pytest.mark.parametrize(
    ("updated", "is_late"), [(4.9, True), (5.0, True), (5.1, False)], ids=["older", "same", "newer"]
)
def test_what_is_gone_comes_back_by_a_newer_event_alone(
    events: Heard, updated: float, *, is_late: bool
) -> None:
    events.says("a", 5.0, is_gone=True)
    assert events.is_late("a", updated) is is_late
    events.says("b", 5.0)
    assert events.is_late("b", updated) is (updated < 5.0)


def test_an_event_since_the_list_was_requested_is_newer_unless_the_list_is_dated_later(
    events: Heard,
) -> None:
    events.says("a", 5.0)
    assert [events.is_newer("a", updated, 1000.0) for updated in (4.9, 5.0, 5.1)] == [True, True, False]
    assert not events.is_newer("a", 5.0, 1000.1)
    events.says("a", 5.0, is_gone=True)
    assert events.is_newer("a", 5.1, 1000.0)


def test_what_was_said_a_quarter_of_an_hour_ago_is_forgotten(events: Heard) -> None:
    events.says("a", 5.0)
    events.now += 901
    events.says("b", 5.0)
    assert not events.is_newer("a", 1.0, 0.0)
    assert events.is_newer("b", 1.0, 0.0)
