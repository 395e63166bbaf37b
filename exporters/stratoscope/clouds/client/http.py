"""HTTP to a cloud: one request and its response, whose size is bounded; no redirect is followed."""

import os
import socket
import ssl
import time
from collections.abc import Collection, Mapping
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from stratoscope.clouds.client.handshake import failed
from stratoscope.clouds.client.proxies import Proxy, through
from stratoscope.clouds.client.request import ONCE, CallError, Method, Response, TooLargeError
from stratoscope.clouds.client.sent import Sent, wanted
from stratoscope.core.errors import Reason
from stratoscope.core.program import version
from stratoscope.core.threads import BlockingCalls

LARGEST: Final = 16 << 20
"""Limit on a body in bytes after decompression: 5 pages of 1,000 servers, or 50,000 users. Decoding it takes
10 to 25 ms, during which Python's lock, and so the event loop, is held.
"""

_RESOLVING: Final = 4
_NO_HTTP: Final = (aiohttp.InvalidURL, aiohttp.ClientResponseError)
_NOT_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.InvalidURL)
_OF_A_URL: Final = (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)
"""Errors whose text is the whole URL."""
_NO_LIMIT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)


class Http:
    """The connections to one cloud. Their number and their time are bounded by the cloud's budget."""

    def __init__(
        self,
        name: str,
        tls: ssl.SSLContext,
        *,
        largest: int = LARGEST,
        once: Collection[str] = ONCE,
    ) -> None:
        """In the loop that will use it.

        Args:
            name: The cloud's, for messages.
            tls: Trusted CAs and the client certificate.
            largest: Limit on a body, in bytes after decompression.
            once: Methods each of whose requests has a connection of its own.
        """
        self._largest, self._methods_once = largest, once
        # Shared by both sessions; aiohttp does not close a resolver that is passed to it.
        self._resolver = _Resolver(name)

        def session(*, force_close: bool = False) -> aiohttp.ClientSession:
            return aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, ssl=tls, resolver=self._resolver, force_close=force_close
                ),
                headers={"User-Agent": f"stratoscope/{version()}", "Accept-Encoding": "gzip, deflate"},
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_NO_LIMIT,
            )

        self._session = session()
        # Over connections of their own: one that was idle may be closed at the other end, which is only seen
        # when the request has been sent, and such a request is not sent again.
        self._once = session(force_close=True)

    async def request(
        self, method: Method, url: URL, headers: Mapping[str, str], proxy: Proxy | None, body: bytes = b""
    ) -> Response:
        """The answer, whatever its status.

        Raises:
            CallError: `connection` (unavailable), `malformed`; TooLargeError.
            TimeoutError: The proxy or the operating system gave up.
        """
        if (into := wanted()) is None:
            return await self._response(method, url, headers, proxy, body)
        began, code = time.monotonic(), "cancelled"
        try:
            response = await self._response(method, url, headers, proxy, body)
            code = str(response.status)
        except CallError as error:
            code = error.code
            raise
        except TimeoutError:
            code = "timeout"
            raise
        finally:
            into.append(Sent(method, _place(url), code, time.monotonic() - began))
        return response

    async def _response(
        self, method: Method, url: URL, headers: Mapping[str, str], proxy: Proxy | None, body: bytes
    ) -> Response:
        try:
            session = self._once if method in self._methods_once else self._session
            async with session.request(
                method,
                url,
                headers=headers,
                proxy=proxy.address.reveal() if proxy else None,
                data=body or None,
                allow_redirects=False,
            ) as response:
                answer = await self._body(response)
                named = {name.lower(): value for name, value in response.headers.items()}
                return Response(response.status, answer, named, through(proxy))
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error, _NO_HTTP) and not isinstance(error, aiohttp.ClientHttpProxyError):
                raise CallError(Reason.MALFORMED, _error_text(url, error, proxy), "malformed") from error
            is_sent = not isinstance(error, _NOT_SENT)
            raise CallError(
                Reason.UNAVAILABLE, _error_text(url, error, proxy), "connection", may_be_done=is_sent
            ) from error

    async def close(self) -> None:
        await self._session.close()
        await self._once.close()
        await self._resolver.close()

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        parts, size = [], 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > self._largest:
                response.close()
                raise TooLargeError(f"{_place(response.url)}: a body of more than {self._largest} bytes")
            parts.append(part)
        return b"".join(parts)


class _Resolver(AbstractResolver):
    """Resolves names in its own threads: a name server that hangs must not block those that render pages."""

    def __init__(self, name: str) -> None:
        self._calls = BlockingCalls(f"{name}: name server", _RESOLVING)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._calls.start(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=its_family,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for its_family, _, proto, _, address in found
        ]

    async def close(self) -> None:
        self._calls.close()


def _place(url: URL) -> str:
    """Scheme, host and path of a URL: no password, no query."""
    return str(url.with_user(None).with_query(None))


def _error_text(url: URL, error: Exception, proxy: Proxy | None) -> str:
    """URL, error and proxy in one line, without addresses of objects.

    What no connection is made to has no path: the same text for each of its requests.
    """
    cause, place = error, _place(url)
    if isinstance(error, aiohttp.ClientConnectorError):
        cause, place = error.os_error, str(url.origin())
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        words = f"the proxy answered {cause.status}"
    else:
        words = _error_words(cause) or type(cause).__name__
    return f"{place}: {words}{through(proxy)}"


def _error_words(cause: Exception) -> str | None:
    if isinstance(cause, ssl.SSLError):
        return failed(cause)
    if isinstance(cause, OSError) and (cause.errno or 0) > 0:
        return os.strerror(cause.errno or 0)  # strerror is a text of asyncio's
    if isinstance(cause, OSError):
        return cause.strerror or str(cause)
    if isinstance(cause, aiohttp.ClientResponseError):
        return cause.message.partition(":")[0]  # the rest quotes what was sent, and may hold the token
    return None if isinstance(cause, _OF_A_URL) else str(cause)
