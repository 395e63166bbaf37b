"""Time zones that a calendar describes by VTIMEZONE: right across changes of the clocks, bounded, or said."""

import datetime as dt
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from stratoscope.downtime.imports import ical_described
from stratoscope.downtime.imports.announced import Parsed, Skip
from support.calendars import at, calendar, read, spans

NAME = "Customized Time Zone"
APRIL = "BYMONTH=4;BYDAY=1SU"
SUMMER = "BYDAY=-1SU;BYMONTH=3"
WINTER = "BYDAY=-1SU;BYMONTH=10"


def part(kind: str, first: str, change: str, *more: str) -> str:
    before, after = change.split()
    lines = [f"DTSTART:{first}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}", *more]
    return "\n".join([f"BEGIN:{kind}", *lines, f"END:{kind}", ""])


def yearly(rule: str) -> str:
    return f"RRULE:FREQ=YEARLY;{rule}"


def until(end: str, rule: str) -> str:
    return yearly(f"{rule};UNTIL={end}")


BERLIN = (
    part("STANDARD", "16010101T030000", "+0200 +0100", yearly(WINTER), "X-NOTE:none")
    + part("DAYLIGHT", "16010101T020000", "+0100 +0200", yearly(SUMMER))
)  # fmt: skip


def described(parts: str, *events: str, name: str = NAME, zone: str = "", escaped: str = "") -> Parsed:
    """What is read of events, in whose lines TZ is the name."""
    head = f"BEGIN:VTIMEZONE\nTZID:{escaped or name}\nX-LIC-LOCATION:Mars\n{parts}END:VTIMEZONE\n"
    return read(calendar(*(one.replace("TZ", f'TZID="{name}"') for one in events), head=head), zone=zone)


def one(parts: str, *, day: str = "20270315", zone: str = "") -> Parsed:
    return described(parts, f"DTSTART;TZ:{day}T080000\nDURATION:PT1H", zone=zone)


def test_events_in_a_zone_that_the_calendar_describes_follow_its_clocks() -> None:
    weekly = (
        "DTSTART;TZ:20270315T080000\nDTEND;TZ:20270315T090000\nRRULE:FREQ=WEEKLY\nEXDATE;TZ:20270405T080000"
    )
    moved = "DTSTART;TZ:20270330T100000\nDTEND;TZ:20270330T110000\nRECURRENCE-ID;TZ:20270329T080000"
    found = described(BERLIN, weekly, moved, "DTSTART;TZ:20271101T080000\nDURATION:PT1H")
    assert [start for start, _ in spans(found)] == [at(2027, 3, day, 8) for day in (15, 22)] + [
        at(2027, 3, 29, 8), at(2027, 4, 12, 8),
    ]  # fmt: skip
    assert [start for start, _ in spans(found, "u1")] == [at(2027, 3, 30, 10)]
    assert [start for start, _ in spans(found, "u2")] == [at(2027, 11, 1, 8)]
    assert found.skipped == {}


def test_a_name_may_have_commas_which_are_escaped_where_it_is_described() -> None:
    name = "(UTC+01:00) Amsterdam, Berlin"
    event = "DTSTART;TZ:20270415T080000\nDURATION:PT1H"
    found = described(BERLIN, event, name=name, escaped=name.replace(",", "\\,"))
    assert spans(found)[0][0] == at(2027, 4, 15, 8)


@pytest.mark.parametrize(
    ("parts", "zone"),
    [
        (part("STANDARD", "19700101T000000", "+0545 +0545"), "Asia/Kathmandu"),
        # The rules that held until 2006, and those since then, as Evolution writes them.
        (
            part("DAYLIGHT", "19870405T020000", "-0500 -0400", until("20060402T070000Z", APRIL))
            + part("STANDARD", "19671029T020000", "-0400 -0500", until("20061029T060000Z", WINTER))
            + part("DAYLIGHT", "20070311T020000", "-0500 -0400", yearly("BYMONTH=3;BYDAY=2SU"))
            + part("STANDARD", "20071104T020000", "-0400 -0500", yearly("BYMONTH=11;BYDAY=1SU")),
            "America/New_York",
        ),
        # The last change is that of a rule that has ended, at a time without zone.
        (
            part("STANDARD", "19971026T030000", "-0300 -0400", until("20101201T000000", WINTER))
            + part("DAYLIGHT", "19930328T020000", "-0400 -0300", until("20110327T020000", SUMMER)),
            "America/Argentina/Buenos_Aires",
        ),
        # Changes one by one.
        (
            part("DAYLIGHT", "20260329T020000", "+0100 +0200", "RDATE:20270328T020000,20280326T020000")
            + part("STANDARD", "20261025T030000", "+0200 +0100", "RDATE:20271031T030000,20281029T030000"),
            "Europe/Berlin",
        ),
    ],
)  # fmt: skip
def test_the_zone_is_that_of_iana_with_the_same_clocks(parts: str, zone: str) -> None:
    for day in (20270315, 20270415, 20271215):
        moment = dt.datetime.fromisoformat(f"{day}T08")
        found = one(parts, day=str(day))
        assert spans(found)[0][0] == moment.replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("parts", "skip", "words"),
    [
        ("", Skip.MALFORMED, "has no rule"),
        (part("STANDARD", "20800101T000000", "-0330 +0000"), Skip.UNKNOWN, "is no zone of IANA"),
        (part("STANDARD", "2027", "+0200 +0100"), Skip.MALFORMED, "cannot be read: "),
        ("BEGIN:STANDARD\nTZNAME:x\nEND:STANDARD\n", Skip.MALFORMED, "cannot be read: "),
        (BERLIN.replace("YEARLY", "SECONDLY"), Skip.MALFORMED, "cannot be read: rrule: FREQ=SECONDLY"),
        (
            part("STANDARD", "20200101T000000", "+0200 +0100", "RRULE:FREQ=HOURLY"),
            Skip.MALFORMED,
            "cannot be read: FREQ=HOURLY; known: YEARLY",
        ),
        (BERLIN.replace("=3", "=4"), Skip.UNKNOWN, "is no zone of IANA in the next two years"),
        (BERLIN.replace("T02", "T04").replace("T03", "T05"), Skip.UNKNOWN, "is no zone of IANA in the next"),
        (BERLIN * 500, Skip.COSTLY, "has 1"),
    ],
)
def test_a_zone_that_cannot_be_used_is_counted_with_its_reason(parts: str, skip: Skip, words: str) -> None:
    found = one(parts)
    assert (found.rows, found.skipped) == ((), {skip: 1})
    assert found.words[0].startswith(f"u0: unknown time zone '{NAME}': its VTIMEZONE {words}")
    assert spans(one(parts, zone="Europe/Berlin"))[0][0] == at(2027, 3, 15, 8)


def test_rules_that_no_day_obeys_are_stopped_once_for_a_zone_of_many_events() -> None:
    never = part("STANDARD", "20000101T000000", "+0200 +0100", yearly("BYMONTH=2;BYMONTHDAY=30")) * 100
    event = "DTSTART;TZ:20270315T080000\nDURATION:PT1H"
    with patch.object(ical_described, "_ZONE_S", 0.05):
        began = dt.datetime.now(dt.UTC)
        found = described(never, *[event] * 50)
    assert found.skipped == {Skip.COSTLY: 50}
    assert (dt.datetime.now(dt.UTC) - began).total_seconds() < 2
