"""Pauses after 429 and 503."""

from email.utils import formatdate

import pytest

from stratoscope.clouds.client.backoff import Pauses
from support.wheel import Wheel


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


@pytest.fixture
def pauses(wheel: Wheel) -> Pauses:
    return Pauses(wheel.clock)


def _in_a_row(pauses: Pauses, wheel: Wheel, number: int, retry_after: str | None = None) -> list[float]:
    """How long the pauses are that so many refusals bring, each after the end of the last one."""
    lasts = []
    for _ in range(number):
        pauses.refused("compute", 429, retry_after)
        lasts.append(pauses.left_s("compute"))
        wheel.time_s += lasts[-1]
    return lasts


def test_without_retry_after_they_double_to_a_minute(pauses: Pauses, wheel: Wheel) -> None:
    assert _in_a_row(pauses, wheel, 8) == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])


def test_chance_makes_them_a_quarter_longer_at_most(pauses: Pauses, wheel: Wheel) -> None:
    wheel.chance = 1.0
    assert _in_a_row(pauses, wheel, 3) == pytest.approx([1.25, 2.5, 5])


def test_any_other_answer_begins_anew(pauses: Pauses, wheel: Wheel) -> None:
    _in_a_row(pauses, wheel, 3)
    pauses.answered("compute")
    assert pauses.gate("compute") is None
    assert _in_a_row(pauses, wheel, 1) == pytest.approx([1])


def test_answers_to_what_was_sent_before_change_nothing(pauses: Pauses) -> None:
    pauses.refused("compute", 429, None)
    pauses.refused("compute", 429, None)
    pauses.answered("compute")
    assert pauses.left_s("compute") == pytest.approx(1)
    assert pauses.gate("compute") is not None


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
def test_retry_after_is_believed_within_reason(pauses: Pauses, retry_after: str, seconds: float) -> None:
    pauses.refused("compute", 503, retry_after)
    assert pauses.left_s("compute") == pytest.approx(seconds)


def test_who_goes_on_to_refuse_is_given_longer_than_it_asks_for(pauses: Pauses, wheel: Wheel) -> None:
    assert _in_a_row(pauses, wheel, 6, "1") == pytest.approx([1, 1, 4, 8, 16, 32])
    assert _in_a_row(pauses, wheel, 2, "300") == pytest.approx([300, 300])


def test_one_that_did_not_answer_is_asked_one_at_a_time_until_it_does(pauses: Pauses) -> None:
    pauses.hung("compute")
    assert pauses.left_s("compute") == 0
    assert pauses.gate("compute") is not None
    assert (pauses.is_silent("compute"), pauses.is_silent("network")) == (True, False)
    pauses.answered("compute")
    assert (pauses.gate("compute"), pauses.is_silent("compute")) == (None, False)


def test_a_refusal_is_an_answer(pauses: Pauses) -> None:
    pauses.hung("compute")
    pauses.refused("compute", 503, None)
    assert not pauses.is_silent("compute")
    assert pauses.gate("compute") is not None


def test_a_longer_retry_after_of_a_later_answer_counts(pauses: Pauses) -> None:
    pauses.refused("compute", 429, "10")
    pauses.refused("compute", 429, "30")
    pauses.refused("compute", 429, "20")
    assert pauses.left_s("compute") == pytest.approx(30)


def test_each_service_has_its_own(pauses: Pauses, wheel: Wheel) -> None:
    pauses.refused("compute", 429, "10")
    assert pauses.left_s("network") == 0
    assert pauses.until() == {"compute": pytest.approx(wheel.time_s + 10)}
    wheel.time_s += 10
    assert pauses.until() == {}
    assert pauses.status("compute") == 429
