"""The timeline: where bars are, what stands in which lane, and that all of it is bounded."""

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.model import DAY_S, Downtime, Severity
from stratoscope.downtime.pages.timeline import (
    MOST_BARS,
    MOST_LANES,
    MOST_ROWS,
    Timeline,
    View,
    Window,
    asked,
    timeline,
)
from support.fake_downtimes import HOUR_S, NOW, downtime, many

BERLIN = ZoneInfo("Europe/Berlin")
TODAY = dt.date(2026, 11, 30)
MIDNIGHT = 1_795_996_800
"""Of TODAY in UTC."""


def day(*downtimes: Downtime) -> Timeline:
    """Of TODAY in UTC."""
    return timeline(downtimes, Window(View.DAY, TODAY, dt.UTC), NOW)


def at(hour: float, lasts: float, number: int = 1, *on: str, **more: Any) -> Downtime:
    """A downtime. Args: hour: Of TODAY. lasts: In hours."""
    return downtime(number, *on, after=int(MIDNIGHT - NOW + hour * HOUR_S), lasts=int(lasts * HOUR_S), **more)


@pytest.mark.parametrize(
    ("query", "view", "first"),
    [
        (("", ""), View.WEEK, TODAY),
        (("day", "2026-12-24"), View.DAY, dt.date(2026, 12, 24)),
        (("week", "20261224"), View.WEEK, dt.date(2026, 12, 24)),
        (("month", ""), View.MONTH, TODAY),
    ],
)
def test_window_is_what_is_asked_for_and_from_today_on_where_that_is_none(
    query: tuple[str, str], view: View, first: dt.date
) -> None:
    assert asked(*query, NOW, BERLIN) == Window(view, first, BERLIN)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (("year", ""), "view: 'year'; allowed: day, week, month"),
        (("month", "2026-02-30"), "from: '2026-02-30'; allowed: a day from 1971 to 2998"),
        (("", "<script>"), "from: '<script>'; allowed: "),
        (("day", "0001-01-01"), "from: '0001-01-01'; allowed: "),
        (("month", "9999-12-31"), "from: '9999-12-31'; allowed: "),
    ],
)
def test_what_is_no_window_is_refused(query: tuple[str, str], said: str) -> None:
    with pytest.raises(FieldError, match=re.escape(said)):
        asked(*query, NOW, BERLIN)


def test_today_is_that_of_the_zone() -> None:
    assert asked("", "", NOW, ZoneInfo("America/New_York")).first == dt.date(2026, 11, 29)


@pytest.mark.parametrize(("view", "days"), [(View.DAY, 1), (View.WEEK, 7), (View.MONTH, 31)])
def test_windows_follow_one_another_without_a_gap(view: View, days: int) -> None:
    window = Window(view, TODAY, BERLIN)
    after = Window(view, window.later, BERLIN)
    assert len(window.days) == days
    assert after.earlier == TODAY
    assert after.scale.start == window.scale.end


def test_bar_is_where_its_time_is_and_clipped_at_the_edges() -> None:
    (row,) = day(at(-5, 11, 1), at(12, 3, 2), at(18, 100, 3)).rows
    assert row.name == "host n1 of uni"
    assert [(bar.shown.downtime.id[-1], bar.left, bar.width, bar.lane) for bar in row.bars] == [
        ("1", 0, 25, 0), ("2", 50, 12.5, 0), ("3", 75, 25, 0),
    ]  # fmt: skip
    assert (row.lanes, row.more) == (1, 0)


def test_what_is_short_can_be_seen_at_the_right_edge_too() -> None:
    (row,) = day(at(24 - 1 / 60, 1 / 60)).rows
    assert [(bar.left, bar.width) for bar in row.bars] == [(99.4, 0.6)]


@pytest.mark.parametrize(("hour", "lasts", "rows"), [(-2, 2, 0), (24, 1, 0), (-2, 2.1, 1), (23.9, 1, 1)])
def test_what_only_touches_the_window_is_not_in_it(hour: float, lasts: float, rows: int) -> None:
    assert len(day(at(hour, lasts)).rows) == rows


