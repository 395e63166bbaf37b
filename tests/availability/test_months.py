"""Months: the command's arithmetic against the reference, on the worked days."""

import pytest

from stratoscope.availability.months import OLA, Day, Month, month
from support import argo
from support.worked_days import WORKED


def of_reference(day: argo.Day) -> Day:
    return Day(up=day.up_s // 60, down=day.down_s // 60, known=1440 - day.unknown_s // 60)


@pytest.mark.parametrize("name", WORKED)
def test_month_of_one_worked_day_is_that_day(name: str) -> None:
    _, seconds, (availability, reliability) = WORKED[name]
    found = month([of_reference(seconds)])
    assert found.unknown == pytest.approx(float(100 * seconds.fractions[1]))
    # The fractions of the day have 5 decimals, so that its percentages differ in the third.
    assert found.availability == pytest.approx(float(availability), abs=0.001)
    assert found.reliability == pytest.approx(float(reliability), abs=0.001)


def test_worked_month_is_that_of_the_reference() -> None:
    worked = [seconds for _, seconds, _ in WORKED.values()]
    days = [*worked, *[argo.Day(86400, 0, 0)] * 25]
    found = month([of_reference(one) for one in days])
    assert (found.availability, found.reliability) == tuple(map(float, argo.month(days)))
    assert found == Month(94.82342, 99.2908, 4.30557)


def test_a_day_without_records_is_unknown() -> None:
    assert month([Day(1440, 0, 1440), None]) == Month(100.0, 100.0, 50.0)


def test_month_of_which_nothing_is_known_says_nothing() -> None:
    assert month([None, Day(0, 0, 0)]) == Month(-1.0, -1.0, 100.0)


def test_day_of_one_minute_more_than_it_has_is_no_more_than_whole() -> None:
    assert month([Day(1441, 0, 1441)]) == Month(100.0, 100.0, 0.0)


@pytest.mark.parametrize(
    ("whole", "is_within"),
    [
        (Month(80.0, 85.0, 10.0), True),
        (Month(79.99999, 85.0, 10.0), False),
        (Month(80.0, 84.99999, 10.0), False),
        (Month(80.0, 85.0, 10.00001), False),
        (Month(-1.0, -1.0, 5.0), True),
        (Month(0.0, -1.0, 0.0), False),
    ],
)
def test_bounds_of_the_ola(whole: Month, is_within: bool) -> None:
    assert whole.is_within(OLA) == is_within
