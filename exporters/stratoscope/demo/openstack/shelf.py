"""Things by id, in an order that pages are cut from: however many there are, a page costs what it holds."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K", str, int)

_FEW: Final = 100
"""So many are put in their places one by one; of more it is quicker to sort all."""


class Shelf(Generic[T, K]):
    """Things of one sort, each with an id of its own.

    Args:
        identity: Of a thing; never changes.
        key: By which they are ordered; never changes either, and no two have the same.
        newest_first: Lists go down from the greatest key.
    """

    def __init__(
        self, identity: Callable[[T], str], key: Callable[[T], K], *, newest_first: bool = False
    ) -> None:
        self._identity = identity
        self._key: Callable[[T], K] = key
        self._is_reversed = newest_first
        self._by_id: dict[str, T] = {}
        self._things: list[T] = []
        self._unplaced: list[T] = []

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[T]:
        things = self._ordered()
        return reversed(things) if self._is_reversed else iter(things)

    def __contains__(self, identity: str) -> bool:
        return identity in self._by_id

    def add(self, thing: T) -> T:
        self._by_id[self._identity(thing)] = thing
        self._unplaced.append(thing)
        return thing

    def remove(self, thing: T) -> None:
        del self._by_id[self._identity(thing)]
        del self._ordered()[self._place(thing)]

    def get(self, identity: str) -> T | None:
        return self._by_id.get(identity)

    def at(self, number: int) -> T:
        """The one at a place of the order; whoever throws dice needs it."""
        return self._ordered()[number]

    def page(
        self, limit: int | None, marker: str = "", *, keep: Callable[[T], bool], backwards: bool = False
    ) -> list[T]:
        """Those after the marker, as many as `limit` of those that are to be kept.

        Args:
            limit: None for all.
            marker: The id of the last one of the page before; one that is unknown begins anew.
            keep: Which are wanted at all.
            backwards: Those before the marker instead; nearest to it, in the list's own order.
        """
        found = list(islice(filter(keep, self._from(marker, backwards=backwards)), limit))
        return found[::-1] if backwards else found

    def _from(self, marker: str, *, backwards: bool) -> Iterator[T]:
        things, marked = self._ordered(), self._by_id.get(marker)
        if self._is_reversed is not backwards:
            start = len(things) if marked is None else self._place(marked)
            return (things[place] for place in range(start - 1, -1, -1))
        start = 0 if marked is None else self._place(marked) + 1
        return (things[place] for place in range(start, len(things)))

    def _place(self, thing: T) -> int:
        return bisect_left(self._ordered(), self._key(thing), key=self._key)

    def _ordered(self) -> list[T]:
        if len(self._unplaced) > _FEW:
            self._things += self._unplaced
            self._things.sort(key=self._key)
        else:
            for thing in self._unplaced:
                insort(self._things, thing, key=self._key)
        self._unplaced.clear()
        return self._things
