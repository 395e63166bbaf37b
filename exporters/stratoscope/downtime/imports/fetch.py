"""Fetches what a source announces, as a whole or not at all. Source: GET; of GOCDB, page by page.

No redirect is followed: it would take the token along, or lead into the own network.
"""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from yarl import URL

from stratoscope.clouds.client.http import Http
from stratoscope.clouds.client.proxies import Proxy, checked
from stratoscope.clouds.client.request import Response
from stratoscope.core.errors import CollectError, ConfigError, Reason
from stratoscope.core.masking import masked
from stratoscope.core.threads import BlockingCalls
from stratoscope.downtime.imports import gocdb, ical, osg
from stratoscope.downtime.imports.announced import DocumentError, Parsed, Rows
from stratoscope.downtime.imports.settings import Import
from stratoscope.downtime.odd_answers import REDIRECTS, content_type, is_page, target

LARGEST: Final = 64 << 20
"""Bytes of a source after decompression, of all pages together; with more it counts as absurdly large."""
MOST_PAGES: Final = 1000
TIMEOUT_S: Final = 300.0
"""For all pages, and for reading them."""
_OK: Final = 200
_REASONS: Final = {401: Reason.UNAUTHORIZED, 403: Reason.UNAUTHORIZED, 429: Reason.BUSY, 503: Reason.BUSY}


class Fetcher:
    """One source."""

    def __init__(self, settings: Import, http: Http, *, timeout_s: float = TIMEOUT_S) -> None:
        self._settings, self._http, self._timeout_s = settings, http, timeout_s
        self._calls = BlockingCalls(f"import {settings.name}", 1)

    async def fetch(self, now: float) -> Parsed:
        """All that the source announces.

        Raises:
            CollectError: It did not answer as it should, or not completely; nothing of what it said counts.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._fetch(now)
        except TimeoutError as error:
            raise CollectError(Reason.TIMEOUT, f"no complete answer in {self._timeout_s:g} s") from error
        except ConfigError as error:  # a file that was there when the process started
            raise CollectError(Reason.UNAVAILABLE, str(error)) from error

    async def close(self) -> None:
        self._calls.close()
        await self._http.close()

    async def _fetch(self, now: float) -> Parsed:
        settings, rows = self._settings, Rows()
        url, headers = settings.address(), settings.headers()
        match settings.kind:
            case "gocdb":
                await self._pages(gocdb.first(url, now), headers, rows)
            case "osg":
                await self._calls.start(osg.take, await self._body(url, headers), rows)
            case _:
                body = await self._body(url, headers)
                await self._calls.start(ical.take, body, rows, now, settings.zone)
        return rows.parsed()

    async def _pages(self, url: URL, headers: Mapping[str, str], rows: Rows) -> None:
        """Raises DocumentError: The pages do not end, or repeat what was there."""
        pages, size = gocdb.Pages(rows), 0
        for _ in range(MOST_PAGES):
            body = await self._body(url, headers)
            size += len(body)
            if size > LARGEST:
                raise DocumentError(f"pages of more than {LARGEST} bytes")
            cursor = await self._calls.start(pages.take, body)
            if not cursor:
                return
            url = url.update_query(next_cursor=cursor)
        raise DocumentError(f"more than {MOST_PAGES} pages")

    async def _body(self, url: URL, headers: Mapping[str, str]) -> bytes:
        try:
            response = await self._http.request("GET", url, headers, _proxy(url))
        except CollectError as error:
            raise CollectError(error.reason, _without(url, str(error))) from error
        if response.status != _OK:
            raise CollectError(_REASONS.get(response.status, Reason.UNAVAILABLE), _refusal(url, response))
        if is_page(response.body):
            what = f"an HTML page ({content_type(response)}), such as one for a log-in"
            raise DocumentError(f"{url.origin()} answers with {what}")
        return response.body


def _refusal(url: URL, response: Response) -> str:
    """Without paths, see `_without`."""
    words = f"HTTP {response.status}{response.through}"
    if response.status not in REDIRECTS:
        return words
    leads = target(url, response)
    where = "" if leads is None else f", to {leads.origin()}"
    return f"{words}: a redirect, which is not followed{where}; url takes its target"


def _proxy(url: URL) -> Proxy | None:
    """That of `https_proxy` or `http_proxy`, else of `all_proxy`; None for a host of `no_proxy`.

    Raises:
        CollectError: It is no address of a proxy.
    """
    if urllib.request.proxy_bypass(url.host or ""):
        return None
    proxies = urllib.request.getproxies()
    return checked(proxies.get(url.scheme) or proxies.get("all"))


def _without(url: URL, words: str) -> str:
    """Words of an error without the path, which is the secret of many a calendar."""
    place = str(url.with_user(None).with_query(None))
    return masked(words.replace(place, str(url.origin())))


@asynccontextmanager
async def opened(settings: Import) -> AsyncIterator[Fetcher]:
    """The source, with its connections.

    Raises:
        ConfigError: `ca_file` cannot be used.
    """
    tls = await asyncio.to_thread(settings.tls)
    fetcher = Fetcher(settings, Http(settings.name, tls, largest=LARGEST))
    try:
        yield fetcher
    finally:
        await fetcher.close()
