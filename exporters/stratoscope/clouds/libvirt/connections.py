"""Makes calls over connections to one libvirt daemon.

Connections are opened when needed, reused, and opened again when the daemon is back. Each serves one call at
a time. A call that hangs keeps its connection and its thread until it returns; the other connections are not
affected.
"""

import asyncio
import functools
import logging
import math
import time
from collections.abc import Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import libvirt

from stratoscope.clouds.libvirt.config import is_in_process
from stratoscope.clouds.libvirt.connection import Connection, connect, start_event_loop
from stratoscope.clouds.libvirt.errors import translated
from stratoscope.clouds.libvirt.pool import Exclusive, Pool, Shared
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.threads import BlockingCalls

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)

CLOSE_WITHIN_S: Final = 1.0
"""How long `close` waits for connections to close; closing sends a request to the daemon, which may hang."""


class Connections:
    """The connections to one URI: at most `kept` idle ones, and at most `most` calls at once."""

    def __init__(
        self, uri: str, *, kept: int, most: int, connect: Callable[[str], Connection] = connect
    ) -> None:
        start_event_loop()
        self.uri = uri
        self._waiting: set[object] = set()
        opened = functools.partial(self._opened, connect)
        self._pool: Pool = Shared(opened) if is_in_process(uri) else Exclusive(opened, kept)
        self._calls = BlockingCalls(f"libvirt {uri}", most)
        self._opening: set[asyncio.Future[Any]] = set()
        self._ending: set[asyncio.Future[Any]] = set()
        self._closed = False

    def _opened(self, connect: Callable[[str], Connection]) -> Connection:
        this = object()
        self._waiting.add(this)
        try:
            return connect(self.uri)
        finally:
            self._waiting.discard(this)

    def start(
        self, call: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Future[R]":
        """The outcome of `call(connection, ...)`, made in a thread.

        The future raises CollectError: `unavailable`, `unauthorized` or `timeout` from libvirt's error. If an
        idle connection turns out to be dead while somebody still waits, the call is repeated once on a new
        one.

        Raises:
            CollectError: `busy`, if too many calls hang.
        """
        return self._calls.start(self._call, lambda connection: call(connection, *args, **kwargs))

    def _call(self, call: Callable[[Connection], R]) -> R:
        try:
            connection, is_new = self._pool.take()
            try:
                return self._over(connection, call)
            except libvirt.libvirtError:
                if is_new or connection.is_alive() or not _is_awaited():
                    raise
            return self._over(self._pool.take_new(), call)
        except libvirt.libvirtError as error:
            raise translated(error, self.uri) from error

    def start_anew(self, call: Callable[[Connection], R]) -> "asyncio.Future[R]":
        """The outcome of `call(connection)`, made once, over a connection that is opened for it.

        Raises as `start`.
        """
        return self._calls.start(self._call_anew, call)

    def _call_anew(self, call: Callable[[Connection], R]) -> R:
        try:
            return self._over(self._pool.take_new(), call)
        except libvirt.libvirtError as error:
            raise translated(error, self.uri) from error

    def _over(self, connection: Connection, call: Callable[[Connection], R]) -> R:
        try:
            return call(connection)
        finally:
            self._pool.give_back(connection)

    def start_own(self, prepare: Callable[[Connection], R]) -> "asyncio.Future[R]":
        """The outcome of `prepare(connection)` with a connection that is kept until `end_own`.

        The caller that gets the outcome has to end it; if `prepare` fails, there is nothing to end. Raises as
        `start`.
        """
        future = self._calls.start(self._own, prepare)
        self._opening.add(future)
        future.add_done_callback(self._opening.discard)
        return future

    def start_check(self, connection: Connection) -> "asyncio.Future[bool]":
        """Whether a connection of `start_own` is open. Raises CollectError: `busy`, as `start`."""
        return self._calls.start(_is_alive, connection)

    @property
    def free(self) -> int:
        """How many calls can be made now without opening a connection."""
        return self._pool.free()

    @property
    def waiting(self) -> int:
        """How many connections are being opened: the daemon has not answered them yet."""
        return len(self._waiting)

    def end_own(self, connection: Connection, first: Callable[[], object]) -> None:
        """Close a connection of `start_own` in a thread, after `first`, without waiting for it."""

        def end() -> None:
            first()
            self._pool.drop(connection)

        self._end(end)

    def _own(self, prepare: Callable[[Connection], R]) -> R:
        try:
            connection = self._pool.take_own()
            if self._closed:  # it was opened after `close` had stopped waiting
                self._pool.drop(connection)
                raise CollectError(Reason.UNAVAILABLE, f"{self.uri}: closed")
            try:
                return prepare(connection)
            except BaseException:
                self._pool.drop(connection)
                raise
        except libvirt.libvirtError as error:
            raise translated(error, self.uri) from error

    def _end(self, end: Callable[[], None]) -> None:
        try:
            future = self._calls.start(end)
        except CollectError as error:
            log.debug("left open error=%r", str(error))  # all threads hang, or it is closed
            return
        self._ending.add(future)
        future.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Close all within CLOSE_WITHIN_S; a connection in a hung call is closed when the call returns."""
        self._closed = True
        for connection in self._pool.close():
            self._end(connection.close)
        until = time.monotonic() + CLOSE_WITHIN_S
        try:
            while waiting := self._opening | self._ending:
                left_s = until - time.monotonic()
                if left_s <= 0:
                    log.debug("left open uri=%s connections=%d", self.uri, len(waiting))
                    break
                await asyncio.wait(waiting, timeout=left_s)
        finally:
            self._calls.close()


def _is_alive(connection: Connection) -> bool:
    try:
        return connection.is_alive()
    except libvirt.libvirtError:
        return False


def _is_awaited() -> bool:
    """Whether the collection that made this call is still waiting."""
    return DEADLINE.get(math.inf) > time.monotonic()
