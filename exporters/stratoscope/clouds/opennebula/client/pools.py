"""Pools: page by page where oned has pages, each item once, what is malformed left out and counted."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from stratoscope.clouds.client.request import CallError, TooLargeError
from stratoscope.clouds.opennebula.client import items
from stratoscope.clouds.opennebula.client.errors import NoTextError
from stratoscope.clouds.opennebula.client.items import Element
from stratoscope.clouds.opennebula.client.oned import SERVICE, Oned
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
MOST_SKIPPED: Final = 10
"""Items of a pool that oned cannot send, or that are too large, and that are looked for: some 30 requests
each."""
_LARGE: Final = 1 << 18
"""Length of a text from which it is decoded in a thread."""


class _CrowdedError(CallError):
    """An item of a page has too many tags; a smaller page may lack it."""


class Pools:
    """Reads the pools of one oned."""

    def __init__(self, oned: Oned) -> None:
        self._oned = oned
        self._sizes: dict[str, int] = {}

    async def whole(
        self,
        method: str,
        tag: str | tuple[str, ...],
        decode: Callable[[Element], T],
        *params: str | int | bool,
    ) -> tuple[list[T], int]:
        """The items of a pool that has no pages, and the number of malformed ones. Raises as Oned.call."""
        reading = _Reading(method, tag, decode)
        await reading.add(await self._oned.call(method, *params))
        return reading.result()

    async def paged(
        self, method: str, tag: str, decode: Callable[[Element], T], *more: int
    ) -> tuple[list[T], int]:
        """The same of a pool with pages: `one.METHOD(-2, start, -size, *more)`.

        A page that is too large is requested again with fewer items, down to one. One without anything new,
        though it goes further than those before, ends the pool: a release without pages answers the same to
        each.

        A page that oned cannot send, since a text has half a character, or that has too many tags, is
        requested in parts: the item that has it, or that is too large alone, is malformed, and passed over:
        any user may write it. Parts grow again behind it.
        """
        reading, start, part = _Reading(method, tag, decode), 0, 0
        usual, reached = self._sizes.get(method, PAGE), 0
        while True:
            size = part or self._sizes.get(method, PAGE)
            try:
                text = await self._oned.call(method, ALL, start, -size, *more, is_page=True)
                before = reading.items
                number = await reading.add(text)
            except TooLargeError as error:
                if size > 1:
                    self._sizes[method] = self._fewer(method, size, error)
                    part = min(part, self._sizes[method])
                    continue
                reading.skip(_alone(method, error))
                self._sizes[method] = usual  # the others are not as large
                start, part = start + 1, _FEWER
                continue
            except (NoTextError, _CrowdedError) as error:
                if size > 1:
                    part = max(1, size // _FEWER)
                    continue
                reading.skip(error)
                start, part = start + 1, _FEWER
                continue
            is_further, reached = start + size > reached, max(reached, start + size)
            if number < size or (reading.items == before and not part and is_further):
                return reading.result()
            start += size if part else size - min(_OVERLAP, size // 2)
            part = 0 if part * _FEWER >= self._sizes.get(method, PAGE) else part * _FEWER

    async def chosen(
        self, tag: str, decode: Callable[[Element], T], ids: Sequence[str], *, is_extended: bool
    ) -> tuple[list[T], int]:
        """The VMs with these ids, by `vmpool.infoset`; those that oned cannot send, or that are too large
        alone, are malformed: any user may write into a VM what makes it so.

        Raises as Oned.call.
        """
        try:
            return await self.whole("vmpool.infoset", tag, decode, ",".join(ids), is_extended)
        except (NoTextError, TooLargeError, _CrowdedError):
            if len(ids) == 1:
                return [], 1
        found, malformed, size = list[T](), 0, max(1, len(ids) // _FEWER)
        for start in range(0, len(ids), size):
            some, odd = await self.chosen(tag, decode, ids[start : start + size], is_extended=is_extended)
            found += some
            malformed += odd
        return found, malformed

    async def one(self, method: str, *params: str | int | bool) -> Element:
        """The document of an answer. Raises as Oned.call."""
        return _root(method, await self._oned.call(method, *params))

    def _fewer(self, method: str, size: int, error: TooLargeError) -> int:
        self._oned.budget.stats.retry((SERVICE, method), error.code)
        return max(1, size // _FEWER)


class _Reading(Generic[T]):
    """One reading of a pool: each item once, though a pool that changes may have it on two pages."""

    def __init__(self, method: str, tag: str | tuple[str, ...], decode: Callable[[Element], T]) -> None:
        self._method, self._decode = method, decode
        self._tags = (tag,) if isinstance(tag, str) else tag
        self._known: set[str] = set()
        self._found: list[T] = []
        self._malformed = items.Malformed()
        self._skipped = 0

    @property
    def items(self) -> int:
        """The number of different items so far."""
        return len(self._known)

    def skip(self, error: CollectError) -> None:
        """Count an item that is not to be had. Raises the error if there are more than a few."""
        self._skipped += 1
        if self._skipped > MOST_SKIPPED:
            raise error
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
