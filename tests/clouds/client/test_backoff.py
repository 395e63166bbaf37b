"""Pauses after 429 and 503."""

from email.utils import formatdate

import pytest

from stratoscope.clouds.client.backoff import Backoff
from support.wheel import Wheel


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


@pytest.fixture
def backoff(wheel: Wheel) -> Backoff:
    return Backoff(wheel.clock)


def _in_a_row(backoff: Backoff, wheel: Wheel, number: int, retry_after: str | None = None) -> list[float]:
    """How long the pauses are that so many refusals bring, each after the end of the last one."""
    lasts = []
    for _ in range(number):
        backoff.refused(429, retry_after)
        lasts.append(backoff.left_s)
        wheel.time_s += lasts[-1]
    return lasts


def test_without_retry_after_they_double_to_a_minute(backoff: Backoff, wheel: Wheel) -> None:
    assert _in_a_row(backoff, wheel, 8) == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])


def test_chance_makes_them_a_quarter_longer_at_most(backoff: Backoff, wheel: Wheel) -> None:
    wheel.chance = 1.0
    assert _in_a_row(backoff, wheel, 3) == pytest.approx([1.25, 2.5, 5])


def test_any_other_answer_begins_anew(backoff: Backoff, wheel: Wheel) -> None:
    _in_a_row(backoff, wheel, 3)
    backoff.answered(200, None)
    assert not backoff.is_in_doubt
    assert _in_a_row(backoff, wheel, 1) == pytest.approx([1])


def test_answers_to_what_was_sent_before_change_nothing(backoff: Backoff) -> None:
    backoff.refused(429, None)
    backoff.refused(429, None)
    backoff.answered(200, None)
    assert backoff.left_s == pytest.approx(1)
    assert backoff.is_in_doubt


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120),
        ("0", 1),
        (" 7 ", 7),
        ("99999999", 3600),
        (formatdate(1090.0, usegmt=True), 90),
        (formatdate(900.0, usegmt=True), 1),
        ("Thu, 01 Jan 1970 00:18:10 -0000", 90),
        ("soon", 1),
        ("", 1),
        ("-5", 1),
        ("nan", 1),
        ("inf", 1),
        ("-inf", 1),
        ("1e9", 1),
        ("9" * 5000, 3600),
        ("\u0663", 3),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 1),
        ("Mon, 01 Jan 2147483648 00:00:00 GMT", 1),
        ("Mon, 01 Jan 0001 00:00:00 GMT", 3600),  # to Python that is 2001
        ("Mon, 01 Jan -5 00:00:00 GMT", 1),
        ("Mon, 01 Jan 2026 99:99:99 GMT", 1),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999999999", 1),
        (",", 1),
        ("\udcff", 1),
    ],
)
def test_retry_after_is_believed_within_reason(backoff: Backoff, retry_after: str, seconds: float) -> None:
    backoff.refused(503, retry_after)
    assert backoff.left_s == pytest.approx(seconds)


def test_who_goes_on_to_refuse_is_given_longer_than_it_asks_for(backoff: Backoff, wheel: Wheel) -> None:
    assert _in_a_row(backoff, wheel, 6, "1") == pytest.approx([1, 1, 4, 8, 16, 32])
    assert _in_a_row(backoff, wheel, 2, "300") == pytest.approx([300, 300])


def test_one_that_did_not_answer_is_asked_one_at_a_time_until_it_does(backoff: Backoff) -> None:
    backoff.is_silent = True
    assert backoff.left_s == 0
    assert backoff.is_in_doubt
    backoff.answered(200, None)
    assert (backoff.is_in_doubt, backoff.is_silent) == (False, False)


def test_a_refusal_is_an_answer(backoff: Backoff) -> None:
    backoff.is_silent = True
    backoff.refused(503, None)
    assert not backoff.is_silent
    assert backoff.is_in_doubt


def test_a_longer_retry_after_of_a_later_answer_counts(backoff: Backoff) -> None:
    backoff.refused(429, "10")
    backoff.refused(429, "30")
    backoff.refused(429, "20")
    assert backoff.left_s == pytest.approx(30)
