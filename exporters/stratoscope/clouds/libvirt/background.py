"""Reads storage pools, networks, and jobs of domains; each function blocks.

Source: virConnectListAllStoragePools and virStoragePoolGetInfo (never virStoragePoolRefresh, which scans the
pool), virConnectListAllNetworks, virDomainGetJobStats. For a driver without pools, networks or jobs the
result is empty.
"""

import time
from collections.abc import Callable, Container, Iterable
from typing import Any, Final, TypeVar

import libvirt

from stratoscope.clouds.libvirt import vocabulary
from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.errors import GONE, NOT_SUPPORTED
from stratoscope.clouds.libvirt.model import Job, Network, Pool

T = TypeVar("T")
R = TypeVar("R")

POOL_STATES: Final = ("inactive", "building", "running", "degraded", "inaccessible")
"""virStoragePoolState, in its order."""


def storage_pools(connection: Connection) -> list[Pool]:
    """All storage pools. Raises libvirt.libvirtError."""
    return _each(connection, connection.virt.listAllStoragePools, _pool)


def networks(connection: Connection) -> list[Network]:
    """All virtual networks. Raises libvirt.libvirtError."""
    return _each(connection, connection.virt.listAllNetworks, _network)


def jobs(connection: Connection, silent: Container[str], within_s: float) -> list[Job]:
    """Jobs in progress of all active domains, as many as can be read in `within_s`.

    Args:
        connection: An open connection.
        silent: UUIDs of domains whose monitor does not answer: they are skipped, since the call would wait.
        within_s: Seconds; a domain that begins to hang may take longer.

    Raises:
        libvirt.libvirtError: Nothing can be read.
    """
    if "jobStats" in connection.lacks:
        return []
    until = time.monotonic() + within_s

    def of(domain: libvirt.virDomain) -> Job | None:
        if time.monotonic() > until or domain.UUIDString() in silent:
            return None
        return _job(connection, domain)

    active = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
    found = _each(connection, lambda: connection.virt.listAllDomains(active), of)
    return [job for job in found if job is not None]


def _each(connection: Connection, listed: Callable[[], Iterable[T]], read: Callable[[T], R]) -> list[R]:
    """The result of `read` for each object. One that fails is left out; if all fail, the error is raised."""
    try:
        objects = listed()
    except libvirt.libvirtError as error:
        if error.get_error_code() in NOT_SUPPORTED:
            return []
        raise
    found, failure = [], None
    for one in objects:
        try:
            found.append(read(one))
        except libvirt.libvirtError as error:
            if not connection.is_alive():
                raise
            if error.get_error_code() not in GONE | NOT_SUPPORTED:
                failure = error
    if failure is not None and not found:
        raise failure
    return found


def _pool(pool: libvirt.virStoragePool) -> Pool:
    number, capacity, allocation, available = pool.info()
    state = vocabulary.at(POOL_STATES, number)
    sizes = (capacity, allocation, available) if state != "inactive" else (None, None, None)
    return Pool(pool.name(), state, *sizes)


def _network(network: libvirt.virNetwork) -> Network:
    return Network(network.name(), _bridge(network), bool(network.isActive()), bool(network.autostart()))


def _bridge(network: libvirt.virNetwork) -> str:
    try:
        return network.bridgeName()
    except libvirt.libvirtError as error:
        if error.get_error_code() in NOT_SUPPORTED | {libvirt.VIR_ERR_INTERNAL_ERROR}:
            return ""  # a network without a bridge of its own: macvtap, hostdev, Open vSwitch
        raise


def _job(connection: Connection, domain: libvirt.virDomain) -> Job | None:
    try:
        stats = domain.jobStats()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            connection.lacks.add("jobStats")
        raise
    if stats.get("type", libvirt.VIR_DOMAIN_JOB_NONE) == libvirt.VIR_DOMAIN_JOB_NONE:
        return None
    return Job(
        uuid=domain.UUIDString(),
        operation=vocabulary.word("VIR_DOMAIN_JOB_OPERATION_", stats.get("operation", 0)),
        elapsed_s=_seconds(stats, "time_elapsed"),
        remaining_s=_seconds(stats, "time_remaining"),
        downtime_s=_seconds(stats, "downtime"),
        data_total=_data(stats, "total"),
        data_processed=_data(stats, "processed"),
        data_remaining=_data(stats, "remaining"),
    )


def _data(stats: dict[str, Any], what: str) -> int | None:
    """Bytes of memory and disks together; a backup, which copies only disks, reports them under that name."""
    found: int | None = stats.get(f"data_{what}", stats.get(f"disk_{what}"))
    return found


def _seconds(stats: dict[str, Any], name: str) -> float | None:
    time_ms = stats.get(name)
    return None if time_ms is None else time_ms / 1000
