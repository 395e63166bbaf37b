"""Objects that somebody should look at, by name: bound to nothing, in error, or without their data."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

MOST: Final = 5_000
"""Objects of one sort that are returned by name; the others are counted."""


class OrphanReason(StrEnum):
    """Why an object is among them."""

    ERROR = "error"
    UNBOUND = "unbound"
    NO_DATA = "no_data"
    STUCK = "stuck"


class Orphan(msgspec.Struct, frozen=True, gc=False):
    """One object.

    Attributes:
        name: "" for one without a name; of an address the address itself.
        project_id: Its owner, who may be gone; "" if the source does not report it.
        state: As the source spells it.
        changed: When it last changed; it has been as it is since then. None if the source does not report it.
    """

    object_id: str
    name: str
    project_id: str
    reason: OrphanReason
    state: str
    changed: float | None


class Orphans(msgspec.Struct, frozen=True):
    """Those of one sort.

    Attributes:
        objects: Those in error first, then those that changed longest ago; at most MOST.
        beyond: Number of the others.
    """

    objects: tuple[Orphan, ...] = ()
    beyond: int = 0


class Finder:
    """Collects those of one list, page by page; more than twice MOST are never held."""

    def __init__(self) -> None:
        self._held: list[Orphan] = []
        self._number = 0

    def add(self, one: Orphan) -> None:
        self._number += 1
        self._held.append(one)
        if len(self._held) > 2 * MOST:
            self._held = _first(self._held)

    def found(self) -> Orphans:
        held = _first(self._held)
        return Orphans(tuple(held), self._number - len(held))


def orphans_of(objects: Iterable[Orphan]) -> Orphans:
    """Those of a list that is held as a whole."""
    finder = Finder()
    for one in objects:
        finder.add(one)
    return finder.found()


def _first(objects: Iterable[Orphan]) -> list[Orphan]:
    return sorted(objects, key=_rank)[:MOST]


def _rank(one: Orphan) -> tuple[bool, float, str]:
    """One whose moment is not reported comes last, and the id decides, so that the same ones are shown."""
    return one.reason is not OrphanReason.ERROR, one.changed or float("inf"), one.object_id
