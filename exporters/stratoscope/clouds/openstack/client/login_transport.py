"""The HTTP of log-ins: each request is counted, and a log-in that takes too long can be ended from outside.

The time-outs of `requests` apply to each read: a slow answer could block its thread for ever. It decompresses
bodies without a limit; here the size is limited before and during decompression.
"""

import socket
import time
import zlib
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

import msgspec
import requests
from keystoneauth1.exceptions import DiscoveryFailure
from keystoneauth1.session import Session, TCPKeepAliveAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse

from stratoscope.clouds.client import confidence
from stratoscope.clouds.client.confidence import Confidence
from stratoscope.clouds.client.proxies import through
from stratoscope.clouds.openstack.client import tls
from stratoscope.clouds.openstack.client.decoding import MARK, check, repaired
from stratoscope.core.errors import CollectError, Reason, one_line

LARGEST: Final = 4 << 20
"""Limit on an answer, in bytes after decompression: a catalogue of 10,000 endpoints."""

_PIECE: Final = 1 << 16
_LONGEST: Final = 200
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_REDIRECTS: Final = frozenset({301, 302, 303, 305, 307, 308})


class Sent(msgspec.Struct, frozen=True):
    """One HTTP request of a log-in: how it ended, as the label `code`."""

    code: str
    seconds: float
    size: int


class Wire:
    """The transport of log-ins.

    Attributes:
        sent: Requests that are not counted yet.
        redirect: The status and target of the last answer if it is a redirect; else "".
        through: Words that name the proxy of the last request; "" without one.
    """

    def __init__(self) -> None:
        self.sent: deque[Sent] = deque()
        self.redirect = self.through = ""
        self._auth_url, self._confidence = "", Confidence(())
        self._sockets: list[socket.socket] = []
        self._is_cut = False

    def mount(self, session: Session, auth: Mapping[str, Any]) -> None:
        """Send a session's requests over it. Args: auth: The section `auth` of clouds.yaml."""
        self._auth_url, self._confidence = str(auth.get("auth_url", "")).rstrip("/"), confidence.of(auth)
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(self))

    def answered(self, request: requests.PreparedRequest, response: requests.Response) -> None:
        """Check an answer.

        Raises DiscoveryFailure for a 401 to the request for versions: keystoneauth would try to log in during
        a log-in, and wait for itself for ever.
        """
        if response.status_code > HTTPStatus.MULTIPLE_CHOICES:
            response._content = self._confidence.body(response.content)  # noqa: SLF001 - its words are cited
        if response.status_code in _REDIRECTS:
            where = one_line(self._confidence.text(response.headers.get("Location", "nowhere")))[:_LONGEST]
            self.redirect = f"answered {response.status_code}, a redirect to {where}"
        is_for_versions = request.method == "GET" and str(request.url).rstrip("/") == self._auth_url
        if is_for_versions and response.status_code == requests.codes.unauthorized:
            raise DiscoveryFailure(f"{self._auth_url} answered 401 to the question for its versions")

    def begin(self) -> None:
        """Begin a log-in."""
        self._is_cut, self.redirect, self.through = False, "", ""

    def cut(self) -> None:
        """End all connections, and allow no new one until the next log-in begins. Called in another
        thread.
        """
        self._is_cut = True
        for one in self._sockets:
            _shut(one)

    def note(self, made: Any) -> None:
        """Record a new connection, after its handshake."""
        made = getattr(made, "socket", made)  # TLS inside TLS, through a proxy, is no socket itself
        self._sockets = [*(one for one in self._sockets if one.fileno() >= 0), made]
        if self._is_cut:
            _shut(made)


class _Adapter(TCPKeepAliveAdapter):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        """The pool of a host or of its proxy; its sockets are recorded."""
        pool: HTTPConnectionPool = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _noting(type(pool).ConnectionCls, self._wire)
        return pool

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["proxies"] = self._proxies(str(request.url))
        began, code, size = time.monotonic(), "connection", 0
        request.headers["Accept-Encoding"], self._wire.redirect = "identity", ""
        try:
            response = super().send(request, *args, **kwargs)
            response._content = _readable(_body(response))  # noqa: SLF001 - what `requests` would read
            size, code = len(response.content), str(response.status_code)
        except CollectError:
            code = "malformed"
            raise
        except requests.Timeout:
            code = "timeout"
            raise
        finally:
            self._wire.sent.append(Sent(code, time.monotonic() - began, size))
        self._wire.answered(request, response)
        return response

    def _proxies(self, url: str) -> Mapping[str, str]:
        """The proxy for a URL as `requests` takes it. Raises CollectError for an address that is none: the
        errors of `requests` would quote it, with its password.
        """
        try:
            proxy = tls.proxy(url)
        except CollectError as error:
            raise CollectError(error.reason, f"identity: {error}") from error
        self._wire.through = through(proxy)
        return {"all": proxy.address.reveal()} if proxy else {}


def _body(response: requests.Response) -> bytes:
    """The complete body, decompressed. Raises CollectError if it is too large; requests.RequestException."""
    raw: BaseHTTPResponse = response.raw
    packed = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packed not in {"identity", "gzip", "deflate"}:
        response.close()
        raise CollectError(Reason.MALFORMED, f"identity: a body packed as {one_line(packed)[:_LONGEST]}")
    unpack = _Plain() if packed == "identity" else zlib.decompressobj(_GZIP_OR_ZLIB)
    body = bytearray()
    try:
        while piece := raw.read(_PIECE, decode_content=False):
            body += unpack.decompress(piece, LARGEST + 1 - len(body))
            if len(body) > LARGEST:
                response.close()
                raise CollectError(Reason.MALFORMED, f"identity: a body of more than {LARGEST} bytes")
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    except zlib.error as error:
        response.close()
        raise CollectError(Reason.MALFORMED, "identity: a body that cannot be unpacked") from error
    return bytes(body)


class _Plain:
    """Returns a body without compression unchanged."""

    def decompress(self, piece: bytes, most: int) -> bytes:
        return piece[:most]


def _readable(body: bytes) -> bytes:
    """The body; JSON is repaired so that what is read of it can be shown."""
    if body.removeprefix(MARK).lstrip()[:1] not in {b"{", b"["}:
        return body
    try:
        check(body)
    except msgspec.DecodeError as error:
        raise CollectError(Reason.MALFORMED, f"identity: malformed answer: {error}") from error
    return repaired(body)


def _noting(kind: Any, wire: Wire) -> type[HTTPConnection]:
    """A class of connections that report their socket."""

    class Noting(kind):  # type: ignore[misc]  # a class known at run time
        def connect(self) -> None:
            super().connect()
            wire.note(self.sock)

    return Noting


def _shut(made: socket.socket) -> None:
    """Shut a socket down, so that a read from it ends."""
    with suppress(OSError):  # it has ended by itself
        socket.socket.shutdown(made, socket.SHUT_RDWR)  # not TLS's own: the reader would lose its state
