"""Lists all domains of one connection; each function blocks.

Source: virConnectGetAllDomainStats with NOWAIT; a driver with incomplete bulk statistics is read per domain.
"""

import time
from typing import Final

import libvirt
import msgspec

from stratoscope.clouds.libvirt import per_domain
from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.devices import Devices
from stratoscope.clouds.libvirt.errors import NOT_SUPPORTED
from stratoscope.clouds.libvirt.stats import Stats, bits

_BULK_DRIVERS: Final = {"QEMU"}
"""Drivers whose bulk statistics are complete; the others are read per domain."""


class Listed(msgspec.Struct, frozen=True, gc=False):
    """A domain in the list without monitors; with all groups if the driver is read per domain."""

    uuid: str
    name: str
    domain_id: int
    stats: Stats


class Listing(msgspec.Struct, frozen=True, gc=False):
    """All domains.

    Attributes:
        complete: Whether their statistics have all groups already.
        failed: How many domains could not be read.
        began: When the list began, by the monotonic clock: later changes may be missing.
    """

    domains: list[Listed]
    complete: bool
    failed: int = 0
    began: float = 0.0


def listing(connection: Connection, groups: frozenset[str], devices: Devices, within_s: float) -> Listing:
    """All domains with the statistics that need no monitor, or with `groups` if the driver has no bulk
    statistics.

    Raises:
        libvirt.libvirtError: The daemon is gone, or not one domain can be read.
    """
    began = time.monotonic()
    if connection.virt.getType() not in _BULK_DRIVERS:
        read, failed = per_domain.read(connection, groups, devices, within_s)
        return Listing([Listed(*one) for one in read], complete=True, failed=failed, began=began)
    flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    domains, objects = [], {}
    for domain, stats in connection.virt.getAllDomainStats(bits(("state", "interface")), flags):
        uuid = domain.UUIDString()
        objects[uuid] = domain
        domains.append(Listed(uuid, domain.name(), domain.ID(), stats))
    connection.learn(objects)
    return Listing(domains, complete=False, began=began)


def cpu_total(connection: Connection) -> dict[str, Stats]:
    """Group CPU_TOTAL of all active domains by UUID; empty if the driver has no bulk statistics.

    Raises:
        libvirt.libvirtError: The daemon is gone.
    """
    flags = (
        libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT | libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
    )
    try:
        got = connection.virt.getAllDomainStats(bits(("cpu",)), flags)
    except libvirt.libvirtError as error:
        if error.get_error_code() in NOT_SUPPORTED:
            return {}
        raise
    return {domain.UUIDString(): stats for domain, stats in got}
