"""Brings the events of all domains from libvirt's event thread into the asyncio loop.

Source: virConnectDomainEventRegisterAny over a connection of its own; read-only ones get every event.
"""

import asyncio
import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import libvirt

from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.connections import Connections
from stratoscope.clouds.libvirt.errors import NOT_SUPPORTED
from stratoscope.clouds.libvirt.events import HEARD, Event
from stratoscope.core.errors import CollectError

log = logging.getLogger(__name__)

Count: TypeAlias = Callable[[str, int, str, str], None]
"""A callback with UUID and id of the domain, event and detail."""

_WAIT_S: Final = 1.0
"""How long a collection waits for a new connection: events never fail a scrape."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """The callbacks registered on a connection, and the events that its driver lacks."""

    connection: Connection
    ids: tuple[int, ...]
    lacking: tuple[str, ...]

    def end(self) -> None:
        """Deregister all; blocks. Each callback holds the connection: closing alone would not close it."""
        for number in self.ids:
            try:
                self.connection.virt.domainEventDeregisterAny(number)
            except libvirt.libvirtError as error:
                log.debug("not deregistered error=%r", str(error))  # the daemon is gone; our side is ended


def subscribe(connection: Connection, count: Count, loop: asyncio.AbstractEventLoop) -> Subscription:
    """Register for every event; blocks.

    Raises:
        libvirt.libvirtError: The daemon is gone.
    """
    ids, lacking = [], []
    for name, words in HEARD.items():
        number = getattr(libvirt, f"VIR_DOMAIN_EVENT_ID_{name.upper()}")
        callback = functools.partial(_hand_over, words, count, loop)
        try:
            ids.append(connection.virt.domainEventRegisterAny(None, number, callback, None))
        except libvirt.libvirtError as error:
            if error.get_error_code() not in NOT_SUPPORTED:
                Subscription(connection, tuple(ids), ()).end()
                raise
            lacking.append(name)
    return Subscription(connection, tuple(ids), tuple(lacking))


def _hand_over(
    words: Callable[..., Event],
    count: Count,
    loop: asyncio.AbstractEventLoop,
    _connection: libvirt.virConnect,
    domain: libvirt.virDomain,
    *details: Any,
) -> None:
    """libvirt-python's callback, in libvirt's thread; `details` end with the opaque. It never raises."""
    try:
        event, detail = words(*details[:-1])
        loop.call_soon_threadsafe(count, domain.UUIDString(), domain.ID(), event, detail)
    except RuntimeError:
        log.debug("an event after the end")  # the loop is closed
    except (libvirt.libvirtError, AttributeError, LookupError, TypeError, ValueError) as error:
        log.warning("malformed event details=%r error=%r", details, str(error))


class Listener:
    """Keeps one connection for events, and opens it again when it is lost."""

    def __init__(self, connections: Connections, count: Count, regained: Callable[[], None]) -> None:
        """Args: regained: Called when events arrive again; events in between were missed."""
        self._connections, self._count, self._regained = connections, count, regained
        self._subscription: Subscription | None = None
        self._opening: asyncio.Future[Subscription] | None = None
        self._checking: asyncio.Future[bool] | None = None
        self._closed = False

    async def hears(self, within_s: float) -> bool:
        """Whether the connection for events is open; False if that cannot be determined in time."""
        return await self._is_open(within_s) is True

    async def listen(self, within_s: float) -> None:
        """Open the connection if needed. The wait for it is limited; it counts as open once it is there."""
        if await self._is_open(within_s) is not False or self._opening is not None or self._closed:
            return
        self._end()
        subscribed = functools.partial(subscribe, count=self._count, loop=asyncio.get_running_loop())
        try:
            self._opening = self._connections.start_own(subscribed)
        except CollectError as error:
            log.debug("no events error=%r", str(error))
            return
        self._opening.add_done_callback(self._opened)
        await asyncio.wait({self._opening}, timeout=min(within_s, _WAIT_S))

    async def _is_open(self, within_s: float) -> bool | None:
        """Called in a thread, since libvirt locks the connection for it; None if that takes too long."""
        subscription = self._subscription
        if subscription is None:
            return False
        if self._checking is None or self._checking.done():
            try:
                self._checking = self._connections.start_check(subscription.connection)
            except CollectError as error:
                log.debug("no events error=%r", str(error))
                return None
        checking = self._checking
        await asyncio.wait({checking}, timeout=min(within_s, _WAIT_S))
        return checking.result() if checking.done() else None

    def close(self) -> None:
        """Receive no more events; the connection is closed in a thread."""
        self._closed = True
        self._end()

    def _opened(self, opening: "asyncio.Future[Subscription]") -> None:
        self._opening = None
        error = opening.exception()
        if error is not None:
            log.debug("no events error=%r", str(error))
            return
        self._subscription, self._checking = opening.result(), None
        if self._closed:
            self._end()
            return
        if self._subscription.lacking:
            log.debug("the driver lacks events=%s", ",".join(self._subscription.lacking))
        self._regained()

    def _end(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            self._connections.end_own(subscription.connection, subscription.end)
