"""The HTTP of log-ins: each request is counted, and what takes too long altogether can be cut from outside.

The time-outs of `requests` bound each read alone: an answer that drips would keep its thread for ever.
"""

import socket
import time
from collections import deque
from contextlib import suppress
from typing import Any

import msgspec
import requests
from keystoneauth1.session import Session, TCPKeepAliveAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool


class Sent(msgspec.Struct, frozen=True):
    """One HTTP request of a log-in: how it ended, as the label `code`."""

    code: str
    seconds: float
    size: int


class Wire:
    """What log-ins are sent over.

    Attributes:
        sent: The requests that were not yet taken note of.
    """

    def __init__(self) -> None:
        self.sent: deque[Sent] = deque()
        self._sockets: list[socket.socket] = []
        self._is_cut = False

    def mount(self, session: Session) -> None:
        """Let a session's requests go over it."""
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(self))

    def begin(self) -> None:
        """A log-in begins."""
        self._is_cut = False

    def cut(self) -> None:
        """End all connections, and let none be made until the next log-in begins. From another thread."""
        self._is_cut = True
        for one in self._sockets:
            _shut(one)

    def note(self, made: Any) -> None:
        """Take note of a connection that is made: its handshake is over."""
        made = getattr(made, "socket", made)  # TLS inside TLS, through a proxy, is no socket itself
        self._sockets = [*(one for one in self._sockets if one.fileno() >= 0), made]
        if self._is_cut:
            _shut(made)


class _Adapter(TCPKeepAliveAdapter):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        """The pool of a host or of its proxy; its sockets are taken note of."""
        pool: HTTPConnectionPool = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _noting(type(pool).ConnectionCls, self._wire)
        return pool

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        began, code, size = time.monotonic(), "connection", 0
        try:
            response = super().send(*args, **kwargs)
            size = len(response.content)
            code = str(response.status_code)
        except requests.Timeout:
            code = "timeout"
            raise
        finally:
            self._wire.sent.append(Sent(code, time.monotonic() - began, size))
        return response


def _noting(kind: Any, wire: Wire) -> type[HTTPConnection]:
    """A kind of connection that tells of its socket."""

    class Noting(kind):  # type: ignore[misc]  # a class known at run time
        def connect(self) -> None:
            super().connect()
            wire.note(self.sock)

    return Noting


def _shut(made: socket.socket) -> None:
    """Let whoever reads from it come to its end."""
    with suppress(OSError):  # it has ended by itself
        socket.socket.shutdown(made, socket.SHUT_RDWR)  # not TLS's own: the reader would lose its state
