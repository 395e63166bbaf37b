"""Events of calendars: exceptions of recurring events, versions, and what is cancelled."""

import datetime as dt

import pytest

from stratoscope.downtime.imports.announced import Parsed, Skip
from support.calendars import BERLIN, at, calendar, read, spans

WEEKLY = "DTSTART;TZID=Europe/Berlin:20270308T080000\nDURATION:PT2H\nRRULE:FREQ=WEEKLY"
ALL = [(3, 8), (3, 15), (3, 22), (3, 29), (4, 5), (4, 12)]


def days(found: Parsed, zone: dt.tzinfo = BERLIN) -> list[tuple[int, int]]:
    starts = [dt.datetime.fromtimestamp(row.start, zone) for row in found.rows]
    return sorted((one.month, one.day) for one in starts)


def of_one(*events: str) -> bytes:
    """A calendar of events with the same UID."""
    return calendar(*events).replace(b"UID:u1", b"UID:u0").replace(b"UID:u2", b"UID:u0")


@pytest.mark.parametrize(
    "exdate",
    [
        "EXDATE;VALUE=DATE:20270315",
        "EXDATE;TZID=Europe/Berlin:20270315T080000",
        "EXDATE:20270315T080000",
        "EXDATE:20270315T070000Z",
    ],
)
def test_an_exdate_leaves_its_occurrence_out_however_it_is_written(exdate: str) -> None:
    found = read(calendar(f"{WEEKLY}\n{exdate}"), zone="Europe/Berlin")
    assert days(found) == [one for one in ALL if one != (3, 15)]
    assert found.skipped == {}


def test_a_day_means_all_occurrences_of_that_day_in_the_zone_of_the_event() -> None:
    late = (
        "DTSTART;TZID=America/Chicago:20270313T220000\nDURATION:PT1H\nRRULE:FREQ=DAILY;BYHOUR=21,22;COUNT=6"
    )
    found = read(calendar(f"{late}\nEXDATE;VALUE=DATE:20270314"))
    chicago = [row.start for row in found.rows]
    assert len(chicago) == 4
    assert {dt.datetime.fromtimestamp(one, dt.UTC).day for one in chicago} == {14, 16, 17}


@pytest.mark.parametrize(
    "exdate",
    [
        "EXDATE;VALUE=DATE:20270315",
        "EXDATE;TZID=Europe/Berlin:20270315T000000",
        "EXDATE:20270314T230000Z",
        "EXDATE;TZID=America/Chicago:20270315T000000",
    ],
)
def test_an_exdate_of_days_is_a_day_however_it_is_written(exdate: str) -> None:
    event = "DTSTART;VALUE=DATE:20270314\nDTEND;VALUE=DATE:20270315\nRRULE:FREQ=DAILY;COUNT=3"
    found = read(calendar(f"{event}\n{exdate}"), zone="Europe/Berlin")
    assert days(found) == [(3, 14), (3, 16)]


@pytest.mark.parametrize("day", ["RECURRENCE-ID;VALUE=DATE:20270315", "RECURRENCE-ID:20270315T070000Z"])
def test_an_exception_replaces_its_occurrence_also_if_a_day_names_it(day: str) -> None:
    moved = f"DTSTART;TZID=Europe/Berlin:20270316T080000\nDURATION:PT1H\n{day}"
    found = read(of_one(WEEKLY, moved))
    assert days(found) == sorted({*ALL} - {(3, 15)} | {(3, 16)})
    assert found.skipped == {}


@pytest.mark.parametrize(
    ("event", "skip"),
    [
        ("DTSTART;TZID=Mars/Base:20270316T080000", Skip.MALFORMED),
        ("DTSTART:2027", Skip.MALFORMED),
        ("DTSTART:20270316T080000Z\nDTEND:20270316T070000Z", Skip.MALFORMED),
        ("SUMMARY:no start", Skip.MALFORMED),
        (f"DTSTART:20270316T080000Z\nDURATION:PT1H\nLOCATION:{'x' * 300}", Skip.MALFORMED),
    ],
)
def test_an_exception_that_cannot_be_read_leaves_its_occurrence_out(event: str, skip: Skip) -> None:
    found = read(of_one(WEEKLY, f"{event}\nRECURRENCE-ID:20270315T070000Z"))
    assert days(found) == [one for one in ALL if one != (3, 15)]
    assert found.skipped == {skip: 1}
    assert found.unread == set()  # what is stored of it does not take place


