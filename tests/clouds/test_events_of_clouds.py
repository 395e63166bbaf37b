"""What is known of events: which says more, a list or an event, and what was missed."""

from typing import Any

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.events import POLLED_S, Events, Missed, Outcome
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import Found, Publishers
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.config import Notifications, OpenStackCloud
from stratoscope.core.errors import CollectError, Reason


class Heard(Events):
    """Events by a clock that the test moves."""

    def __init__(self, advice: str = "") -> None:
        self.now = 1000.0
        super().__init__(Clock(monotonic=lambda: self.now, now=lambda: self.now), advice)


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


def test_a_failure_after_events_had_arrived_says_so(events: Heard) -> None:
    """A failure that repeats the one before is not logged: the last line was that events arrive."""
    events.now += 31.0
    away = CollectError(Reason.UNAVAILABLE, "no broker")
    lost = events.end(away)
    assert (str(lost), lost.reason) == ("no broker, after events had arrived for 31 s", Reason.UNAVAILABLE)
    assert str(events.end(away)) == "no broker"


def missed(events: Heard, *vms: str) -> None:
    for vm_id in vms:
        events.found(vm_id, Missed.CHANGED)
    events.now += 30.0
    events.settle()


def test_a_stream_on_which_no_event_has_ever_come_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    silent = Heard("cloud=uni: is notification_format set?")
    silent.begin()
    silent.now += 30.0
    silent.settle()
    assert caplog.messages == []
    for vm_id in "ab":
        missed(silent, vm_id)
    assert caplog.messages == [
        "lists have changes, and no event has ever come cloud=uni: is notification_format set?"
    ]
    assert caplog.records[0].levelname == "WARNING"


def test_a_change_that_was_missed_among_events_says_nothing_of_settings(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = Heard("cloud=uni")
    heard.begin()
    heard.count("instance.update", Outcome.IGNORED)
    missed(heard, "a")
    assert heard.account().missed[Missed.CHANGED] == 1
    assert caplog.messages == []


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


@pytest.mark.parametrize(
    ("opened", "entry", "setting"),
    [
        (
            OpenStack,
            OpenStackCloud(name="uni", events=Notifications(urls=["amqp://x"])),
            "notification_format",
        ),
        (OpenNebula, Found("uni", events=Publishers(urls=["tcp://x:2101"])), "events.urls"),
    ],
    ids=["openstack", "opennebula"],
)
def test_each_kind_names_the_setting_that_no_event_may_come_from(
    opened: Any, entry: Any, setting: str, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    events = opened(entry, Clock(monotonic=lambda: now)).events
    events.begin()
    events.found("a", Missed.ADDED)
    now = 30.0
    events.settle()
    (said,) = caplog.messages
    assert "cloud=uni: " in said
    assert setting in said
