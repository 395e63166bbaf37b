"""What is asked in the background: storage pools, networks, and jobs of domains; each function blocks.

Source: virConnectListAllStoragePools and virStoragePoolGetInfo (never virStoragePoolRefresh, which scans the pool),
virConnectListAllNetworks, virDomainGetJobStats.
"""

from typing import Any, Final

import libvirt

from stratoscope.clouds.libvirt import vocabulary
from stratoscope.clouds.libvirt.connections import Connection
from stratoscope.clouds.libvirt.errors import GONE, NOT_SUPPORTED
from stratoscope.clouds.libvirt.model import Job, Network, Pool

POOL_STATES: Final = ("inactive", "building", "running", "degraded", "inaccessible")
"""virStoragePoolState, in its order."""


def storage_pools(connection: Connection) -> list[Pool]:
    found = []
    for pool in connection.virt.listAllStoragePools():
        try:
            number, capacity, allocation, available = pool.info()
        except libvirt.libvirtError as error:
            if error.get_error_code() in GONE:
                continue
            raise
        state = POOL_STATES[number] if number < len(POOL_STATES) else f"unknown_{number}"
        sizes = (capacity, allocation, available) if state != "inactive" else (None, None, None)
        found.append(Pool(pool.name(), state, *sizes))
    return found


def networks(connection: Connection) -> list[Network]:
    found = []
    for network in connection.virt.listAllNetworks():
        try:
            found.append(
                Network(network.name(), _bridge(network), bool(network.isActive()), bool(network.autostart()))
            )
        except libvirt.libvirtError as error:
            if error.get_error_code() not in GONE:
                raise
    return found


def _bridge(network: libvirt.virNetwork) -> str:
    try:
        return str(network.bridgeName())
    except libvirt.libvirtError:
        return ""  # a network without a bridge of its own: macvtap, hostdev, Open vSwitch


def jobs(connection: Connection) -> list[Job]:
    """Jobs that run now on any active domain; a driver without jobs has none."""
    found = []
    for domain in connection.virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        try:
            stats = domain.jobStats()
        except libvirt.libvirtError as error:
            if error.get_error_code() in GONE | NOT_SUPPORTED:
                continue
            raise
        if stats.get("type", libvirt.VIR_DOMAIN_JOB_NONE) != libvirt.VIR_DOMAIN_JOB_NONE:
            found.append(_job(domain.UUIDString(), stats))
    return found


def _job(uuid: str, stats: dict[str, Any]) -> Job:
    def seconds(name: str) -> float | None:
        return None if stats.get(name) is None else stats[name] / 1000

    operation = vocabulary.word("VIR_DOMAIN_JOB_OPERATION_", stats.get("operation", 0))
    return Job(
        uuid,
        operation,
        seconds("time_elapsed"),
        seconds("time_remaining"),
        seconds("downtime"),
        stats.get("data_total"),
        stats.get("data_processed"),
        stats.get("data_remaining"),
    )