def test_an_exception_for_all_later_ones_leaves_them_out() -> None:
    later = "DTSTART:20270316T080000Z\nDURATION:PT1H\nRECURRENCE-ID;RANGE=THISANDFUTURE:20270315T070000Z"
    found = read(of_one(WEEKLY, later))
    assert days(found) == [(3, 8)]
    assert found.skipped == {Skip.UNKNOWN: 1}
    assert found.words == ("u0: RANGE=THISANDFUTURE, which this program does not know",)
    assert found.unread == set()


@pytest.mark.parametrize(
    "lost", ["RECURRENCE-ID;TZID=Mars/Base:20270315T080000", "RECURRENCE-ID:2027", "RECURRENCE-ID;X:20270315"]
)
def test_an_exception_of_nobody_knows_what_leaves_all_as_it_is_stored(lost: str) -> None:
    found = read(of_one(WEEKLY, f"DTSTART:20270316T080000Z\nDURATION:PT1H\n{lost}"))
    assert days(found) == []
    assert found.skipped == {Skip.MALFORMED: 1}
    assert found.unread == {"u0"}


@pytest.mark.parametrize(
    ("first", "second", "day"),
    [
        ("SEQUENCE:0", "SEQUENCE:3", 17),
        ("SEQUENCE:3", "SEQUENCE:0", 16),
        ("SEQUENCE:10", "SEQUENCE:9", 16),
        ("DTSTAMP:20270101T000000Z", "DTSTAMP:20270102T000000Z", 17),
        ("SEQUENCE:1\nDTSTAMP:20270102T000000Z", "SEQUENCE:2\nDTSTAMP:20270101T000000Z", 17),
        ("SEQUENCE:1", "SEQUENCE:x\nDTSTAMP:20270102T000000Z", 16),
    ],
)
def test_of_an_event_that_stands_there_twice_the_newest_counts(first: str, second: str, day: int) -> None:
    versions = (
        f"DTSTART:202703{number}T080000Z\nDURATION:PT1H\n{version}"
        for number, version in ((16, first), (17, second))
    )
    found = read(of_one(*versions))
    assert (days(found), found.skipped) == ([(3, day)], {})


def test_of_an_exception_that_stands_there_twice_the_newest_counts() -> None:
    moved = "DTSTART:202703{}T080000Z\nDURATION:PT1H\nSEQUENCE:{}\nRECURRENCE-ID:20270315T070000Z"
    found = read(of_one(WEEKLY, moved.format(17, 2), moved.format(16, 1)))
    assert days(found) == sorted({*ALL} - {(3, 15)} | {(3, 17)})


def test_of_two_equal_versions_the_first_counts() -> None:
    event = "DTSTART:202703{}T080000Z\nDURATION:PT1H"
    found = read(of_one(event.format(16), event.format(17)))
    assert (days(found), found.skipped) == ([(3, 16)], {Skip.DUPLICATE: 1})


def test_a_newer_version_that_cannot_be_read_is_not_replaced_by_an_older_one() -> None:
    found = read(of_one("DTSTART:20270316T080000Z\nDURATION:PT1H", "DTSTART:2027\nSEQUENCE:1"))
    assert (days(found), found.skipped, found.unread) == ([], {Skip.MALFORMED: 1}, {"u0"})


def test_the_events_of_a_calendar_that_cancels_are_cancelled() -> None:
    event = "DTSTART:20270316T080000Z\nDURATION:PT1H\nSTATUS:CONFIRMED"
    cancelling, other = calendar(event, head="METHOD:CANCEL\n"), calendar("SEQUENCE:0", event)
    assert (days(read(cancelling)), read(cancelling).skipped) == ([], {})
    found = read(calendar(event, event) + cancelling)
    assert [row.external_id for row in found.rows] == ["u1"]
    assert [row.external_id for row in read(cancelling + other).rows] == ["u1"]


def test_a_calendar_that_cancels_one_occurrence_leaves_the_others() -> None:
    one = "DTSTART:20270315T070000Z\nRECURRENCE-ID:20270315T070000Z"
    found = read(calendar(WEEKLY) + calendar(one, head="METHOD:CANCEL\n"))
    assert days(found) == [one for one in ALL if one != (3, 15)]


def test_whether_a_person_is_busy_says_nothing_of_hosts() -> None:
    found = read(calendar("DTSTART;VALUE=DATE:20270315\nTRANSP:TRANSPARENT"))
    assert spans(found) == [(at(2027, 3, 15, zone=dt.UTC), at(2027, 3, 16, zone=dt.UTC))]
