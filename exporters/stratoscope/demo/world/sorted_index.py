"""Objects by id, in the order in which lists show them. A page costs as much as it holds, not as the list."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from itertools import islice
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T", bound=Any)
"""An object with an `id` that never changes."""
_FEW: Final = 100
"""Up to so many new objects are inserted one by one; of more it is quicker to sort all."""


class SortedIndex(Generic[T]):
    """Objects of one kind.

    Args:
        by: The attribute that orders them: unique, and never changed.
        newest_first: Lists begin with the greatest.
    """

    def __init__(self, by: str = "id", *, newest_first: bool = False) -> None:
        self._key: Callable[[T], Any] = attrgetter(by)
        self._is_reversed = newest_first
        self._by_id: dict[str, T] = {}
        self._sorted: list[T] = []
        self._unsorted: list[T] = []

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[T]:
        return reversed(self._ordered()) if self._is_reversed else iter(self._ordered())

    def __contains__(self, identity: str) -> bool:
        return identity in self._by_id

    def add(self, item: T) -> T:
        self._by_id[item.id] = item
        self._unsorted.append(item)
        return item

    def remove(self, item: T) -> None:
        del self._by_id[item.id]
        items = self._ordered()
        del items[bisect_left(items, self._key(item), key=self._key)]

    def get(self, identity: str) -> T | None:
        return self._by_id.get(identity)

    def with_key(self, key: Any) -> T | None:
        """The item with a value of the attribute that orders them."""
        items = self._ordered()
        position = bisect_left(items, key, key=self._key)
        return items[position] if position < len(items) and self._key(items[position]) == key else None

    def at(self, position: int) -> T:
        """The item at a position, counted from the smallest key."""
        return self._ordered()[position]

    def page(self, limit: int | None, marker: str = "", *, keep: Callable[[T], bool]) -> list[T]:
        """The items after the marker that pass `keep`, at most `limit` of them.

        Args:
            limit: None for all.
            marker: The id of the last item of the previous page; the list begins anew for an unknown one.
            keep: Whether an item is wanted.
        """
        items, marked = self._ordered(), self._by_id.get(marker)
        at = None if marked is None else bisect_left(items, self._key(marked), key=self._key)
        if self._is_reversed:
            places = range((len(items) if at is None else at) - 1, -1, -1)
        else:
            places = range(0 if at is None else at + 1, len(items))
        return list(islice(filter(keep, map(items.__getitem__, places)), limit))

    def _ordered(self) -> list[T]:
        if len(self._unsorted) > _FEW:
            self._sorted += self._unsorted
            self._sorted.sort(key=self._key)
        else:
            for item in self._unsorted:
                insort(self._sorted, item, key=self._key)
        self._unsorted.clear()
        return self._sorted
