"""Events of calendars: zones, days, recurrences, exceptions, and what is left out."""

import datetime as dt
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from stratoscope.downtime.imports import ical, ical_zones
from stratoscope.downtime.imports.announced import DocumentError, Skip
from stratoscope.downtime.model import Severity
from support.announcements import sample
from support.calendars import BERLIN, NOW, at, calendar, read, spans


def test_an_event_is_a_planned_outage_of_its_places() -> None:
    row = read(sample("site.ics")).rows[0]
    assert (row.external_id, row.title) == ("switch-1@example.org", "New switch, row 4")
    assert row.text == "Nothing works.\nCall 1234 in an emergency.\nLocation: n1.example.org, n2.example.org"
    assert (row.hosts, row.services) == (("n1.example.org", "n2.example.org"), ("network", "compute"))
    assert (row.planned, row.severity) == (True, Severity.OUTAGE)
    assert (row.start, row.end) == (at(2027, 1, 15, 9), at(2027, 1, 15, 13))


def test_an_event_without_location_is_found_by_its_summary() -> None:
    assert {row.hosts for row in read(sample("site.ics")).rows[1:]} >= {("Patches",), ("Power cut",)}


def test_a_recurring_event_follows_the_clocks_of_its_zone() -> None:
    found = read(sample("site.ics"))
    days = [(3, 9), (3, 30), (4, 6), (4, 13)]  # without the 16th, see EXDATE; the 23rd is another event
    starts = [at(2027, *day, 8) for day in days]
    rows = [row for row in found.rows if row.external_id.startswith("patch") and row.title == "Patches"]
    assert [row.start for row in rows] == starts
    assert {row.end - row.start for row in rows} == {7200}
    assert rows[0].external_id == "patch@example.org 20270309T070000Z"
    assert rows[1].external_id == "patch@example.org 20270330T060000Z"


def test_an_occurrence_that_was_moved_keeps_its_id_and_a_tentative_one_is_at_risk() -> None:
    (row,) = [one for one in read(sample("site.ics")).rows if "later" in one.title]
    assert row.external_id == "patch@example.org 20270323T070000Z"
    assert (row.start, row.severity) == (at(2027, 3, 24, 10), Severity.AT_RISK)


def test_days_are_those_of_the_calendar_also_when_the_clocks_change() -> None:
    (power,) = spans(read(sample("site.ics")), "power")
    assert power == (at(2027, 3, 27), at(2027, 3, 29))
    assert power[1] - power[0] == 47 * 3600
    (elsewhere,) = spans(read(sample("site.ics"), zone="America/Chicago"), "power")
    assert elsewhere[0] == at(2027, 3, 27, zone=ZoneInfo("America/Chicago"))


def test_an_hourly_event_of_many_years_has_every_hour_of_the_window() -> None:
    found = spans(read(calendar("DTSTART:20000101T000000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY")))
    assert len(found) == 37 * 24
    assert (found[0][1] - NOW, found[-1][0] - NOW) == (3600 - 7 * 86_400, 30 * 86_400 - 3600)


def test_rules_that_cost_too_much_are_counted_and_the_others_stay() -> None:
    never = "DTSTART:20000101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31"
    daily = "DTSTART:20000101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY"
    with patch.object(ical, "_RULE_S", 0.2):
        found = read(calendar(never, daily, never))
    assert found.skipped == {Skip.COSTLY: 2}
    assert found.words[0] == "u0: its rule takes more than 0.2 s"
    assert len(spans(found, "u1")) == 37
    with patch.object(ical, "_RULES_S", -1.0):
        assert read(calendar(daily)).words == ("u0: the rules before it took -1 s",)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b" \r\n", b"\n\r"])
def test_lines_end_as_each_system_ends_them(end: bytes) -> None:
    body = calendar("DTSTART;TZID=/x.example/Europe/Berlin:20270315T080000\nDURATION:PT1H")
    assert spans(read(body.replace(b"\r\n", end)))[0][0] == at(2027, 3, 15, 8)


