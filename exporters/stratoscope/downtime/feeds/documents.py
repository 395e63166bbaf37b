"""Documents of many downtimes: made one at a time, in a thread, since ten thousand take seconds."""

import asyncio
import hashlib
import time
from collections import OrderedDict
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
_MOST_BYTES: Final = 64 << 20
"""Of all documents that are kept."""
_MOST_WANTED: Final = 100
"""Documents that wait for their turn."""
_WITHIN_S: Final = 30.0

Find = Callable[[], Awaitable[Sequence[Downtime]]]
"""Reads the downtimes of a document."""


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
    until: float
    document: Document


class Documents:
    """Makes documents, one at a time; who asks for one that is being made gets that one."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._under_way: SingleFlight[Hashable, Document] = SingleFlight()
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def made(self, kind: Format, site: Site, now: int, find: Find, *, key: Hashable) -> Document:
        """A document. Args: key: Equal for what is the same document.

        Raises:
            CollectError: `busy`, or `timeout`: too many others are wanted.
            Exception: As `find`.
        """
        return await self._share(key, lambda: self._made(kind, site, now, find))

    async def kept(self, kind: Format, site: Site, now: int, find: Find, *, key: Hashable) -> Document:
        """A document that is KEPT_S old at most. Args and Raises: as `made`."""
        found = self._kept.get(key)
        if found is not None and self._monotonic() < found.until:
            return found.document

        async def make() -> Document:
            return self._keep(key, await self._made(kind, site, now, find))

        return await self._share(key, make)

    async def close(self) -> None:
        """Make no more."""
        await self._under_way.close()

    async def _share(self, key: Hashable, make: Callable[[], Awaitable[Document]]) -> Document:
        if self._under_way.get(key) is None and len(self._under_way) >= _MOST_WANTED:
            raise CollectError(Reason.BUSY, f"{_MOST_WANTED} other documents are wanted; try again later")
        return await self._under_way.share(
            key, lambda: asyncio.ensure_future(make()), _WITHIN_S, "the document is not made"
        )

    async def _made(self, kind: Format, site: Site, now: int, find: Find) -> Document:
        async with self._turn:
            return await asyncio.to_thread(_document, kind, await find(), site, now)

    def _keep(self, key: Hashable, made: Document) -> Document:
        before = self._kept.pop(key, None)
        if before is not None and before.document.tag == made.tag:
            made = made._replace(changed_at=before.document.changed_at)
        self._kept[key] = _Kept(self._monotonic() + KEPT_S, made)
        while sum(len(one.document.body) for one in self._kept.values()) > _MOST_BYTES:
            self._kept.popitem(last=False)
        return made


def _document(kind: Format, downtimes: Sequence[Downtime], site: Site, now: int) -> Document:
    body = kind.make(downtimes, site, now)
    # Not the body's: it may say when it was made. What the next version writes may differ.
    says = (version(), site, downtimes, [one.state(now) for one in downtimes])
    tag = hashlib.sha256(msgspec.json.encode(says)).hexdigest()[:32]
    return Document(body, kind.content_type, tag, now)
