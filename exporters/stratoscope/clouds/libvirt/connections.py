"""Read-only connections to one libvirt daemon: opened when needed, kept, opened anew when the daemon comes back.

Source: virConnectOpenReadOnly. Each connection serves one call at a time; a call that hangs keeps its connection and
its thread until it returns, and the others go on.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec, TypeVar

import libvirt

from stratoscope.clouds.libvirt.errors import translated
from stratoscope.core.errors import CollectError
from stratoscope.core.threads import BlockingCalls

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)

KEEPALIVE_S: Final = 5
"""A daemon that does not answer three of these in a row counts as gone, and calls to it fail."""

MOST_DOMAINS: Final = 4096
"""So many domain objects are kept per connection, those of domains long gone among them."""

_event_loop = threading.Lock()
_event_loop_runs = False


class Connection:
    """One open connection, with the domain objects that were looked up on it."""

    def __init__(self, uri: str) -> None:
        """Open it; blocks.

        Raises:
            libvirt.libvirtError: The daemon does not answer or refuses.
        """
        self.virt = libvirt.openReadOnly(uri)
        self._domains: dict[str, libvirt.virDomain] = {}
        try:
            self.virt.setKeepAlive(KEEPALIVE_S, 3)
        except libvirt.libvirtError:
            log.debug("no keepalive uri=%s", uri)  # drivers inside this process have no daemon to lose

    def domain(self, uuid: str) -> libvirt.virDomain:
        """The domain object on this connection, looked up once.

        Raises:
            libvirt.libvirtError: There is no such domain.
        """
        found = self._domains.get(uuid)
        if found is None:
            if len(self._domains) >= MOST_DOMAINS:
                self._domains.clear()
            found = self._domains[uuid] = self.virt.lookupByUUIDString(uuid)
        return found

    def learn(self, domains: dict[str, libvirt.virDomain]) -> None:
        """Keep exactly these domain objects, which this connection gave."""
        self._domains = domains

    def is_alive(self) -> bool:
        return bool(self.virt.isAlive())

    def close(self) -> None:
        """Close it; blocks. The domain objects go first: each would keep it open."""
        self._domains.clear()
        try:
            self.virt.close()
        except libvirt.libvirtError:
            log.debug("close failed: the daemon is gone")


class Connections:
    """The connections to one URI: at most `kept` idle ones, and at most `most` calls under way."""

    def __init__(self, uri: str, *, kept: int, most: int) -> None:
        start_event_loop()
        self.uri = uri
        self._kept = kept
        self._calls = BlockingCalls(f"libvirt {uri}", most)
        self._idle: list[Connection] = []
        self._closed = False

    @property
    def busy(self) -> int:
        """Calls that have not returned."""
        return self._calls.busy

    def start(
        self, call: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Future[R]":
        """The outcome of `call(connection, ...)`, made in a thread.

        The future raises CollectError: `busy` when too many calls hang; `unavailable`, `unauthorized` or `timeout`
        from libvirt's error. When an idle connection turns out dead, the call is made once more on a new one.
        """
        return self._calls.start(self._call, call, *args, **kwargs)  # type: ignore[arg-type]  # Concatenate

    def _call(self, call: Callable[..., R], *args: object, **kwargs: object) -> R:
        connection, is_new = self._take()
        try:
            result = call(connection, *args, **kwargs)
        except libvirt.libvirtError as error:
            if connection.is_alive():
                self._give_back(connection)
                raise translated(error, self.uri) from error
            connection.close()
            if is_new:
                raise translated(error, self.uri) from error
            return self._call_anew(call, *args, **kwargs)
        except BaseException:
            self._give_back(connection)
            raise
        self._give_back(connection)
        return result

    def _call_anew(self, call: Callable[..., R], *args: object, **kwargs: object) -> R:
        """After the daemon was restarted: all idle connections are dead, so none of them is taken."""
        while self._idle:
            self._idle.pop().close()
        return self._call(call, *args, **kwargs)

    def _take(self) -> tuple[Connection, bool]:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if connection.is_alive():
                return connection, False
            connection.close()
        return self._open(), True

    def _give_back(self, connection: Connection) -> None:
        if self._closed or len(self._idle) >= self._kept or not connection.is_alive():
            connection.close()
        else:
            self._idle.append(connection)

    def open_own(self) -> "asyncio.Future[Connection]":
        """A new connection that the caller keeps and closes."""
        return self._calls.start(self._open)

    def _open(self) -> Connection:
        try:
            return Connection(self.uri)
        except libvirt.libvirtError as error:
            raise translated(error, self.uri) from error

    async def close(self) -> None:
        """Close idle connections; one in a call that hangs is closed when the call returns, if it does."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            try:
                await self._calls.run(connection.close)
            except CollectError:
                break  # all threads hang: the process's end closes what is left
        self._calls.close()


def start_event_loop() -> None:
    """Run libvirt's own event loop in a daemon thread, once per process, before the first connection.

    It carries keepalive and events; callbacks run in that thread.
    """
    global _event_loop_runs  # noqa: PLW0603 - libvirt has one event loop per process
    with _event_loop:
        if _event_loop_runs:
            return
        libvirt.registerErrorHandler(lambda _context, _error: None, None)
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=_run_events, name="libvirt events", daemon=True).start()
        _event_loop_runs = True


def _run_events() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError as error:
            log.warning("libvirt's event loop failed error=%r", str(error))
            time.sleep(1)
