"""Connections of clients: accepts them, limits their number and time, and closes them.

A connection that waits for its client (for a TLS handshake, the head of a request, the next request, or for
its answer to be read) is closed after a time, see WITHIN_S. A connection whose request is being answered is
not: collecting, sending and reading a body have their own time-outs.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, Counter, Gauge

from stratoscope.core.episode import Episode
from stratoscope.core.web.auth import Access
from stratoscope.core.web.open_files import with_files_for

Handle: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)

_AT_ONCE: Final = 32
_AGAIN_S: Final = 1.0
_LINGER_S: Final = 1.0
"""Time for the rest of a body that nobody asked for."""
_SWEEP_S: Final = 1.0
_READER: Final = "reader"
WITHIN_S: Final = {"handshake": 10.0, "headers": 10.0, "idle": 75.0, _READER: 60.0}
"""How long a connection waits for its client, by what it waits for: the end of a request's head (from the
connection, or from the request's first byte), the next request (from the end of an answer), and the reading
of an answer (from the moment at which its end was written)."""
_MALFORMED, _UNEXPECTED = 400, 417
_CONTINUE: Final = "100-continue"
_PATIENCE_S: Final = 1.0
"""A client that has not read its answer for this time can be closed to make room for others."""
LARGEST_BODY: Final = 1 << 20
"""Bytes of a body that a client may announce (Content-Length) and send besides. aiohttp stops reading where
nobody takes it."""
_MOST_AHEAD: Final = 64 * 1024
"""Bytes that a client may send before its answer: a head, and a body that nobody reads. Parsing a body of
tiny chunks costs ten times as much as sending it."""
POLICY: Final = "Content-Security-Policy"
HEADERS: Final = {
    hdrs.SERVER: "stratoscope",
    POLICY: (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every answer. They do not tell which server this is. A browser loads nothing from other sites,
does not guess the type of an answer, and sends no address of ours to other sites (with `no-referrer` it would
send `Origin: null` with our own forms, too). A page with a script, which is a file that the server shows,
answers with its own policy: this one and `; script-src 'self'`."""