def test_a_cancelled_event_is_no_row_and_nothing_of_the_sample_is_skipped() -> None:
    found = read(sample("site.ics"))
    assert found.skipped == {}
    assert not spans(found, "off")


def test_a_cancelled_occurrence_is_no_row() -> None:
    weekly = "DTSTART:20270301T080000Z\nDTEND:20270301T090000Z\nRRULE:FREQ=WEEKLY"
    off = "DTSTART:20270315T080000Z\nRECURRENCE-ID:20270315T080000Z\nSTATUS:CANCELLED"
    found = read(calendar(weekly, off).replace(b"UID:u1", b"UID:u0"))
    assert [start for start, _ in spans(found)] == [
        at(2027, 3, 8, 8, zone=dt.UTC),
        *(at(2027, month, day, 8, zone=dt.UTC) for month, day in [(3, 22), (3, 29), (4, 5), (4, 12)]),
    ]


def test_recurring_days_end_at_midnight_when_the_clocks_change() -> None:
    daily = "DTSTART;VALUE=DATE:20270327\nRRULE:FREQ=DAILY;COUNT=3"
    found = spans(read(calendar(daily, head="X-WR-TIMEZONE:Europe/Berlin\n")))
    assert found == [(at(2027, 3, day), at(2027, 3, day + 1)) for day in (27, 28, 29)]


def test_times_without_zone_are_those_of_the_calendar_and_otherwise_utc() -> None:
    event = "DTSTART:20270315T080000\nDTEND:20270315T090000"
    assert spans(read(calendar(event))) == [
        (at(2027, 3, 15, 8, zone=dt.UTC), at(2027, 3, 15, 9, zone=dt.UTC))
    ]
    assert spans(read(calendar(event), zone="Europe/Berlin"))[0][0] == at(2027, 3, 15, 8)


def test_hours_of_a_duration_pass_and_its_days_are_those_of_the_clocks() -> None:
    begin = "DTSTART;TZID=Europe/Berlin:20270327T220000\nDURATION:"
    begins = at(2027, 3, 27, 22)
    assert spans(read(calendar(f"{begin}PT8H"))) == [(begins, begins + 8 * 3600)]
    assert spans(read(calendar(f"{begin}P1D"))) == [(begins, at(2027, 3, 28, 22))]


def test_rdate_adds_occurrences_with_their_own_end_or_that_of_the_first() -> None:
    event = (
        "DTSTART:20270315T080000Z\nDTEND:20270315T090000Z\n"
        "RDATE:20270316T080000Z\nRDATE;VALUE=PERIOD:20270317T080000Z/20270317T083000Z"
    )
    starts = [at(2027, 3, day, 8, zone=dt.UTC) for day in (15, 16, 17)]
    assert spans(read(calendar(event))) == [
        (starts[0], starts[0] + 3600),
        (starts[1], starts[1] + 3600),
        (starts[2], starts[2] + 1800),
    ]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_a_line_may_be_folded_within_a_character(length: int) -> None:
    summary = "SUMMARY:ü€😀n1".encode()
    folded = b"\r\n ".join(summary[begin : begin + length] for begin in range(0, len(summary), length))
    body = calendar("DTSTART:20270315T080000Z\nDURATION:PT1H\nSUMMARY:x").replace(b"SUMMARY:x", folded)
    assert read(body).rows[0].hosts == ("ü€😀n1",)


@pytest.mark.parametrize(
    "name",
    [
        "europe/berlin", "EUROPE/BERLIN", "w. europe standard time", '"W. Europe Standard Time"',
        "/freeassociation.sourceforge.net/Tzfile/europe/berlin", "/x.example/W. Europe Standard Time",
    ],
)  # fmt: skip
def test_zones_are_known_in_any_case(name: str) -> None:
    found = read(calendar(f"DTSTART;TZID={name}:20270315T080000\nDURATION:PT1H"))
    assert spans(found) == [(at(2027, 3, 15, 8), at(2027, 3, 15, 9))]


