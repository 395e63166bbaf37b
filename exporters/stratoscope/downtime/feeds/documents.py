"""Documents of many downtimes: made in a thread, since ten thousand take seconds; a feed and an export at a
time, so that feeds do not wait for exports."""

import asyncio
import hashlib
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Final, NamedTuple

import msgspec

from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.program import version
from stratoscope.core.singleflight import SingleFlight
from stratoscope.downtime.feeds import gocdb, ical, json_feed, rss
from stratoscope.downtime.feeds.site import Site
from stratoscope.downtime.model import Downtime

MOST: Final = 10_000
"""Downtimes of a document."""
KEPT_S: Final = 60.0
"""For so long a document that is kept is the answer to all who ask for it."""
OLDEST_S: Final = 900.0
"""So old is it at most if it cannot be made anew at once."""
MOST_AT_ONCE: Final = 2
"""Documents that are made for one who asks."""
_AT_ONCE_S: Final = 1.0
_MOST_BYTES: Final = 64 << 20
"""Of all documents that are kept."""
_MOST_WANTED: Final = 100
"""Documents that wait for their turn."""
_WITHIN_S: Final = 30.0

Find = Callable[[], Awaitable[Sequence[Downtime]]]
"""Reads the downtimes of a document."""


class AskerBusyError(CollectError):
    """MOST_AT_ONCE documents are being made for who asks."""

    def __init__(self) -> None:
        super().__init__(
            Reason.BUSY, f"{MOST_AT_ONCE} documents are being made for you; allowed: one after the other"
        )


class Format(NamedTuple):
    """What documents look like. Attributes: make: Called with the downtimes, the site and the moment."""

    content_type: str
    make: Callable[[Sequence[Downtime], Site, int], bytes]


ICALENDAR: Final = Format(ical.CONTENT_TYPE, lambda downtimes, site, _: ical.icalendar(downtimes, site))
RSS: Final = Format(rss.CONTENT_TYPE, lambda downtimes, site, _: rss.rss(downtimes, site))
JSON: Final = Format(json_feed.CONTENT_TYPE, lambda downtimes, _, now: json_feed.json_feed(downtimes, now))
GOCDB: Final = Format(gocdb.CONTENT_TYPE, lambda downtimes, site, _: gocdb.gocdb(downtimes, site))


class Document(NamedTuple):
    """A document.

    Attributes:
        tag: Differs when what it says differs.
        changed_at: Since when it says this, as far as is known; Unix seconds.
    """

    body: bytes
    content_type: str
    tag: str
    changed_at: int


class _Kept(NamedTuple):
    since: float
    document: Document


class Documents:
    """Makes documents; who asks for one that is being made gets that one."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._under_way: SingleFlight[Hashable, Document] = SingleFlight()
        self._export_turn, self._feed_turn = asyncio.Lock(), asyncio.Lock()
        self._askers: Counter[str] = Counter()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def made(  # noqa: PLR0913 - what it is made of, and for whom
        self, kind: Format, site: Site, now: int, find: Find, *, key: Hashable, asker: str
    ) -> Document:
        """A document. Args: key: Equal for what is the same document; asker: Who asks for it.

        Raises:
            AskerBusyError: MOST_AT_ONCE others are being made for the asker.
            CollectError: `busy`, or `timeout`: too many others are wanted.
            Exception: As `find`.
        """
        if self._under_way.get(key) is None and self._askers[asker] >= MOST_AT_ONCE:
            raise AskerBusyError

        def make() -> Awaitable[Document]:
            self._askers[asker] += 1
            return self._made_for(asker, kind, site, now, find)

        return await self._share(key, make)

    async def kept(self, kind: Format, site: Site, now: int, find: Find, *, key: Hashable) -> Document:
        """A document that is KEPT_S old at most; OLDEST_S if it takes a while to make it anew.

        Args and Raises: as `made`.
        """
        found = self._kept.get(key)
        age_s = math.inf if found is None else self._monotonic() - found.since
        if found is not None and age_s < KEPT_S:
            return found.document

        async def make() -> Document:
            return self._keep(key, await _made(self._feed_turn, kind, site, now, find))

        if found is None or age_s >= OLDEST_S:
            return await self._share(key, make)
        try:
            return await self._share(key, make, within_s=_AT_ONCE_S)
        except CollectError:
            return found.document

    async def close(self) -> None:
        """Make no more."""
        await self._under_way.close()

    async def _share(
        self, key: Hashable, make: Callable[[], Awaitable[Document]], *, within_s: float = _WITHIN_S
    ) -> Document:
        if self._under_way.get(key) is None and len(self._under_way) >= _MOST_WANTED:
            raise CollectError(Reason.BUSY, f"{_MOST_WANTED} other documents are wanted; try again later")
        return await self._under_way.share(
            key, lambda: asyncio.ensure_future(make()), within_s, "the document is not made"
        )

    async def _made_for(self, asker: str, kind: Format, site: Site, now: int, find: Find) -> Document:
        try:
            return await _made(self._export_turn, kind, site, now, find)
        finally:
            self._askers[asker] -= 1
            self._askers += Counter()  # forgets who has none

    def _keep(self, key: Hashable, made: Document) -> Document:
        before = self._kept.pop(key, None)
        if before is not None and before.document.tag == made.tag:
            made = made._replace(changed_at=before.document.changed_at)
        self._kept[key] = _Kept(self._monotonic(), made)
        while sum(len(one.document.body) for one in self._kept.values()) > _MOST_BYTES:
            self._kept.popitem(last=False)
        return made


async def _made(turn: asyncio.Lock, kind: Format, site: Site, now: int, find: Find) -> Document:
    async with turn:
        return await asyncio.to_thread(_document, kind, await find(), site, now)


def _document(kind: Format, downtimes: Sequence[Downtime], site: Site, now: int) -> Document:
    body = kind.make(downtimes, site, now)
    # Not the body's: it may say when it was made. What the next version writes may differ.
    says = (version(), site, downtimes, [one.state(now) for one in downtimes])
    tag = hashlib.sha256(msgspec.json.encode(says)).hexdigest()[:32]
    return Document(body, kind.content_type, tag, now)
