"""Implements Api: decodes answers by type, reads lists page by page.

A page that is too large is requested again with fewer items, down to one. The list continues with that
number, which is doubled after each page that is small enough.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final, TypeVar

import msgspec

from stratoscope.clouds.client.clock_skew import ClockSkew
from stratoscope.clouds.client.http import LARGEST
from stratoscope.clouds.client.request import CallError, Method, TooLargeError, outcome
from stratoscope.clouds.openstack.client.api import Access
from stratoscope.clouds.openstack.client.decoding import Decoder
from stratoscope.clouds.openstack.client.listing import Listing, Page, Query, limit_of, limited, pairs
from stratoscope.clouds.openstack.client.services import Ask, Client
from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.singleflight import consume_exception

T = TypeVar("T")

_LARGE: Final = 1 << 20
"""Size in bytes from which a page is decoded in a thread."""
_ROOMY: Final = LARGEST // 4
"""Size in bytes up to which a page with twice as many items will not be too large."""
_MOST: Final = 1000
"""The assumed number of items per page of a list without a limit."""
_FEWER: Final = 8

_Read = tuple[bytes, int | None]
"""A page, and the number of items that was requested instead of the wanted one; None if it is the wanted
one."""


class Session:
    """Implements Api."""

    def __init__(self, cloud: str, client: Client) -> None:
        self.cloud = cloud
        self._client = client
        self._limits: dict[tuple[str, str], int] = {}

    async def access(self) -> Access:
        return await self._client.access()

    async def log_in(self) -> Access:
        """Log in anew. Raises CollectError; the token in use stays in use then."""
        return await self._client.log_in()

    @property
    def skew(self) -> ClockSkew:
        """Of the services' clocks."""
        return self._client.skew

    async def knows(self, service: str, version: str) -> bool:
        return await self._client.knows(service, version)

    async def require(self, service: str, version: str) -> None:
        await self._client.require(service, version)

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
        ask = Ask(service, operation, path, params, version)
        return _decoded(ask, await self._client.send(ask), kind)

    async def change(  # noqa: PLR0913 - what makes up a request
        self,
        method: Method,
        service: str,
        path: str,
        kind: type[T],
        *,
        operation: str,
        body: object = None,
        version: str = "",
    ) -> T:
        """Send a request that changes something; its answer is decoded as `kind` (NoneType: no answer).

        POST and PATCH are sent again only after 401 and 429. After 5xx, a time-out, a lost connection or a
        malformed answer they raise OutcomeUnknownError. Else raises as Api.
        """
        sent = b"" if body is None else msgspec.json.encode(body)
        ask = Ask(service, operation, path, version=version, method=method, body=sent)
        with outcome(method):
            return _decoded(ask, await self._client.send(ask) or b"null", kind)

    async def location(  # noqa: PLR0913 - what makes up a request
        self,
        method: Method,
        service: str,
        path: str,
        *,
        operation: str,
        body: object,
        version: str = "",
    ) -> str:
        """The header Location of the answer to a request as `change` sends it; "" without one."""
        sent = msgspec.json.encode(body)
        ask = Ask(service, operation, path, version=version, method=method, body=sent)
        with outcome(method):
            return (await self._client.answer(ask)).headers.get("location", "")

    async def close(self) -> None:
        await self._client.close()

    async def pages(self, listing: Listing[T], params: Query = ()) -> AsyncGenerator[Page[T], None]:
        """As Api.pages; the next page is requested before this one is decoded."""
        query: Query | None = params
        deduplicate, wanted = listing.deduplicate(), limit_of(params)
        seen = {tuple(pairs(params))}
        asked = self._ask(listing, params, wanted)
        try:
            while query is not None:
                body, limit = await asked
                query = listing.next_query(body, params)
                if query is not None:
                    if tuple(pairs(query)) in seen:
                        what = f"{listing.service}: {listing.operation}: the next page is one that was read"
                        raise CollectError(Reason.MALFORMED, what)
                    seen.add(tuple(pairs(query)))
                    self._grow(listing, len(body), wanted)
                    query = query if limit is None else limited(query, wanted)
                    asked = self._ask(listing, query, wanted)
                    await asyncio.sleep(0)  # let it go on its way
                # If one of 10,000s makes no sense each is decoded by itself, which takes long.
                is_large = len(body) > _LARGE
                items, malformed = (
                    await asyncio.to_thread(listing.items, body) if is_large else listing.items(body)
                )
                yield Page(deduplicate(items), malformed, query, listing.is_cut(body))
        finally:
            asked.cancel()
            await asyncio.wait({asked})
            consume_exception(asked)

    async def items(self, listing: Listing[T], params: Query = ()) -> tuple[list[T], int]:
        found: list[T] = []
        malformed = 0
        async for page in self.pages(listing, params):
            found += page.items
            malformed += page.malformed
        listing.check(len(found), malformed)
        return found, malformed

    def _ask(self, listing: Listing[T], query: Query, wanted: int | None) -> "asyncio.Task[_Read]":
        name = f"{listing.service}: {listing.operation}"
        return asyncio.create_task(self._page(listing, query, wanted), name=name)

    async def _page(self, listing: Listing[T], query: Query, wanted: int | None) -> _Read:
        """The body of a page; and the number of items that was requested because more were too large, else
        None.

        Args:
            wanted: The number of items per page; None if the list is requested without a limit.

        Raises as Client.send; CollectError `malformed` if a single item is too large.
        """
        call = listing.service, listing.operation
        limit = self._limits.get(call)
        while True:
            asked = query if limit is None else limited(query, limit)
            ask = Ask(
                *call,
                listing.path,
                asked,
                version=listing.version,
                headers=listing.headers,
                oldest=listing.oldest,
            )
            try:
                body = await self._client.send(ask)
            except TooLargeError as error:
                self._limits.pop(call, None)
                limit = _fewer(ask, limit or wanted or _MOST, error)
                self._client.budget.stats.retry(call, error.code)
                continue
            if limit is not None:
                self._limits[call] = limit
            return body, limit

    def _grow(self, listing: Listing[T], size: int, wanted: int | None) -> None:
        """After a page that is not the last one: allow twice as many items if the page was small enough."""
        call = listing.service, listing.operation
        limit = self._limits.get(call)
        if limit is None or size >= _ROOMY:
            return
        if 2 * limit < (wanted or _MOST):
            self._limits[call] = 2 * limit
        else:
            del self._limits[call]


def _decoded(ask: Ask, body: bytes, kind: type[T]) -> T:
    try:
        return Decoder(kind).decode(body)
    except msgspec.DecodeError as error:
        raise CallError(Reason.MALFORMED, f"{ask}: {error}", "malformed") from error


def _fewer(ask: Ask, limit: int, error: TooLargeError) -> int:
    """The number of items to request instead of one that was too large."""
    if limit == 1:
        what = "one item alone, or a list that is not to be had page by page"
        raise CollectError(Reason.MALFORMED, f"{ask}: {what}: {error}") from error
    return max(1, limit // _FEWER)
