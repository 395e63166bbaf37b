"""The front page over a week of four clouds with 10,000 VMs: its series, and how long each query takes."""

import tempfile
from pathlib import Path
from typing import Final

from from_tests import Size, asked, stored
from results import Result, at_most

_SLOWEST_S: Final = 1
_SERIES: Final = 500


def run(size: Size = Size()) -> list[Result]:  # noqa: B008 - it is frozen
    """The slowest query, the first time and when all is warm, and the series that are read."""
    with tempfile.TemporaryDirectory() as name, stored(size, Path(name)) as (url, window):
        first, again = (asked(url, window) for _ in "ab")
    for what, seconds in sorted(first.took_s.items(), key=lambda one: -one[1])[:5]:
        print(f"  {1e3 * seconds:7.1f} ms {what}")
    at = f"front page, {size.days:g} days of {size.clouds} clouds"
    return [
        at_most(f"{at}: the slowest query at first", max(first.took_s.values()), _SLOWEST_S, "s"),
        at_most(f"{at}: the slowest query again", max(again.took_s.values()), _SLOWEST_S, "s"),
        at_most(f"{at}: series that are read", first.read, _SERIES, ""),
        at_most(f"{at}: series that are shown", first.shown, _SERIES, ""),
    ]