class Connections:
    """All connections of a server, limited in number.

    If there is no room for a new one, the connection that has waited longest for its client is closed, so
    that unused connections block nobody. If all are being answered, the new one is closed.

    Attributes:
        time: The clock of all waiting, in seconds: the loop's.
    """

    def __init__(self, access: Access, registry: CollectorRegistry, requests: Counter, most: int) -> None:
        """Args: requests: Counts malformed requests by handler and code. most: Connections at once."""
        self.access, self.requests = access, requests
        self.time = asyncio.get_running_loop().time
        self._open: dict[Connection, None] = {}
        self._most = with_files_for(most)
        self._listeners: dict[socket.socket, web.Server] = {}
        self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)
        self._full = Episode("connections at their bound, some are hung up on")
        self._exhausted = Episode("no file left for another connection")
        Gauge(
            "stratoscope_http_connections", "Open connections of clients to the pages.", registry=registry
        ).set_function(lambda: len(self._open))
        Gauge(
            "stratoscope_http_connections_limit",
            "Limit on the connections of clients to the pages at once.",
            registry=registry,
        ).set_function(lambda: self._most)
        self._hung_up = Counter(
            "stratoscope_http_connections_hung_up",
            "Connections that the exporter ended, by reason: slow TLS handshake, headers or reader, idle, "
            "no free file, all busy, too much sent (flood), or to make room for another.",
            ("reason",),
            registry=registry,
        )
        for reason in (*WITHIN_S, "room", "busy", "files", "flood"):
            self._hung_up.labels(reason)

    def listen(self, listener: socket.socket, server: web.Server) -> None:
        """Accept connections from now on."""
        listener.setblocking(False)
        self._listeners[listener] = server
        self._resume(listener)

    def answering(self, handler: Handle) -> Handle:
        """Wraps a server's handler of all requests: the connection no longer waits for its client."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            connection = request.protocol
            assert isinstance(connection, Connection)  # noqa: S101 - it is made by `_accept`
            connection.begins()
            # aiohttp would repeat the header in its answer, before a password is checked.
            if request.headers.get(hdrs.EXPECT, _CONTINUE).lower() != _CONTINUE:
                self.requests.labels("malformed", _UNEXPECTED).inc()
                return self.plain(_UNEXPECTED, "unknown Expect")
            return await handler(request)

        return answer

    def plain(self, status: int, text: str) -> web.Response:
        """An answer to a request that reaches no page; it closes the connection."""
        headers = {**HEADERS, **self.access.in_force.headers}
        answer = web.Response(status=status, text=f"{text}\n", headers=headers)
        answer.force_close()
        return answer

    def end_a_reader(self) -> bool:
        """Close the connection of the client that has not read its answer for longest, if there is one."""
        return self._end_oldest([one for one in self._waiting() if one.waits_for == _READER], _READER)

    def close(self) -> None:
        """Accept no more connections; the server ends those that are open."""
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()
        self._sweeper.cancel()

    async def abort(self) -> None:
        """Close all that are still open, at once."""
        ending = [connection.hang_up() for connection in self._open]
        self._open.clear()
        await asyncio.gather(*ending)

    def forget(self, connection: "Connection") -> None:
        self._open.pop(connection, None)

    def hang_up(self, connection: "Connection", reason: str) -> None:
        """Close a connection early and count it; nothing happens for one that has ended."""
        if connection in self._open:
            self._hung_up.labels(reason).inc()
            self.forget(connection)
            connection.hang_up()

    def _resume(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no file, no memory: it would be ready again at once, for ever
                self._pause(listener, error)
                return
            accepted.setblocking(False)
            if len(self._open) >= self._most:
                self._full.happened()
                if not self._end_oldest(self._waiting(), "room"):
                    self._hung_up.labels("busy").inc()
                    accepted.close()
                    continue
            connection = Connection(self, self._listeners[listener], accepted)
            self._open[connection] = None

    def _end_oldest(self, waiting: "list[Connection]", reason: str) -> bool:
        """Close the one that has waited longest for its client, if there is one."""
        if waiting:
            self.hang_up(min(waiting, key=lambda one: one.since), reason)
        return bool(waiting)

    def _waiting(self) -> list["Connection"]:
        """The connections that wait for their clients; readers only if they are slow."""
        slow_since = self.time() - _PATIENCE_S
        waiting = (one for one in self._open if one.waits_for)
        return [one for one in waiting if one.waits_for != _READER or one.since < slow_since]

    def _pause(self, listener: socket.socket, error: OSError) -> None:
        self._exhausted.happened()
        log.debug("cannot accept error=%r", error.strerror)
        self._end_oldest(self._waiting(), "files")
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        loop.call_later(_AGAIN_S, self._resume, listener)

    def _sweep(self) -> None:
        now = self.time()
        for one in list(self._open):
            if one.waits_for in WITHIN_S and now - one.since > WITHIN_S[one.waits_for]:
                self.hang_up(one, one.waits_for)
        self._full.check()
        self._exhausted.check()
        self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)


class Connection(web.RequestHandler):
    """One connection: aiohttp's protocol, with limits on waiting; it never repeats what a client sent.

    Attributes:
        waits_for: What it waits for: a key of WITHIN_S, or `body`; "" while a request is answered.
        since: Since when, on the clock of all connections.
    """

    def __init__(self, connections: Connections, server: web.Server, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            server, loop=loop, access_log=None,  # type: ignore[arg-type]  # None turns it off
            auto_decompress=False, lingering_time=_LINGER_S,
        )  # fmt: skip
        self._connections, self._accepted = connections, accepted
        self._ahead, self._may_send = 0, _MOST_AHEAD
        self._wait("handshake")
        self._greeting = loop.create_task(self._greet(), name="connection")

    def begins(self) -> None:
        """A request has arrived: the waiting ends, unless the client has not read its previous answer."""
        self._wait(_READER if self.writing_paused else "")

    @contextmanager
    def reads_body(self) -> Iterator[None]:
        """The request's body is read meanwhile: the connection waits for its client, so it can make room.

        Whoever reads it limits the time.
        """
        self._wait("body")
        try:
            yield
        finally:
            self.begins()

    def pause_writing(self) -> None:
        """The transport's buffer is full: the client has to read."""
        super().pause_writing()
        self._wait(_READER)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.waits_for == _READER:
            self._wait("")

    def hang_up(self) -> "asyncio.Task[None]":
        """Close it at once, even if its client has unread data. Returns a task to wait for."""
        if self.transport is not None:
            self.transport.abort()
        else:  # the handshake ends, then, in whatever state it is
            with suppress(OSError):
                self._accepted.shutdown(socket.SHUT_RDWR)
        return self._greeting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wait("headers")
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._connections.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.waits_for == "idle":
            self._wait("headers")
        taken = data[: max(0, self._may_send - self._ahead)]
        self._ahead += len(data)
        super().data_received(taken)
        if self._messages:
            self._may_send = _MOST_AHEAD + _announced(self._messages[-1][0])
        if self._ahead > self._may_send:
            self._connections.hang_up(self, "flood")
        elif rest := data[len(taken) :]:
            super().data_received(rest)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        outcome = await super().finish_response(request, resp, start_time)
        self._ahead = 0
        self._wait("idle")
        return outcome

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it holds what the stranger sent
    ) -> web.StreamResponse:
        if status == _MALFORMED:
            text = "malformed request"
            self._connections.requests.labels("malformed", status).inc()
            log.debug("malformed request address=%s error=%s", request.remote, type(exc).__name__)
        else:
            text = "a bug; the log tells more"
            log.error("answering failed, a bug path=%r", _page(request), exc_info=exc)
        if request.writer.output_size:
            raise ConnectionError("the answer has begun, there cannot be another")
        return self._connections.plain(status, text)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        if isinstance(kw.get("exc_info"), web.RequestPayloadError):  # of a body that nobody reads
            self._connections.requests.labels("malformed", _MALFORMED).inc()
        else:
            super().log_exception(*args, **kw)

    def _wait(self, what_for: str) -> None:
        self.waits_for, self.since = what_for, self._connections.time()

    async def _greet(self) -> None:
        """Begin with a TLS handshake, if TLS is on."""
        try:
            context = (await self._connections.access.renewed()).context
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: self, self._accepted, ssl=context)
        except OSError as error:  # ssl's are, too
            self._connections.hang_up(self, "handshake")
            log.debug("no connection error=%r", str(error))
            error.__traceback__ = None  # or 256 KiB of asyncio's buffers wait for a garbage collection
        except Exception:  # the border: the client must not wait for an answer
            self._accepted.close()
            log.exception("no connection, a bug")
        finally:
            if self.transport is None:  # whoever hangs up in a handshake may be no error
                self.connection_lost(None)


def _announced(message: object) -> int:
    """The length of the body that a request's head announces; 0 for none, or one that is too large."""
    headers: Mapping[str, str] = getattr(message, "headers", {})
    length = int(headers.get(hdrs.CONTENT_LENGTH, 0))
    return length if length <= LARGEST_BODY else 0


def _page(request: web.BaseRequest) -> str:
    """The path of the page; not what the client put in the place of its `{token}`."""
    match_info = getattr(request, "_match_info", None)  # the property fails where there is none
    resource = match_info.route.resource if match_info else None
    return resource.canonical if resource else request.path
