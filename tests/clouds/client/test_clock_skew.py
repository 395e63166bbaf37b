"""By how much a cloud's clock is ahead of ours."""

import pytest

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
