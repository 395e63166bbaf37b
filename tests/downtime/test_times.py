"""Times are understood as a person means them, or not at all."""

import datetime as dt
import re

import pytest
from dateutil import tz
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.downtime import times
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.zones import zone

BERLIN = zone("Europe/Berlin")
MONDAY = dt.datetime(2026, 11, 30, 10, 0, 17, 500_000, tzinfo=BERLIN).timestamp()


def echoed(text: str) -> str:
    start, end = times.span(text, MONDAY, BERLIN)
    return f"{times.echo(start, BERLIN)} to {'further notice' if end is None else times.echo(end, BERLIN)}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("tomorrow 08:00 for 2h", "2026-12-01 08:00 +01:00 to 2026-12-01 10:00 +01:00"),
        ("now for 90m", "2026-11-30 10:00:17 +01:00 to 2026-11-30 11:30:17 +01:00"),
        ("2026-12-01 08:00 to 12:00", "2026-12-01 08:00 +01:00 to 2026-12-01 12:00 +01:00"),
        ("monday 22:00 until tuesday 04:00", "2026-11-30 22:00 +01:00 to 2026-12-01 04:00 +01:00"),
        ("in 30m for 2h", "2026-11-30 10:30:17 +01:00 to 2026-11-30 12:30:17 +01:00"),
        ("2026-12-01T08:00:00Z for 1d", "2026-12-01 09:00 +01:00 to 2026-12-02 09:00 +01:00"),
        ("today 18:00 until further notice", "2026-11-30 18:00 +01:00 to further notice"),
        ("now until further notice", "2026-11-30 10:00:17 +01:00 to further notice"),
        ("today 08:00 for 4h", "2026-11-30 08:00 +01:00 to 2026-11-30 12:00 +01:00"),
        ("today 22:00 to 04:00", "2026-11-30 22:00 +01:00 to 2026-12-01 04:00 +01:00"),
        ("tomorrow 08:00 to tomorrow 12:00", "2026-12-01 08:00 +01:00 to 2026-12-01 12:00 +01:00"),
        ("monday 09:00 for 1h", "2026-12-07 09:00 +01:00 to 2026-12-07 10:00 +01:00"),
        ("friday 22:00 to monday 06:00", "2026-12-04 22:00 +01:00 to 2026-12-07 06:00 +01:00"),
        ("monday 22:00 to monday 06:00", "2026-11-30 22:00 +01:00 to 2026-12-07 06:00 +01:00"),
        ("22:00 for 2h", "2026-11-30 22:00 +01:00 to 2026-12-01 00:00 +01:00"),
        ("08:00 for 2 hours", "2026-12-01 08:00 +01:00 to 2026-12-01 10:00 +01:00"),
        ("10:00 to 11:00", "2026-12-01 10:00 +01:00 to 2026-12-01 11:00 +01:00"),
        ("22:00 Z until further notice", "2026-11-30 23:00 +01:00 to further notice"),
        ("in 1 hour for 30 min", "2026-11-30 11:00:17 +01:00 to 2026-11-30 11:30:17 +01:00"),
        ("now for 1 day 2 hours 5 minutes", "2026-11-30 10:00:17 +01:00 to 2026-12-01 12:05:17 +01:00"),
        ("  TODAY  22:00   FOR 1h30m", "2026-11-30 22:00 +01:00 to 2026-11-30 23:30 +01:00"),
        ("tuesday 04:00+05:00 for 1w1d", "2026-12-01 00:00 +01:00 to 2026-12-09 00:00 +01:00"),
        ("today 23:00 -05:00 for 1h", "2026-12-01 05:00 +01:00 to 2026-12-01 06:00 +01:00"),
        ("2027-03-27 12:00 for 1d", "2027-03-27 12:00 +01:00 to 2027-03-28 13:00 +02:00"),
        ("2027-10-31 02:30 +01:00 for 1h", "2027-10-31 02:30 +01:00 to 2027-10-31 03:30 +01:00"),
        ("2027-10-31 02:30 +02:00 to 02:30 +01:00", "2027-10-31 02:30 +02:00 to 2027-10-31 02:30 +01:00"),
    ],
)
def test_a_span_is_what_a_person_means(text: str, found: str) -> None:
    assert echoed(text) == found


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "'' has no start and end; allowed: such as tomorrow 08:00 for 2h, now for 90m, 2026"),
        ("tomorrow 08:00", "'tomorrow 08:00' has no start and end"),
        ("x" * 101, "101 characters; allowed: 100"),
        ("tomorrow 8:00 for 2h", "'tomorrow 8:00' is no time; allowed: such as 08:00, tomorrow 08:00, "),
        ("mondayt08:00 for 1h", "'mondayt08:00' is no time"),
        ("1999-12-01 08:00 for 1h", "'1999-12-01 08:00' is no time"),
        ("now to noon", "'noon' is no time; allowed: such as 08:00, tomorrow 08:00, "),
        ("now to 0\u0668:00", "'0\u0668:00' is no time"),
        ("now\x1b[2J to 12:00", r"'now\x1b[2j' is no time"),
        ("tomorow 08:00 for 2h", "'tomorow' is no day; allowed: today, tomorrow, monday, tuesday, "),
        ("2026-13-01 08:00 for 2h", "'2026-13-01' is no date; allowed: such as 2026-12-01"),
        ("2026-12-01 25:00 for 1h", "'25:00' is no time of day; allowed: 00:00 to 23:59"),
        ("2026-12-01 08:00 +99:00 for 1h", "'+99:00' is no offset; allowed: such as +01:00"),
        ("now for 2", "'2' is no duration; allowed: such as 90m, 2h, 1h30m, 2 hours, 1d, 2w; 365d at most"),
        ("now for 0m", "'0m' is no duration"),
        ("now for 30m1h", "'30m1h' is no duration"),
        ("now for 2 moons", "'2 moons' is no duration"),
        ("now for hours", "'hours' is no duration"),
        ("now for 366d", "'366d' is no duration"),
        ("in 9999w for 1h", "'9999w' is no duration"),
        ("now to 2026-11-01 08:00", "the end, 2026-11-01 08:00 +01:00, is not after the start, 2026"),
        ("2026-12-01 08:00 to 2026-12-01 08:00", "the end, 2026-12-01 08:00 +01:00, is not after the start"),
        ("2027-03-28 02:30 for 1h", "2027-03-28 02:30 does not exist: the clocks leave it out; allowed: wi"),
        ("2027-10-31 02:30 for 1h", "2027-10-31 02:30 exists twice: the clocks change; allowed: with +02:00"),
        ("2027-10-31 01:00 to 02:30", "2027-10-31 02:30 exists twice"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_rejected_with_what_is_allowed(text: str, error: str) -> None:
    with pytest.raises(FieldError) as raised:
        times.span(text, MONDAY, BERLIN)
    assert str(raised.value).startswith(f"when: {error}")


def test_an_end_alone_counts_days_from_now_and_times_from_the_start() -> None:
    start = MONDAY + 3 * 86_400
    assert times.end("further notice", MONDAY, BERLIN, start=start) is None
    for text, found in (
        ("12:00", "2026-12-03 12:00 +01:00"),
        ("09:00", "2026-12-04 09:00 +01:00"),
        ("monday 09:00", "2026-12-07 09:00 +01:00"),
        ("2026-12-24 09:00", "2026-12-24 09:00 +01:00"),
    ):
        end = times.end(text, MONDAY, BERLIN, start=start)
        assert end is not None
        assert times.echo(end, BERLIN) == found
    with pytest.raises(FieldError, match="not after the start"):
        times.end("tomorrow 12:00", MONDAY, BERLIN, start=start)


def test_the_zones_of_the_machine_do_as_well() -> None:
    posix = tz.tzstr("CET-1CEST,M3.5.0,M10.5.0/3")
    assert times.echo(times.span("2027-03-28 03:30 for 1h", MONDAY, posix).start, posix).endswith(
        "03:30 +02:00"
    )
    with pytest.raises(FieldError, match="does not exist"):
        times.span("2027-03-28 02:30 for 1h", MONDAY, posix)


@given(st.integers(1_000_000_000, 3_000_000_000), st.integers(1, 86_400 * 365))
def test_what_is_echoed_is_read_back(start: int, lasts: int) -> None:
    text = f"{times.echo(start, BERLIN)} to {times.echo(start + lasts, BERLIN)}"
    assert times.span(text, MONDAY, BERLIN) == (start, start + lasts)


@given(
    st.text(max_size=60) | st.from_regex(re.compile(r"[a-z0-9: +-]{1,30} (for|to|until) [a-z0-9: +-]{1,30}"))
)
def test_any_text_is_a_span_or_a_field_error(text: str) -> None:
    try:
        start, end = times.span(text, MONDAY, BERLIN)
    except FieldError:
        return
    assert end is None or end > start
