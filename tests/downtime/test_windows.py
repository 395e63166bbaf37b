"""Recurring windows follow the clocks of their zone, and what cannot be is rejected before it is stored."""

import datetime as dt
import time
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.windows.recurrence import (
    MOST_OCCURRENCES,
    Occurrence,
    Recurrence,
    check,
    due,
    following,
    occurrences,
)
from stratoscope.downtime.windows.rule import parsed
from stratoscope.downtime.zones import zone

NOW = 1_798_761_600
"""2027-01-01T00:00:00Z."""
BERLIN = zone("Europe/Berlin")
HOUR_S, DAY_S = 3600, 86_400


def recurrence(rrule: str, first: str = "2027-03-01T02:30", **fields: Any) -> Recurrence:
    values = {"zone": "Europe/Berlin", "first": dt.datetime.fromisoformat(first), "duration_s": HOUR_S}
    return Recurrence(rrule=rrule, **values | fields)


def unix(local: str) -> int:
    return int(dt.datetime.fromisoformat(local).replace(tzinfo=BERLIN).timestamp())


def starts(one: Recurrence, begin: str, end: str) -> list[str]:
    """Local starts with their offsets, in Berlin."""
    found = occurrences(one, unix(begin), unix(end))
    return [f"{dt.datetime.fromtimestamp(each.start, BERLIN):%m-%d %H:%M %z}" for each in found]


def test_the_time_of_day_stays_when_clocks_go_forward_and_one_that_is_left_out_moves_with_them() -> None:
    found = starts(recurrence("FREQ=DAILY"), "2027-03-27", "2027-03-30")
    assert found == ["03-27 02:30 +0100", "03-28 03:30 +0200", "03-29 02:30 +0200"]


def test_the_time_of_day_stays_when_clocks_go_back_and_one_that_comes_twice_is_taken_once() -> None:
    found = starts(recurrence("FREQ=DAILY"), "2027-10-30", "2027-11-02")
    assert found == ["10-30 02:30 +0200", "10-31 02:30 +0200", "11-01 02:30 +0100"]


def test_two_starts_that_the_clocks_bring_together_are_one_occurrence() -> None:
    found = starts(recurrence("FREQ=DAILY;BYHOUR=1,2,3"), "2027-03-28", "2027-03-29")
    assert found == ["03-28 01:30 +0100", "03-28 03:30 +0200"]


def test_hourly_counts_hours_that_have_passed() -> None:
    one = recurrence("FREQ=HOURLY;INTERVAL=6", "2027-03-27T20:30")
    found = starts(one, "2027-03-27", "2027-03-29")
    assert found == ["03-27 20:30 +0100", "03-28 03:30 +0200", "03-28 09:30 +0200", "03-28 15:30 +0200",
                     "03-28 21:30 +0200"]  # fmt: skip
    found = starts(recurrence("FREQ=HOURLY", "2027-10-31T01:00"), "2027-10-31T01:00", "2027-10-31T04:00")
    assert found == ["10-31 01:00 +0200", "10-31 02:00 +0200", "10-31 02:00 +0100", "10-31 03:00 +0100"]


def test_a_window_at_half_an_hour_off_is_right_where_clocks_move_by_half_an_hour() -> None:
    one = recurrence("FREQ=DAILY", "2027-01-01T02:15", zone="Australia/Lord_Howe")
    moved = dt.datetime(2027, 10, 3, 2, 45, tzinfo=zone("Australia/Lord_Howe"))
    noon = int(moved.timestamp()) - 12 * HOUR_S
    assert [each.start for each in occurrences(one, noon, noon + DAY_S)] == [int(moved.timestamp())]


def test_the_duration_is_time_that_passes() -> None:
    night = recurrence("FREQ=DAILY", "2027-03-01T22:00", duration_s=8 * HOUR_S)
    (one,) = occurrences(night, unix("2027-03-27T22:00"), unix("2027-03-28T05:00"))
    assert one == Occurrence(unix("2027-03-27T22:00"), unix("2027-03-28T07:00"))


