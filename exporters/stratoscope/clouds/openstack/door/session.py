"""The real Api: answers decoded by type, lists page by page."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final, TypeVar

import msgspec

from stratoscope.clouds.openstack.api import Access
from stratoscope.clouds.openstack.door.client import Ask, Client
from stratoscope.clouds.openstack.fields import UNREAD
from stratoscope.clouds.openstack.listing import Listing, Page, Query, pairs
from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")

_LARGE: Final = 1 << 20
"""Bytes of a page that is decoded in a thread."""


class Session:
    """Implements Api.

    Attributes:
        cloud: The cloud's name.
    """

    def __init__(self, cloud: str, client: Client) -> None:
        self.cloud = cloud
        self._client = client

    async def access(self) -> Access:
        return await self._client.access()

    async def knows(self, service: str, version: str) -> bool:
        return await self._client.knows(service, version)

    async def get(  # noqa: PLR0913 - as Api has it
        self,
        service: str,
        path: str,
        kind: type[T],
        *,
        operation: str,
        params: Query = (),
        version: str = "",
    ) -> T:
        body = await self._client.body(Ask(service, operation, path, params, version))
        try:
            return msgspec.json.decode(body, type=kind)
        except UNREAD as error:
            raise CollectError(Reason.MALFORMED, f"{service}: {operation}: {error}") from error

    async def pages(self, listing: Listing[T], params: Query = ()) -> AsyncGenerator[Page[T], None]:
        """As Api has it; the next page is asked for before this one is decoded."""
        more: Query | None = params
        once = listing.once()
        seen = {tuple(pairs(params))}
        asked = self._ask(listing, params)
        try:
            while more is not None:
                body = await asked
                more = listing.more(body)
                if more is not None:
                    _take_note(seen, more, listing)
                    asked = self._ask(listing, more)
                    await asyncio.sleep(0)  # let it go on its way
                items, malformed = await _items(listing, body)
                yield Page(once(items), malformed, more, listing.is_cut(body))
        finally:
            await _end(asked)

    async def items(self, listing: Listing[T], params: Query = ()) -> tuple[list[T], int]:
        found: list[T] = []
        malformed = 0
        async for page in self.pages(listing, params):
            found += page.items
            malformed += page.malformed
        listing.check(len(found), malformed)
        return found, malformed

    def _ask(self, listing: Listing[T], query: Query) -> "asyncio.Task[bytes]":
        ask = Ask(
            listing.service,
            listing.operation,
            listing.path,
            query,
            listing.version,
            listing.headers,
            listing.oldest,
        )
        return asyncio.create_task(self._client.body(ask), name=str(ask))


async def _items(listing: Listing[T], body: bytes) -> tuple[list[T], int]:
    """The items of a page; where one of 10,000s makes no sense each is decoded by itself: it takes long."""
    if len(body) <= _LARGE:
        return listing.items(body)
    return await asyncio.to_thread(listing.items, body)


def _take_note(seen: set[tuple[tuple[str, str], ...]], more: Query, listing: Listing[T]) -> None:
    """Refuse a list without an end."""
    page = tuple(pairs(more))
    if page in seen:
        what = f"{listing.service}: {listing.operation}: the next page is one that was read"
        raise CollectError(Reason.MALFORMED, what)
    seen.add(page)


async def _end(task: "asyncio.Task[bytes]") -> None:
    """End a request that nobody waits for any more, whatever has become of it."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
