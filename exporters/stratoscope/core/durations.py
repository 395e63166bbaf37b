"""Durations as Prometheus writes them: `30s`, `1m30s`, `250ms`, `2h`, `7d`; with fractions, too: `0.5s`."""

import re
from collections.abc import Mapping
from typing import Final

UNITS_MS: Final[Mapping[str, int]] = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
"""From the longest to the shortest: in this order they stand in a duration, each at most once."""
_DURATION: Final = re.compile("".join(rf"(?:([0-9]{{1,9}}(?:\.[0-9]{{1,3}})?){unit})?" for unit in UNITS_MS))


def seconds(text: str) -> float:
    """Of a duration, 0 or more. Raises ValueError for any other text."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"no duration: {text}")
    parts = zip(match.groups(default="0"), UNITS_MS.values(), strict=True)
    return sum(float(number) * unit_ms for number, unit_ms in parts) / 1000
