"""The one parser of durations, which settings, flags, downtimes, the demo and the tests use."""

import pytest

from stratoscope.core.durations import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", 0),
        ("250ms", 0.25),
        ("30s", 30),
        ("1m30s", 90),
        ("2h", 7_200),
        ("7d", 604_800),
        ("1w", 604_800),
        ("1y", 31_536_000),
        ("1y1w1d1h1m1s1ms", 31_536_000 + 604_800 + 86_400 + 3_600 + 60 + 1.001),
        ("0.5s", 0.5),
        ("1.5h", 5_400),
    ],
)
def test_durations_are_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "5", "30s1m", "1m1m", "5 m", "-1s", "5min", "1.s", "1\u0660s"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=f"^no duration: {text}$"):
        seconds(text)