@pytest.mark.parametrize(
    "name", ["Customized Time Zone", '"(UTC+01:00) Amsterdam, Berlin, Bern"', "MEZ", "Custom"]
)
def test_the_zone_of_the_settings_stands_for_one_that_nobody_knows(name: str) -> None:
    body = calendar(f"DTSTART;TZID={name}:20270315T080000\nDURATION:PT1H")
    assert spans(read(body, zone="Europe/Berlin")) == [(at(2027, 3, 15, 8), at(2027, 3, 15, 9))]
    assert read(body).words[0].endswith("known: those of IANA and of Windows, others by VTIMEZONE or by zone")


def test_a_zone_of_endless_slashes_is_unknown_at_once() -> None:
    with patch.object(ical_zones, "_known", side_effect=AssertionError):
        assert ical_zones.iana("/a" * 1_000_000) == ""
    found = read(calendar(f"DTSTART;TZID={'/a' * 1_000_000}:20270315T080000\nDURATION:PT1H"))
    assert found.skipped[Skip.MALFORMED] == 1


def test_a_zone_that_nobody_knows_matters_where_it_is_read() -> None:
    event = "DTSTART:20270315T080000Z\nDURATION:PT1H\nX-SEEN;TZID=Mars/Base:20270315T080000"
    found = read(calendar(event))
    assert (len(found.rows), found.skipped) == (1, {})


