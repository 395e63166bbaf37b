"""Flags that are times: with a unit, with several, or without one in seconds."""

import argparse

import pytest

from stratoscope.core.client.flags import seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10", 10), ("0.5", 0.5), ("0.5s", 0.5), ("1m30s", 90), ("1.5h", 5400), ("1w", 604800)],
)
def test_time_is_in_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0s", "soon", "1.2.3", ".", "-1s", "5 m", "366d"])
def test_other_texts_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(
        argparse.ArgumentTypeError, match="is no time above zero; allowed: such as 10s, 5m, 2h"
    ):
        seconds(text)
