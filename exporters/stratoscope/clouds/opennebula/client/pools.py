"""Pools: page by page where oned has pages, each item once, what is malformed left out and counted."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from stratoscope.clouds.client.request import CallError, TooLargeError
from stratoscope.clouds.opennebula.client import items
from stratoscope.clouds.opennebula.client.errors import NoTextError
from stratoscope.clouds.opennebula.client.items import Element
from stratoscope.clouds.opennebula.client.oned import SERVICE, Oned
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")

ALL: Final = -2
"""The filter of a pool: whatever the credential may see."""
NOT_DONE: Final = -1
"""The filter of states of `vmpool.info`: all VMs but those that are done."""
PAGE: Final = 2_000
"""Items that are requested of one page: 5 MB of VMs."""
_OVERLAP: Final = 20
"""Items of a page that the next one has, too: as many may go meanwhile, and none is passed over.
At most half of a page, which would otherwise hardly go on."""
_FEWER: Final = 8
MOST: Final = 200_000
"""Items of a pool. One of more is refused: its ids alone would need more memory than the exporter has."""
MOST_SEARCHED: Final = 300
"""Requests of one reading that look for items which oned cannot send, or which are too large: some 25 for
each of them, and half of what its refresh has left at most. With more such items a part of a page is left out
with each."""
_SEARCH_S: Final = 20.0
"""So long they may take; at most half of the time that a collection has left."""
_MOST_IN_A_ROW: Final = 10
"""After the search: with so many parts that cannot be read, one after the other, the rest is left out."""
_LARGE: Final = 1 << 18
"""Length of a text from which it is decoded in a thread."""


_WHAT: Final = "somebody has blown up a template, or the text of an error was cut"


class _CrowdedError(CallError):
    """An item of a page has too many tags; a smaller page may lack it."""


class Search:
    """What may be spent in a refresh on looking for items that spoil the answers which they are in.

    Attributes:
        left_out: Ids of what was asked for, and not read since nothing was left.
    """

    def __init__(self, left_of_refresh: Callable[[], float] = lambda: math.inf) -> None:
        """Args: left_of_refresh: Requests that the refresh may still make."""
        self._left_of_refresh, begins_with = left_of_refresh, left_of_refresh()
        self._left, self._kept = min(MOST_SEARCHED, begins_with / 2), begins_with / 4
        self._until = time.monotonic() + at_most_s(_SEARCH_S)
        self.left_out: set[str] = set()

    def spend(self) -> None:
        """Count a request."""
        self._left -= 1

    @property
    def is_over(self) -> bool:
        return self._left <= 0 or time.monotonic() > self._until

    @property
    def is_short(self) -> bool:
        """Whether the refresh needs its other requests for what has not been read at all."""
        return self._left_of_refresh() < self._kept


class Pools:
    """Reads the pools of one oned."""

    def __init__(self, oned: Oned) -> None:
        self._oned = oned
        self._sizes: dict[str, int] = {}
        self._cut: set[str] = set()

    def is_cut(self, method: str) -> bool:
        """Whether the last reading of a pool left out others than the items that it counted as malformed.

        To be asked at once where several questions read the same pool.
        """
        return method in self._cut

    def search(self) -> Search:
        """What a refresh may spend on several calls of `chosen`."""
        return Search(lambda: self._oned.budget.left_of_refresh)

    async def whole(
        self,
        method: str,
        tag: str | tuple[str, ...],
        decode: Callable[[Element], T],
        *params: str | int | bool,
    ) -> tuple[list[T], int]:
        """The items of a pool that has no pages, and the number of malformed ones.

        Raises as Oned.call; a pool with an item that is too large cannot be read, and says why.
        """
        try:
            return await self._whole(method, tag, decode, *params)
        except (TooLargeError, NoTextError, _CrowdedError) as error:
            what = f"{error}; it has no pages, so one item costs all: {_WHAT}"
            raise CollectError(Reason.MALFORMED, what) from error

    async def paged(
        self, method: str, tag: str, decode: Callable[[Element], T], *more: int
    ) -> tuple[list[T], int]:
        """The same of a pool with pages: `one.METHOD(-2, start, -size, *more)`.

        A page that is too large is requested again with fewer items, down to one. One without anything new,
        though it goes further than those before, ends the pool: a release without pages answers the same to
        each.

        A page that oned cannot send, since a text has half a character, or that has too many tags, is
        requested in parts: the item that has it, or that is too large alone, is malformed, and passed over:
        any user may write it. Parts grow again behind it. This takes MOST_SEARCHED requests at most: then the
        part that such an item is in is left out, and the pool is cut (see is_cut).
        """
        reading, walk = _Reading(method, tag, decode), _Walk(self._sizes.get(method, PAGE), self.search())
        try:
            while not walk.is_over:
                before = reading.items
                try:
                    text = await self._oned.call(method, ALL, walk.start, -walk.size, *more, is_page=True)
                    number = await reading.add(text)
                except TooLargeError as error:
                    if walk.narrows(is_lasting=True):
                        self._oned.budget.stats.retry((SERVICE, method), error.code)
                    else:
                        reading.skip(_alone(method, error))
                except (NoTextError, _CrowdedError) as error:
                    if not walk.narrows():
                        reading.skip(error)
                else:
                    walk.goes_on(number, is_new=reading.items > before)
        finally:
            self._sizes[method] = walk.page
        self._cut = self._cut | {method} if walk.is_cut else self._cut - {method}
        return reading.result()

    async def chosen(
        self,
        tag: str,
        decode: Callable[[Element], T],
        ids: Sequence[str],
        *,
        is_extended: bool,
        search: Search | None = None,
    ) -> tuple[list[T], int]:
        """The VMs with these ids, by `vmpool.infoset`; those that oned cannot send, or that are too large
        alone, are malformed: any user may write into a VM what makes it so.

        Args: search: Shared by all calls of a refresh; by default this call's own.

        Raises as Oned.call.
        """
        search = search or self.search()
        if search.is_short:
            search.left_out.update(ids)
            return [], 1
        try:
            return await self._whole("vmpool.infoset", tag, decode, ",".join(ids), is_extended)
        except (NoTextError, TooLargeError, _CrowdedError):
            if len(ids) == 1:
                return [], 1
            if search.is_over:
                search.left_out.update(ids)
                return [], 1
        found, malformed, size = list[T](), 0, max(1, len(ids) // _FEWER)
        for start in range(0, len(ids), size):
            search.spend()
            several = ids[start : start + size]
            some, odd = await self.chosen(tag, decode, several, is_extended=is_extended, search=search)
            found += some
            malformed += odd
        return found, malformed

    async def one(self, method: str, *params: str | int | bool) -> Element:
        """The document of an answer. Raises as Oned.call."""
        return _root(method, await self._oned.call(method, *params))

    async def _whole(
        self,
        method: str,
        tag: str | tuple[str, ...],
        decode: Callable[[Element], T],
        *params: str | int | bool,
    ) -> tuple[list[T], int]:
        reading = _Reading(method, tag, decode)
        await reading.add(await self._oned.call(method, *params))
        return reading.result()


class _Walk:
    """The way through a pool, page by page, and in parts of a page where one cannot be read.

    Attributes:
        start: Of the next request.
        page: Items of a page that has no such item.
        is_over: The pool has ended, or nothing more is to be had.
        is_cut: A part with others than the one item was left out.
    """

    def __init__(self, page: int, search: Search) -> None:
        self.start, self.page, self.is_over, self.is_cut = 0, page, False, False
        self._usual, self._part, self._reached, self._in_a_row = page, 0, 0, 0
        self._search = search

    @property
    def size(self) -> int:
        """Items of the next request."""
        return self._part or self.page

    def narrows(self, *, is_lasting: bool = False) -> bool:
        """Whether, after a page that cannot be read, some of it are requested; else all of it is passed over.

        Args: is_lasting: Pages may be as large for what all items are, and are smaller from now on.
        """
        size = self.size
        self._count()
        if size > 1 and not self._search.is_over:
            fewer = max(1, size // _FEWER)
            self.page = fewer if is_lasting else self.page
            self._part = min(self._part, fewer) if is_lasting else fewer
            return True
        self.is_cut |= size > 1
        self._in_a_row += self._search.is_over
        self.is_over = self._in_a_row == _MOST_IN_A_ROW
        self.start, self.page = self.start + size, self._usual  # the others are not as large
        self._part = _FEWER if size == 1 else max(size, self._usual // _FEWER)
        return False

    def goes_on(self, number: int, *, is_new: bool) -> None:
        """After a page with that number of items. Args: is_new: One of them was not on those before."""
        size = self.size
        self._count()
        self._in_a_row = 0
        is_further, self._reached = self.start + size > self._reached, max(self._reached, self.start + size)
        self.is_over = number < size or (not is_new and not self._part and is_further)
        self.start += size if self._part else size - min(_OVERLAP, size // 2)
        # After the search parts stay small: less is left out with each that cannot be read.
        if not self._search.is_over or self._search.is_short:
            self._part = 0 if self._part * _FEWER >= self.page else self._part * _FEWER

    def _count(self) -> None:
        if self.size < self._usual:
            self._search.spend()


class _Reading(Generic[T]):
    """One reading of a pool: each item once, though a pool that changes may have it on two pages."""

    def __init__(self, method: str, tag: str | tuple[str, ...], decode: Callable[[Element], T]) -> None:
        self._method, self._decode = method, decode
        self._tags = (tag,) if isinstance(tag, str) else tag
        self._known: set[str] = set()
        self._found: list[T] = []
        self._malformed = items.Malformed()

    @property
    def items(self) -> int:
        """The number of different items so far."""
        return len(self._known)

    def skip(self, error: CollectError) -> None:
        """Count an item that is not to be had, or a part of a page with one."""
        self._malformed.skip(error)

    async def add(self, text: str) -> int:
        """The number of items of a text; a large one is decoded in a thread. Raises CallError."""
        try:
            return await asyncio.to_thread(self._add, text) if len(text) > _LARGE else self._add(text)
        except items.TooManyTagsError as error:
            raise _CrowdedError(
                Reason.MALFORMED, f"{SERVICE}: {self._method}: {error}", "malformed"
            ) from error
        except ValueError as error:
            raise _malformed(self._method, error) from error

    def result(self) -> tuple[list[T], int]:
        """The items, and the number of malformed ones. Raises CollectError if all are malformed."""
        self._malformed.check(f"{SERVICE}: {self._method}", len(self._found))
        return self._found, self._malformed.number

    def _add(self, text: str) -> int:
        number = 0
        for number, element in enumerate(items.each(text, *self._tags), 1):
            identity = items.identity(element)
            if identity not in self._known or not identity:
                self._known.add(identity)
                self._found += items.decoded(element, self._decode, self._malformed)
            if max(number, len(self._known)) > MOST:
                raise ValueError(f"more than {MOST:,} items")
        return number


def _alone(method: str, error: TooLargeError) -> CollectError:
    return CollectError(Reason.MALFORMED, f"{SERVICE}: {method}: one item alone: {error}")


def _root(method: str, text: str) -> Element:
    try:
        return items.root(text)
    except ValueError as error:
        raise _malformed(method, error) from error


def _malformed(method: str, error: ValueError) -> CallError:
    return CallError(Reason.MALFORMED, f"{SERVICE}: {method}: {error}", "malformed")
