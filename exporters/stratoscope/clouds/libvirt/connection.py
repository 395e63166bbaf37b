"""One connection to a libvirt daemon, and libvirt's event loop, which serves all connections.

Source: virConnectOpenReadOnly, and for probes virConnectOpen; virConnectSetKeepAlive, virEventRunDefaultImpl.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from time import sleep
from typing import Final

import libvirt

from stratoscope.clouds.libvirt.config import without_start

log = logging.getLogger(__name__)

KEEPALIVE_S: Final = 5
KEEPALIVES: Final = 3
"""Keepalive messages in a row without an answer after which the daemon counts as gone, and calls fail."""

SPARE_DESCRIPTORS: Final = 64
"""Free file descriptors that are required: a connection keeps three, and needs more while it opens."""

MOST_DOMAINS: Final = 4096
"""Limit on cached domain objects per connection, including those of domains that are gone."""

_event_loop = threading.Lock()
_event_loop_runs = False


class Connection:
    """One open connection.

    Attributes:
        virt: libvirt's own object.
        lacks: Names of the calls that the driver turned out to lack; they are not tried again.
    """

    def __init__(self, virt: libvirt.virConnect) -> None:
        self.virt = virt
        self.lacks: set[str] = set()
        self._domains: dict[str, libvirt.virDomain] = {}
        self._is_open = True

    def domain(self, uuid: str) -> libvirt.virDomain:
        """The domain object of this connection, looked up once; blocks.

        Raises:
            libvirt.libvirtError: There is no such domain, or no daemon.
        """
        found = self._domains.get(uuid)
        if found is None:
            if len(self._domains) >= MOST_DOMAINS:
                self._domains.clear()
            found = self._domains[uuid] = self.virt.lookupByUUIDString(uuid)
        return found

    def learn(self, domains: Mapping[str, libvirt.virDomain]) -> None:
        """Cache exactly these domain objects of this connection."""
        self._domains = dict(domains)

    def is_alive(self) -> bool:
        """Whether the daemon is still reachable, as far as this side knows; does not block."""
        return self._is_open and bool(self.virt.isAlive())

    def close(self) -> None:
        """Close it; blocks. The domain objects are released first, since each keeps it open."""
        self._is_open = False
        self._domains.clear()
        try:
            self.virt.close()
        except libvirt.libvirtError as error:
            log.debug("close failed error=%r", str(error))  # the daemon is gone, and with it the connection


def connect(uri: str) -> Connection:
    """Open a connection that may only read; blocks, for ever if the daemon accepts it and never answers.

    Raises:
        libvirt.libvirtError: The daemon does not answer or refuses.
        OSError: The exporter lacks file descriptors.
    """
    return _connected(libvirt.openReadOnly, uri)


def connect_to_write(uri: str) -> Connection:
    """Open a connection that may change the host, for probes. Blocks and raises as `connect`."""
    return _connected(libvirt.open, uri)


def _connected(opened: Callable[[str], libvirt.virConnect], uri: str) -> Connection:
    _check_descriptors()
    connection = Connection(opened(without_start(uri)))
    try:
        connection.virt.setKeepAlive(KEEPALIVE_S, KEEPALIVES)
    except libvirt.libvirtError as error:
        # A driver inside this process has no daemon; a lost connection fails at its first call.
        log.debug("no keepalive uri=%s error=%r", uri, str(error))
    return connection


def _check_descriptors() -> None:
    """Raise OSError if few descriptors are free: libvirt's GLib aborts a process that lacks one."""
    taken: list[int] = []
    try:
        while len(taken) < SPARE_DESCRIPTORS:
            taken += os.pipe()
    finally:
        for one in taken:
            os.close(one)


def start_event_loop() -> None:
    """Run libvirt's own event loop in a daemon thread, once per process, before the first connection.

    It serves keepalive and events; callbacks run in that thread. It also stops libvirt from printing each
    error, and from starting a daemon for an ordinary user if a `/session` URI finds none.
    """
    global _event_loop_runs  # noqa: PLW0603 - libvirt has one event loop per process
    with _event_loop:
        if _event_loop_runs:
            return
        os.environ["LIBVIRT_AUTOSTART"] = "0"
        libvirt.registerErrorHandler(lambda _context, _error: None, None)
        libvirt.virEventRegisterDefaultImpl()
        turn = libvirt.virEventRunDefaultImpl
        threading.Thread(target=_run_events, args=(turn,), name="libvirt events", daemon=True).start()
        _event_loop_runs = True


def _run_events(turn: Callable[[], object]) -> None:
    level = logging.WARNING
    while True:
        try:
            turn()
            level = logging.WARNING
        except libvirt.libvirtError as error:
            log.log(level, "libvirt's event loop failed error=%r", str(error))
            level = logging.DEBUG  # one line until it works again
            sleep(1)