def test_occurrences_are_those_that_last_within_the_time_asked_for() -> None:
    one = recurrence("FREQ=DAILY", "2027-03-01T08:00")
    at = unix("2027-03-10T08:00")
    assert occurrences(one, at + HOUR_S, at + DAY_S) == ()
    assert [each.start for each in occurrences(one, at + HOUR_S - 1, at + DAY_S + 1)] == [at, at + DAY_S]
    assert occurrences(one, 0, unix("2027-03-01T08:00")) == ()


@pytest.mark.parametrize(
    ("rrule", "found"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,TH", ["03-01", "03-04", "03-08", "03-11"]),
        ("rrule:freq=weekly;interval=2;byday=mo", ["03-01", "03-15", "03-29"]),
        ("FREQ=MONTHLY;BYDAY=1TU,-1FR", ["03-02", "03-26", "04-06", "04-30"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", ["03-31", "04-30", "05-31", "06-30"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["03-31", "04-30", "05-31", "06-30"]),
        ("FREQ=YEARLY;BYMONTH=5,6;BYMONTHDAY=1", ["05-01", "06-01", "05-01", "06-01"]),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;WKST=MO", ["05-17", "05-15", "05-14", "05-13"]),
        ("FREQ=YEARLY;BYYEARDAY=-1", ["12-31", "12-31", "12-31", "12-31"]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", ["02-29", "02-29", "02-29", "02-29"]),
        ("FREQ=DAILY;COUNT=2", ["03-01", "03-02"]),
        ("FREQ=DAILY;UNTIL=20270302", ["03-01", "03-02"]),
        ("FREQ=DAILY;UNTIL=20270302T023000", ["03-01", "03-02"]),
        ("FREQ=DAILY;UNTIL=20270302T013000Z", ["03-01", "03-02"]),
        ("FREQ=DAILY;UNTIL=20270302T012959Z", ["03-01"]),
        ("FREQ=HOURLY;INTERVAL=24;UNTIL=20270302T023000", ["03-01", "03-02"]),
    ],
)
def test_a_rule_means_what_rfc_5545_says(rrule: str, found: list[str]) -> None:
    check(recurrence(rrule), NOW)
    assert [one[:5] for one in starts(recurrence(rrule), "2027-03-01", "2048-01-01")[:4]][
        : len(found)
    ] == found


def test_one_call_returns_a_bounded_number() -> None:
    one = recurrence("FREQ=HOURLY")
    assert len(occurrences(one, 0, NOW + 1000 * DAY_S)) == MOST_OCCURRENCES


def test_due_is_what_lasts_now_or_begins_soon_and_was_not_filed() -> None:
    one = recurrence("FREQ=DAILY", "2027-03-01T08:00")
    first = unix("2027-03-01T08:00")
    now = first + DAY_S + 60
    days = [Occurrence(first + n * DAY_S, first + n * DAY_S + HOUR_S) for n in range(4)]
    assert due(one, set(), now, ahead_s=2 * DAY_S) == tuple(days[1:4])
    assert due(one, {days[1].start, days[3].start}, now, ahead_s=2 * DAY_S) == (days[2],)
    assert due(one, {each.start for each in days}, now, ahead_s=2 * DAY_S) == ()


@pytest.mark.parametrize(
    ("rrule", "error"),
    [
        ("", "'' is no part of a rule; allowed: such as FREQ=WEEKLY;BYDAY=MO,TH"),
        ("every monday", "'EVERY MONDAY' is no part of a rule"),
        ("FREQ=DAILY;FREQ=DAILY", "'FREQ=DAILY' is twice"),
        ("BYDAY=MO", "no FREQ; allowed: FREQ=HOURLY, DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=SECONDLY", "FREQ=SECONDLY; allowed: FREQ=HOURLY, DAILY"),
        ("FREQ=MINUTELY;INTERVAL=30", "FREQ=MINUTELY; allowed"),
        ("FREQ=HOURLY;BYHOUR=8", "BYHOUR with FREQ=HOURLY; allowed: COUNT, FREQ, INTERVAL, UNTIL; for"),
        ("FREQ=DAILY;BYEASTER=0", "BYEASTER with FREQ=DAILY; allowed: BYDAY, "),
        ("FREQ=DAILY;BYSECOND=1,2", "BYSECOND with FREQ=DAILY"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS with FREQ=DAILY"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY with FREQ=WEEKLY"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0; allowed: 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL=-1; allowed: 1 to 1000"),
        ("FREQ=DAILY;INTERVAL=1,2", "INTERVAL has 2 values; allowed: 1"),
        ("FREQ=DAILY;COUNT=0", "COUNT=0; allowed: 1 to 100000"),
        ("FREQ=DAILY;COUNT=", "COUNT=; allowed"),
        ("FREQ=DAILY;BYMINUTE=0,30", "BYMINUTE has 2 values; allowed: 1"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR=24; allowed: 0 to 23"),
        ("FREQ=DAILY;BYMONTHDAY=0", "BYMONTHDAY=0; allowed: 1 to 31, or negative from the end"),
        ("FREQ=DAILY;BYMONTHDAY=" + ",".join("1" * 32), "BYMONTHDAY has 32 values; allowed: 31"),
        ("FREQ=MONTHLY;BYSETPOS=1,2,3,4,5,6,7,8,9,10,11,12,13", "BYSETPOS has 13 values; allowed: 12"),
        ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY=1MO; allowed: MO, TU, WE, TH, FR, SA, SU"),
        ("FREQ=MONTHLY;BYDAY=6MO", "BYDAY=6MO; allowed: MO, TU, WE, TH, FR, SA, SU, or with a number"),
        ("FREQ=WEEKLY;WKST=1", "WKST=1; allowed: MO"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL=TOMORROW; allowed: such as 20270131, 2"),
        ("FREQ=DAILY;UNTIL=20270231", "UNTIL=20270231; allowed"),
        ("FREQ=DAILY;COUNT=1;UNTIL=20270302", "COUNT and UNTIL; allowed: one of both"),
        ("FREQ=DAILY;BYDAY=" + "MO," * 100, "317 characters; allowed: 300"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "it never occurs; allowed: a rule that some days obey"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_used_is_rejected_with_what_is_allowed(rrule: str, error: str) -> None:
    with pytest.raises(FieldError) as raised:
        check(recurrence(rrule), NOW)
    assert str(raised.value).startswith(f"rrule: {error}")


@pytest.mark.parametrize(
    "rrule", ["FREQ=DAILY;COUNT=3", "FREQ=DAILY;UNTIL=20261210", "FREQ=DAILY;UNTIL=20260401"]
)
def test_a_rule_that_is_over_is_rejected(rrule: str) -> None:
    with pytest.raises(FieldError, match="rrule: no occurrence ends in the future"):
        check(recurrence(rrule, "2026-12-01T08:00"), NOW)


def test_a_rule_that_no_day_obeys_does_not_keep_the_service_busy() -> None:
    began = time.process_time()
    with pytest.raises(FieldError):
        check(recurrence("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), NOW)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"duration_s": 59}, "duration_s: 59; allowed: 60 to 31536000, 365 days"),
        ({"duration_s": 366 * DAY_S}, "duration_s: 31622400; allowed"),
        ({"duration_s": DAY_S + 1}, "duration_s: 86401, but the next occurrence may begin 86400 s after one"),
        ({"rrule": "FREQ=DAILY;BYHOUR=8,10", "duration_s": 7201}, "duration_s: 7201, but the next"),
        ({"first": dt.datetime(2027, 1, 1, tzinfo=dt.UTC)}, "first: 2027-01-01T00:00:00+00:00; allowed: a"),
        ({"first": dt.datetime(2027, 1, 1, 0, 0, 0, 1)}, "first: 2027-01-01T00:00:00.000001; allowed"),  # noqa: DTZ001
        ({"first": dt.datetime(2025, 1, 1)}, "first: 2025-01-01T00:00:00; allowed: from a year ago"),  # noqa: DTZ001
        ({"first": dt.datetime(2029, 2, 1)}, "first: 2029-02-01T00:00:00; allowed: from a year ago"),  # noqa: DTZ001
        ({"first": dt.datetime(1, 1, 1)}, "first: 0001-01-01T00:00:00; allowed: from a year ago"),  # noqa: DTZ001
        ({"zone": "Berlin"}, "zone: unknown time zone 'Berlin'; allowed: Europe/Berlin or "),
        ({"zone": "Europe"}, "zone: unknown time zone 'Europe'; allowed: "),
        ({"zone": "New York"}, "zone: unknown time zone 'New York'; allowed: America/New_York?"),
        ({"zone": "localtime"}, "zone: unknown time zone 'localtime'; allowed: "),
        ({"zone": "right/Europe/Berlin"}, "zone: unknown time zone 'right/Europe/Berlin'; allowed: "),
        ({"zone": "../etc/passwd"}, "zone: unknown time zone '../etc/passwd'; allowed: an IANA name such as"),
        ({"zone": "x" * 5000}, f"zone: unknown time zone '{'x' * 60}'; allowed: an IANA name"),
        ({"zone": ""}, "zone: unknown time zone ''; allowed: an IANA name"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_stored_is_named(fields: dict[str, Any], error: str) -> None:
    with pytest.raises(FieldError) as raised:
        check(msgspec.structs.replace(recurrence("FREQ=DAILY"), **fields), NOW)
    assert str(raised.value).startswith(error)


def test_a_window_may_last_until_its_next_occurrence_and_longer_if_it_occurs_once() -> None:
    check(recurrence("FREQ=DAILY", duration_s=DAY_S), NOW)
    check(recurrence("FREQ=DAILY;COUNT=1", duration_s=10 * DAY_S), NOW)


def test_the_first_start_is_a_local_time_in_json() -> None:
    text = b'{"rrule":"FREQ=DAILY","zone":"UTC","first":"2027-03-01T08:00:00","duration_s":60}'
    one = msgspec.json.decode(text, type=Recurrence)
    assert one == recurrence("FREQ=DAILY", "2027-03-01T08:00", zone="UTC", duration_s=60)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text.replace(b"00:00", b"00:00Z"), type=Recurrence)


@given(st.text(max_size=40) | st.from_regex(r"FREQ=(DAILY|MONTHLY);(BY[A-Z]{3,7}|INTERVAL)=[-0-9A-Z,]{1,8}"))
def test_any_text_is_a_rule_or_a_field_error(text: str) -> None:
    try:
        check(recurrence(text), NOW)
    except FieldError:
        return
    assert "FREQ" in parsed(text).parts


@given(
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
    st.sampled_from(["FREQ=DAILY", "FREQ=DAILY;BYHOUR=0,1,2,3,4", "FREQ=WEEKLY;BYDAY=SU", "FREQ=HOURLY"]),
    st.datetimes(dt.datetime(2027, 1, 1), dt.datetime(2027, 12, 31)),  # noqa: DTZ001
)  # fmt: skip
def test_occurrences_come_in_order_each_once_and_none_is_lost_between_two_questions(
    name: str, rrule: str, first: dt.datetime
) -> None:
    one = recurrence(rrule, f"{first:%Y-%m-%dT%H:%M}", zone=name)
    middle = int(first.replace(tzinfo=dt.UTC).timestamp()) + 30 * DAY_S
    both = occurrences(one, middle - DAY_S * 20, middle + DAY_S * 20)
    assert all(before.start < after.start for before, after in pairwise(both))
    left = occurrences(one, middle - DAY_S * 20, middle)
    right = occurrences(one, middle, middle + DAY_S * 20)
    assert {*left, *right} == {*both}


def test_the_next_occurrences_are_the_first_that_have_not_ended() -> None:
    daily = recurrence("FREQ=DAILY;COUNT=5", "2027-03-26T02:30")
    found = following(daily, unix("2027-03-27T03:00"), 3)
    days = ["2027-03-27T02:30", "2027-03-28T03:30", "2027-03-29T02:30"]
    assert found == tuple(Occurrence(unix(one), unix(one) + HOUR_S) for one in days)
    assert len(following(daily, unix("2027-03-29T12:00"), 3)) == 1
    assert following(daily, unix("2027-04-29T12:00"), 3) == ()