def test_day_on_which_the_clocks_change_has_23_hours() -> None:
    window = Window(View.DAY, dt.date(2027, 3, 28), BERLIN)
    assert window.scale.end - window.scale.start == 23 * HOUR_S
    ticks = timeline([], window, NOW).ticks
    assert [one.label for one in ticks[:3]] == ["00:00", "03:00", "06:00"]
    assert [one.left for one in ticks[:3]] == [0, 8.7, 21.74]


def test_overlapping_ones_have_lanes_and_what_finds_no_room_is_counted() -> None:
    (row,) = day(*(at(6, 6, n) for n in range(MOST_LANES + 3)), at(13, 1, 99)).rows
    assert sorted(bar.lane for bar in row.bars) == [0, *range(MOST_LANES)]
    assert (row.lanes, row.more) == (MOST_LANES, 3)


def test_cancelled_one_takes_no_room_from_others() -> None:
    (row,) = day(at(6, 6, 1, cancelled_at=NOW), at(7, 6, 2)).rows
    assert {bar.shown.downtime.id[-1]: bar.lane for bar in row.bars} == {"1": 1, "2": 0}


def test_row_for_each_set_and_what_is_down_now_comes_first() -> None:
    shown = day(
        at(0.5, 0.25, 1, "cloud=a"),
        at(5, 1, 2, "cloud=uni, zone=z", 'service=~"nova.*"'),
        at(0.75, 9, 3, "cloud=uni, vm_id=v"),
        at(0, 20, 4, "cloud=uni, project_id=p", cancelled_at=NOW),
    )
    assert [row.name for row in shown.rows] == [
        "VM v of uni", "cloud a", "zone z of uni", '{service=~"nova.*"}', "project p of uni",
    ]  # fmt: skip


def test_bars_of_each_kind_have_marks_of_their_own() -> None:
    kinds: list[dict[str, Any]] = [
        {}, {"planned": False}, {"severity": Severity.AT_RISK}, {"severity": Severity.DEGRADED},
        {"cancelled_at": NOW, "planned": False},
    ]  # fmt: skip
    (row,) = day(*(at(n, 0.5, n, **kind) for n, kind in enumerate(kinds))).rows
    assert [bar.marks for bar in row.bars] == [
        "outage planned", "outage unplanned", "at_risk planned", "degraded planned", "cancelled",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "now"), [(TODAY, 3.7), (TODAY - dt.timedelta(1), None), (TODAY + dt.timedelta(1), None)]
)
def test_present_is_marked_where_it_is_in_the_window(first: dt.date, now: float | None) -> None:
    assert timeline([], Window(View.DAY, first, dt.UTC), NOW).now == now


def test_days_have_labels_where_there_is_room() -> None:
    week = timeline([], Window(View.WEEK, TODAY, BERLIN), NOW).ticks
    assert [one.label for one in week] == ["Mon 30", "Tue 1", "Wed 2", "Thu 3", "Fri 4", "Sat 5", "Sun 6"]
    month = timeline([], Window(View.MONTH, TODAY, BERLIN), NOW).ticks
    assert len(month) == 31
    assert [one.label for one in month if one.label] == ["30 Nov", "7 Dec", "14 Dec", "21 Dec", "28 Dec"]


@pytest.mark.parametrize("hosts", [1, 300, 10_000])
def test_of_10000_a_bounded_number_is_drawn(hosts: int) -> None:
    shown = timeline(many(hosts=hosts), Window(View.MONTH, TODAY, BERLIN), NOW)
    assert len(shown.rows) == min(hosts, MOST_ROWS)
    assert max(len(row.bars) for row in shown.rows) <= MOST_BARS
    inside = sum(
        one.start < NOW + 31 * DAY_S - 2 * HOUR_S and one.end > NOW - 3 * HOUR_S for one in many(hosts=hosts)
    )
    drawn = sum(len(row.bars) + row.more for row in shown.rows)
    assert drawn + shown.more >= min(inside, hosts) - 2
