"""The calls of a probe to libvirt; each blocks, and runs in a thread.

Source: virDomainCreateXML, virDomainLookupByUUID, virDomainGetState, virDomainGetMetadata, virDomainDestroy,
virConnectListAllDomains, virNodeGetMemoryStats, virConnectListAllNetworks, virDomainInterfaceAddresses.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from uuid import UUID

import libvirt

from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.errors import GONE, NOT_SUPPORTED
from stratoscope.clouds.libvirt.lifecycle.capabilities import Guests, guests
from stratoscope.clouds.libvirt.lifecycle.description import Description
from stratoscope.clouds.libvirt.lifecycle.domain import DOMAIN, NAMESPACE, definition, mark
from stratoscope.clouds.lifecycle import NAME_PREFIX, Mark, Object, RunReason, StepError
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason

CAN_PAUSE: Final = frozenset({"QEMU", "Xen"})
"""Drivers that create a domain that does not run yet, as virConnectGetType spells them."""
_KIB: Final = 1024
_USABLE: Final = ("free", "buffers", "cached")
_FROM_OUTSIDE: Final = (
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
)
"""Who knows a domain's addresses: the DHCP server of a network of libvirt's, and the host's ARP table."""
_DOES_NOT_KNOW: Final = GONE | NOT_SUPPORTED | {libvirt.VIR_ERR_INTERNAL_ERROR}
"""libvirt 9.0 cannot read the ARP table of Linux 6.18: "internal error: wrong nlmsg len"."""


class Creation:
    """The creation of a run's domain.

    Attributes:
        uuid: Of the domain: it is known before the domain exists.
        is_sent: The request may have reached the daemon.
        is_paused: The domain does not run before somebody resumes it.
    """

    def __init__(self, described: Description, mark: Mark, uuid: UUID) -> None:
        self.uuid = str(uuid)
        self.is_sent = self.is_paused = False
        self._described, self._mark, self._uuid = described, mark, uuid

    def send(self, connection: Connection) -> libvirt.libvirtError | None:
        """Create the domain. Returns the daemon's error if it is certain that there is no domain.

        Raises:
            libvirt.libvirtError: Anything else; if `is_sent`, there may be a domain.
            CollectError: Nobody waits any more, and nothing was sent.
            StepError: The host runs no such domains.
        """
        text = definition(self._described, guests_of(connection), self._mark, self._uuid)
        if DEADLINE.get(math.inf) <= time.monotonic():
            raise CollectError(Reason.TIMEOUT, "the connection was opened too late")
        self.is_paused = self._described.reads_console and connection.virt.getType() in CAN_PAUSE
        self.is_sent = True
        try:
            connection.virt.createXML(text, libvirt.VIR_DOMAIN_START_PAUSED if self.is_paused else 0)
        except libvirt.libvirtError as error:
            if _find(connection, self.uuid) is None:
                return error
            raise
        return None


def version(connection: Connection) -> int:
    """libvirt's version: the daemon answers."""
    return connection.virt.getLibVersion()


def guests_of(connection: Connection) -> Guests:
    """What the host can run. Raises StepError if it has no full virtualisation."""
    found = guests(connection.virt.getCapabilities())
    if found is None:
        raise StepError(RunReason.PROBE_MISCONFIGURED, "uri: the host has no domains of type hvm")
    return found


def usable_memory(connection: Connection) -> int | None:
    """Bytes of memory that the host has for a further VM; None if its driver does not tell."""
    try:
        stats = connection.virt.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
    except libvirt.libvirtError as error:
        if error.get_error_code() in NOT_SUPPORTED:
            return None
        raise
    return sum(stats.get(key, 0) for key in _USABLE) * _KIB


def networks(connection: Connection) -> Mapping[str, bool]:
    """Whether each network is active, by name."""
    return {one.name(): bool(one.isActive()) for one in connection.virt.listAllNetworks()}


@dataclass(frozen=True, slots=True)
class Look:
    """The state of a domain, and the reason of it, in libvirt's numbers."""

    state: int
    reason: int


def look(connection: Connection, uuid: str) -> Look | None:
    """The domain now; None if there is none."""
    domain = _find(connection, uuid)
    if domain is None:
        return None
    try:
        state, reason = domain.state()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise
    return Look(state, reason)


def addresses(connection: Connection, uuid: str) -> Sequence[str]:
    """The domain's addresses as its host knows them; none for a domain that is gone."""
    domain = _find(connection, uuid)
    if domain is None:
        return ()
    for source in _FROM_OUTSIDE:
        try:
            interfaces = domain.interfaceAddresses(source)
        except libvirt.libvirtError as error:
            if error.get_error_code() not in _DOES_NOT_KNOW or not connection.is_alive():
                raise
            continue
        texts = [one["addr"] for interface in interfaces.values() for one in interface["addrs"] or ()]
        if usable := [text for text in texts if not ip_address(text).is_link_local]:
            return usable
    return ()


def destroy(connection: Connection, uuid: str) -> None:
    """End a domain at once; one that is gone is no error."""
    domain = _find(connection, uuid)
    try:
        if domain is not None:
            domain.destroy()
    except libvirt.libvirtError as error:
        if error.get_error_code() not in GONE:
            raise


def found(connection: Connection, uuid: str) -> Object | None:
    """The domain with its mark; None if there is none."""
    domain = _find(connection, uuid)
    return None if domain is None else _object(domain)


def marked(connection: Connection) -> Sequence[Object]:
    """All domains that have a probe's name, with their marks."""
    domains = [one for one in connection.virt.listAllDomains() if one.name().startswith(NAME_PREFIX)]
    objects = (_object(one) for one in domains)
    return [one for one in objects if one is not None]


def _find(connection: Connection, uuid: str) -> libvirt.virDomain | None:
    try:
        return connection.virt.lookupByUUIDString(uuid)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def _object(domain: libvirt.virDomain) -> Object | None:
    """None for a domain that is gone meanwhile."""
    try:
        element = domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN_METADATA:
            raise
        element = ""
    return Object(DOMAIN, domain.UUIDString(), domain.name(), mark(element))
