"""A database of 10,000 downtimes, 500 of which are active."""

import time
from pathlib import Path
from typing import Any, Final

from stratoscope.downtime.database import editing
from stratoscope.downtime.database.address import sqlite
from stratoscope.downtime.database.editing import Origin
from stratoscope.downtime.database.store import opened
from stratoscope.downtime.draft import Checked, Draft, checked
from stratoscope.downtime.model import DAY_S, PERSON

COUNT: Final = 10_000
ACTIVE: Final = 500
_LONG_S: Final = 8 * 3600
_SHORT_S: Final = 3000
_SPREAD: Final = 300
"""Quarters of a day over which those that are not active are spread, before now and after tomorrow."""


def draft(number: int, now: int) -> dict[str, Any]:
    """The first 500 are active; half of the others are over, half begin in more than a day."""
    start, end = now - 60, now + _LONG_S
    if number >= ACTIVE:
        away = (2 + number % _SPREAD) * DAY_S // 4
        start = now - away if number % 2 else now + DAY_S + away
        end = start + _SHORT_S
    return {
        "title": f"new switch in rack {number}",
        "text": "The switch is replaced; hosts behind it are without network for some minutes.",
        "start": start,
        "end": end,
        "matcher_sets": (("cloud=uni", f"host=n{number}"),),
    }


def fields(number: int, now: int) -> Checked:
    """As the API checks them."""
    one = Draft(**draft(number, now))
    return checked(one, min(now, one.start))


async def fill(folder: Path) -> None:
    """Make the database in this folder, which is there."""
    now = int(time.time())
    drafts = [(fields(number, now), Origin(PERSON)) for number in range(COUNT)]
    async with opened(sqlite(folder)) as store:
        await store._database.change(lambda connection: editing.file(connection, drafts, "alice", now))
