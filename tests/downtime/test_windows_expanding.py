"""Rules are expanded from somewhere near, and give what python-dateutil gives from the first on."""

import datetime as dt
import time
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stratoscope.downtime.windows.expanding import TooCostlyError, clock_times
from stratoscope.downtime.windows.recurrence import Recurrence, due, occurrences
from stratoscope.downtime.windows.rule import parsed

EVER = float("inf")
HOUR_S, DAY_S = 3600, 86_400


def a_list(values: st.SearchStrategy[int]) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=4).map(lambda some: ",".join(map(str, some)))


def signed(most: int) -> st.SearchStrategy[int]:
    return st.integers(1, most) | st.integers(-most, -1)


DAYS = st.lists(st.sampled_from(["MO", "TU", "WE", "SA", "SU"]), min_size=1, max_size=3).map(",".join)
NTH_DAYS = DAYS | st.lists(st.sampled_from(["1MO", "-1FR", "5SU", "+2TU"]), min_size=1).map(",".join)
COMMON = {"INTERVAL": st.integers(1, 40).map(str), "BYMONTH": a_list(st.integers(1, 12)),
          "BYHOUR": a_list(st.integers(0, 23)), "BYMINUTE": st.integers(0, 59).map(str),
          "WKST": st.sampled_from(["MO", "SU", "TH"]), "COUNT": st.integers(1, 300).map(str)}  # fmt: skip
PARTS = {
    "HOURLY": {name: COMMON[name] for name in ("INTERVAL", "COUNT")},
    "DAILY": COMMON | {"BYMONTHDAY": a_list(signed(31)), "BYDAY": DAYS},
    "WEEKLY": COMMON | {"BYDAY": DAYS},
    "MONTHLY": COMMON | {"BYMONTHDAY": a_list(signed(31)), "BYDAY": NTH_DAYS, "BYSETPOS": a_list(signed(9))},
    "YEARLY": COMMON | {"BYMONTHDAY": a_list(signed(31)), "BYDAY": NTH_DAYS, "BYSETPOS": a_list(signed(9)),
                        "BYYEARDAY": a_list(signed(366)), "BYWEEKNO": a_list(signed(53))},
}  # fmt: skip


@st.composite
def rules(draw: st.DrawFn) -> str:
    freq = draw(st.sampled_from(sorted(PARTS)))
    names = draw(st.sets(st.sampled_from(sorted(PARTS[freq])), max_size=4))
    if names & {"BYSETPOS"} and not names & {"BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"}:
        names.add("BYDAY")
    return ";".join([f"FREQ={freq}", *(f"{name}={draw(PARTS[freq][name])}" for name in sorted(names))])


@settings(deadline=None)
@given(rules(), st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2024, 12, 31)), st.integers(0, 9000))  # noqa: DTZ001
@example("FREQ=MONTHLY", dt.datetime(2020, 1, 31, 8), 1000)  # noqa: DTZ001
@example("FREQ=MONTHLY;BYDAY=1MO", dt.datetime(2020, 1, 31, 8), 1000)  # noqa: DTZ001
@example("FREQ=YEARLY", dt.datetime(2020, 2, 29, 8), 3000)  # noqa: DTZ001
@example("FREQ=YEARLY;BYMONTH=4,1", dt.datetime(2020, 3, 31, 8), 3000)  # noqa: DTZ001
@example("FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,SU;WKST=SU", dt.datetime(2020, 3, 4, 8), 700)  # noqa: DTZ001
@example("FREQ=DAILY;INTERVAL=3;BYHOUR=1,23", dt.datetime(2020, 3, 4, 8), 700)  # noqa: DTZ001
@example("FREQ=DAILY;BYMONTHDAY=-1;COUNT=20", dt.datetime(2020, 3, 4, 8), 400)  # noqa: DTZ001
@example("FREQ=DAILY;BYMONTH=02;BYMONTHDAY=+29", dt.datetime(2020, 3, 4, 8), 1000)  # noqa: DTZ001
def test_what_is_near_is_what_the_whole_rule_gives(rule: str, first: dt.datetime, days: int) -> None:
    first = first.replace(second=0, microsecond=0)
    near = first + dt.timedelta(days=days)
    end = near + dt.timedelta(days=800)
    slow = [one for one in takewhile(lambda one: one < end, rrulestr(rule, dtstart=first)) if one >= near]
    quick = takewhile(lambda one: one < end, clock_times(parsed(rule), first, near, EVER))
    assert [one for one in quick if one >= near] == slow


@pytest.mark.parametrize(
    "rule",
    ["FREQ=HOURLY", "FREQ=DAILY;BYHOUR=8,20", "FREQ=WEEKLY;BYDAY=MO,FR", "FREQ=MONTHLY", "FREQ=YEARLY",
     "FREQ=HOURLY;COUNT=100000"],
)  # fmt: skip
def test_little_is_expanded_before_what_is_near(rule: str) -> None:
    first, near = dt.datetime(2000, 1, 1), dt.datetime(2026, 6, 1)  # noqa: DTZ001
    before = takewhile(lambda one: one < near, clock_times(parsed(rule), first, near, EVER))
    assert len([*before]) <= 4


def test_a_deadline_ends_the_work_within_a_rule_that_no_day_obeys() -> None:
    first = dt.datetime(2000, 1, 1)  # noqa: DTZ001
    for rule in ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31", "FREQ=DAILY;BYHOUR=1,2,3;COUNT=100000"):
        began = time.process_time()
        with pytest.raises(TooCostlyError):
            list(clock_times(parsed(rule), first, first, time.monotonic() - 1))
        assert time.process_time() - began < 0.1


def test_the_hours_of_the_last_year_end() -> None:
    last = dt.datetime(9999, 12, 31, 22)  # noqa: DTZ001
    assert len([*clock_times(parsed("FREQ=HOURLY"), last, last, EVER)]) == 2


def test_clocks_that_change_are_followed_years_after_the_first() -> None:
    def starts(rule: str) -> list[str]:
        first = dt.datetime(2027, 1, 1, 2, 30)  # noqa: DTZ001
        one = Recurrence(rrule=rule, zone="Europe/Berlin", first=first, duration_s=HOUR_S)
        begin = int(dt.datetime(2046, 3, 24, 12, tzinfo=dt.UTC).timestamp())
        found = occurrences(one, begin, begin + DAY_S)
        berlin = ZoneInfo("Europe/Berlin")
        return [f"{dt.datetime.fromtimestamp(each.start, berlin):%m-%d %H:%M %z}" for each in found]

    assert starts("FREQ=DAILY") == ["03-25 03:30 +0200"]
    assert starts("FREQ=DAILY;BYHOUR=1,2,3") == ["03-25 01:30 +0100", "03-25 03:30 +0200"]
    assert starts("FREQ=HOURLY;INTERVAL=13") == ["03-24 19:30 +0100", "03-25 09:30 +0200"]


def test_a_window_of_ten_years_costs_what_a_new_one_costs() -> None:
    first = dt.datetime(2027, 1, 1)  # noqa: DTZ001
    one = Recurrence(rrule="FREQ=HOURLY", zone="Europe/Berlin", first=first, duration_s=HOUR_S)
    began, now = time.process_time(), int(dt.datetime(2037, 1, 1, tzinfo=dt.UTC).timestamp())
    assert len(due(one, (), now, ahead_s=14 * DAY_S)) == 14 * 24
    assert time.process_time() - began < 0.1