@pytest.mark.parametrize(
    ("name", "zone"), [("Utc", dt.UTC), ("W. Europe Standard Time", BERLIN), ("Europe/Berlin", BERLIN)]
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_zone_may_be_named_as_exchange_does(name: str, zone: dt.tzinfo, quote: str) -> None:
    tzid = f"{quote}tzone://Microsoft/{name}{quote}"
    found = read(calendar(f"DTSTART;TZID={tzid}:20270315T080000\nDURATION:PT1H"))
    assert spans(found)[0][0] == at(2027, 3, 15, 8, zone=zone)


def test_a_calendar_that_is_cut_anywhere_is_said_to_be_cut() -> None:
    body = calendar("DTSTART:20270315T080000Z\nDURATION:PT1H\nSUMMARY:ü", head="VERSION:2.0\n").rstrip()
    assert len(read(body).rows) == 1
    for length in range(1, len(body)):
        with pytest.raises(DocumentError, match=r"^cut short: "):
            read(body[:length])


def test_the_zone_of_a_calendar_may_have_a_name_of_windows() -> None:
    head = "X-WR-TIMEZONE:W. Europe Standard Time\n"
    found = read(calendar("DTSTART:20270315T080000\nDURATION:PT1H", head=head))
    assert spans(found)[0][0] == at(2027, 3, 15, 8)


def test_a_day_that_ends_when_it_begins_is_a_day() -> None:
    event = "DTSTART;VALUE=DATE:20270327\nDTEND;VALUE=DATE:20270327"
    assert spans(read(calendar(event), zone="Europe/Berlin")) == [(at(2027, 3, 27), at(2027, 3, 28))]
    found = spans(read(calendar(f"{event}\nRRULE:FREQ=DAILY;COUNT=2"), zone="Europe/Berlin"))
    assert found == [(at(2027, 3, 27), at(2027, 3, 28)), (at(2027, 3, 28), at(2027, 3, 29))]


def test_an_hour_that_the_clocks_leave_out_moves_forward() -> None:
    event = "DTSTART;TZID=Europe/Berlin:20270328T023000\nDTEND;TZID=Europe/Berlin:20270328T033000"
    assert spans(read(calendar(event))) == [(at(2027, 3, 28, 3, 30), at(2027, 3, 28, 4, 30))]


@pytest.mark.parametrize(
    ("event", "skip", "words"),
    [
        ("DTSTART;TZID=Mars/Base:20270315T080000", Skip.MALFORMED, "u0: unknown time zone 'Mars/Base'"),
        ('DTSTART;TZID="/a/b":20270315T080000', Skip.MALFORMED, "u0: unknown time zone '/a/b'"),
        ("DTSTART:2027", Skip.MALFORMED, "u0: DTSTART: "),
        ("SUMMARY:never", Skip.MALFORMED, "u0: "),
        ("DTSTART:20270315T080000Z", Skip.MALFORMED, "u0: its end, "),
        ("DTSTART:20270315T080000Z\nDTEND:20270315T070000Z", Skip.MALFORMED, "u0: "),
        ("DTSTART:20270315T080000Z\nno property", Skip.MALFORMED, "u0: a line: "),
        ("DTSTART:20270315T080000Z\nBEGIN;A=B:X", Skip.MALFORMED, "u0: Found no components"),
        (
            "DTSTART:20270315T080000Z\nDURATION:PT1H\nRRULE:FREQ=SECONDLY",
            Skip.REFUSED,
            "u0: rrule: FREQ=SECONDLY",
        ),
        (
            "DTSTART:19991231T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY",
            Skip.UNKNOWN,
            "u0: it recurs since before 2000",
        ),
        (
            "DTSTART:20270315T080000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY",
            Skip.UNKNOWN,
            "u0: 2 RRULEs; known: one",
        ),
        (f"DTSTART:20270315T080000Z\nDURATION:PT1H\nLOCATION:{'x' * 300}", Skip.MALFORMED, "u0: more than"),
    ],
)
def test_an_event_that_is_wrong_is_counted_and_the_others_stay(event: str, skip: Skip, words: str) -> None:
    found = read(calendar(event, "DTSTART:20270315T080000Z\nDTEND:20270315T090000Z"))
    assert len(spans(found, "u1")) == 1
    assert found.skipped == {skip: 1}
    assert found.words[0].startswith(words)
    assert found.unread == {"u0"}


def test_the_uid_of_an_event_that_is_wrong_is_that_of_one_that_is_right() -> None:
    right = calendar("DTSTART:20270315T080000Z\nDURATION:PT1H").replace(b"UID:u0", rb"UID:a\, b")
    (row,) = read(right).rows
    assert read(right.replace(b":20270315", b":2027")).unread == {row.external_id} == {"a, b"}


def test_an_event_without_uid_is_counted() -> None:
    body = calendar("DTSTART:20270315T080000Z\nDURATION:PT1H").replace(b"UID:u0\r\n", b"")
    assert read(body).skipped == {Skip.MISSING: 1}


def test_days_of_a_calendar_whose_zone_nobody_knows_are_counted() -> None:
    found = read(calendar("DTSTART;VALUE=DATE:20270315", head="X-WR-TIMEZONE:Mars\n"))
    assert found.skipped == {Skip.REFUSED: 1}
    recurring = "DTSTART;VALUE=DATE:20270315\nRECURRENCE-ID;VALUE=DATE:20270315"
    assert read(calendar(recurring, head="X-WR-TIMEZONE:Mars\n")).skipped == {Skip.MALFORMED: 1}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no calendar: it does not begin with BEGIN:VCALENDAR"),
        (b"<html>", "no calendar: it does not begin"),
        (b"BEGIN:VCALENDAR\r\n\xff", "no calendar in UTF-8"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "cut short: VEVENT does not end"),
        (b"BEGIN:VCAL", "cut short: it has one line, or a part of it"),
        (b"BEGIN:VCALENDAR\r\nX-NAME:\xc3", "cut short: within a character"),
        (b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", "END:VEVENT without its beginning"),
        (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\nEND:VCALENDAR", "END:VCALENDAR without its beginning"),
        (b"x" * (8 << 20) + b"x", "a calendar of more than 8388608 bytes"),
    ],
)
def test_what_is_no_calendar_is_an_error(body: bytes, words: str) -> None:
    with pytest.raises(DocumentError) as raised:
        read(body)
    assert str(raised.value).startswith(words)


def test_too_many_recurring_events_are_no_answer() -> None:
    event = "DTSTART:20270315T080000Z\nDTEND:20270315T090000Z\nRRULE:FREQ=DAILY"
    with pytest.raises(DocumentError, match="more than 500 recurring events"):
        read(calendar(*[event] * 501))
