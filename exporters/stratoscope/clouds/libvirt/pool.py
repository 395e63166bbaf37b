"""The open connections of one URI: idle ones are kept, dead ones closed. All methods block."""

import sys
import threading
from collections.abc import Callable
from typing import Protocol

from stratoscope.clouds.libvirt.connection import Connection


class Pool(Protocol):
    """Where calls take their connection from; each method that may open one raises libvirt.libvirtError."""

    def take(self) -> tuple[Connection, bool]:
        """A connection for one call, and whether it was opened just now."""

    def take_new(self) -> Connection:
        """A new connection, after an idle one turned out to be dead."""

    def free(self) -> int:
        """How many calls can be made now without opening a connection; does not block."""

    def give_back(self, connection: Connection) -> None:
        """Return a connection from `take` or `take_new`; it is kept, or closed."""

    def take_own(self) -> Connection:
        """A connection for longer than one call."""

    def drop(self, connection: Connection) -> None:
        """Return a connection from `take_own`; it is closed."""

    def close(self) -> list[Connection]:
        """Keep no connection from now on. Returns those that the caller has to close; does not block."""


class Exclusive:
    """One connection per call in progress; at most `kept` idle ones are kept."""

    def __init__(self, connect: Callable[[], Connection], kept: int) -> None:
        self._connect, self._kept = connect, kept
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def take(self) -> tuple[Connection, bool]:
        while (connection := self._pop()) is not None:
            if connection.is_alive():
                return connection, False
            connection.close()
        return self._connect(), True

    def take_new(self) -> Connection:
        # After a restart of the daemon all idle connections are dead, even if that is not known yet.
        while (connection := self._pop()) is not None:
            connection.close()
        return self._connect()

    def free(self) -> int:
        return len(self._idle)

    def give_back(self, connection: Connection) -> None:
        is_alive = connection.is_alive()
        with self._lock:
            is_kept = is_alive and len(self._idle) < self._kept
            if is_kept:
                self._idle.append(connection)
        if not is_kept:
            connection.close()

    def take_own(self) -> Connection:
        return self._connect()

    def drop(self, connection: Connection) -> None:
        connection.close()

    def close(self) -> list[Connection]:
        with self._lock:
            self._kept = 0
            idle, self._idle = self._idle, []
        return idle

    def _pop(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None


class Shared:
    """One connection for all calls at once, for a driver inside this process.

    Such a driver has its domains per connection: a second one would need all their memory again, and have
    other states. It never hangs and never dies.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._users = 0
        self._closed = False
        self._lock = threading.Lock()

    def take(self) -> tuple[Connection, bool]:
        return self.take_new(), True

    def take_new(self) -> Connection:
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            self._users += 1
            return self._connection

    def free(self) -> int:
        return sys.maxsize

    def give_back(self, connection: Connection) -> None:
        with self._lock:
            self._users -= 1
            is_last = self._closed and self._users == 0
            if is_last:
                self._connection = None
        if is_last:
            connection.close()

    take_own = take_new
    drop = give_back

    def close(self) -> list[Connection]:
        with self._lock:
            self._closed = True
            if self._users or self._connection is None:
                return []  # the last user closes it
            unused, self._connection = self._connection, None
            return [unused]
