"""By how much a cloud's clock is ahead of ours."""

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.client.clock_skew import ClockSkew, second_of


def test_answer_was_made_in_the_middle_of_its_second_and_of_its_request() -> None:
    skew = ClockSkew()
    assert skew.of("compute") is None
    skew.note("compute", 1000.0, 940.0, 941.0)
    assert skew.of("compute") == 60.0
    skew.note("compute", 1000.0, 1000.25, 1000.75)
    assert skew.of("compute") == 0.0


def test_first_service_that_said_something_counts() -> None:
    skew = ClockSkew()
    skew.note("identity", 1000.0, 1000.0, 1001.0)
    assert skew.of("compute", "identity") == 0.0
    skew.note("compute", 1003.0, 1000.0, 1001.0)
    assert skew.of("compute", "identity") == 3.0


def test_what_was_noted_before_our_clock_was_set_counts_no_more() -> None:
    """A machine that starts has its clock set minutes later; Keystone says no other moment for hours."""
    monotonic, set_by = 50.0, 0.0
    skew = ClockSkew(Clock(monotonic=lambda: monotonic, now=lambda: 1000.0 + monotonic + set_by))
    skew.note("identity", 1170.0, 1050.0, 1051.0)
    monotonic += 3600.0
    set_by = 0.9
    assert (skew.of("identity"), skew.by_service) == (120.0, {"identity": 120.0})
    set_by = 120.0
    assert (skew.of("identity"), skew.by_service) == (None, {})
    skew.note("identity", 4770.0, 4770.0, 4771.0)
    assert skew.by_service == {"identity": 0.0}
    set_by = 118.9
    assert skew.by_service == {}


@pytest.mark.parametrize(
    ("date", "second"),
    [
        ("Thu, 01 Jan 1970 00:16:40 GMT", 1000.0),
        ("Thu, 01 Jan 1970 00:16:40", 1000.0),
        ("Thu, 01 Jan 1970 01:16:40 +0100", 1000.0),
        ("yesterday", None),
        ("", None),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        (None, None),
    ],
)
def test_date_is_read_or_left_alone(date: str | None, second: float | None) -> None:
    assert second_of(date) == second
