"""The libvirt daemon: whether and how quickly it answers, and which hypervisor it drives.

Source: virConnectGetLibVersion (timed), GetType; GetVersion, once an hour; for another machine also
NodeGetInfo and its statistics.
"""

from collections.abc import Iterable

from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.clouds.libvirt.model import Daemon as DaemonAnswer
from stratoscope.clouds.libvirt.model import Node
from stratoscope.clouds.libvirt.monitors import MOST_HUNG
from stratoscope.core.collector import Offer, OnScrape
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.collectors import URI_LABELS
from stratoscope.hypervisor.collectors import host as local
from stratoscope.hypervisor.collectors.of_host import OfHost

REACHABLE = Family(
    "stratoscope_hypervisor_libvirt_reachable",
    "1 if the libvirt daemon answers, else 0.",
    labels=URI_LABELS,
)
ROUND_TRIP = Family(
    "stratoscope_hypervisor_libvirt_round_trip_seconds",
    "Duration of virConnectGetLibVersion, the cheapest call to the libvirt daemon, in seconds; absent if it "
    "does not answer.",
    labels=URI_LABELS,
)
INFO = Family(
    "stratoscope_hypervisor_host_info",
    "The hypervisor that libvirt drives, its version and libvirt's; always 1; absent while the daemon does "
    "not answer.",
    labels=(*URI_LABELS, "hypervisor", "hypervisor_version", "libvirt_version"),
)
HUNG = Family(
    "stratoscope_hypervisor_libvirt_hung_calls",
    f"Calls to VMs' monitors that timed out and have not returned; at {MOST_HUNG} no further call to a "
    "monitor is made.",
    labels=URI_LABELS,
)
WAITING = Family(
    "stratoscope_hypervisor_libvirt_waiting_connections",
    "Connections of this exporter that the daemon has not opened yet because it hangs or has too many "
    "clients (max_clients); 0 if none waits.",
    labels=URI_LABELS,
)


class Daemon(OfHost[DaemonAnswer]):
    """One URI's daemon. A daemon that does not answer is no failure of this collector: it shows that."""

    offer = Offer("daemon", OnScrape(5))
    families = (REACHABLE, ROUND_TRIP, HUNG, WAITING, INFO)

    async def fetch(self) -> DaemonAnswer:
        return await self._host.daemon()

    def samples(self, data: DaemonAnswer, /) -> Iterable[Sample]:
        yield REACHABLE(data.reachable, self._labels)
        yield HUNG(data.hung_calls, self._labels)
        yield WAITING(data.waiting_connections, self._labels)
        if data.round_trip_s is not None:
            yield ROUND_TRIP(data.round_trip_s, self._labels)
        if data.reachable and data.hypervisor_version is not None:
            yield INFO(
                1,
                self._labels.plus(
                    hypervisor=data.hypervisor,
                    hypervisor_version=data.hypervisor_version,
                    libvirt_version=data.libvirt_version,
                ),
            )


class RemoteHost(OfHost[Node]):
    """The host of a URI of another machine, as libvirt reports it."""

    offer = Offer("node", OnScrape(5))
    families = (local.CPUS, local.CPU_SECONDS, local.MEMORY, local.MEMORY_FREE, local.NUMA_CELLS)

    def __init__(self, host: LibvirtHost) -> None:
        super().__init__(host)
        self._labels = Labels(cloud=host.cloud, host=host.host)

    async def fetch(self) -> Node:
        return await self._host.node()

    def samples(self, data: Node, /) -> Iterable[Sample]:
        yield local.CPUS(data.cpus, self._labels)
        yield local.NUMA_CELLS(data.numa_cells, self._labels)
        yield local.MEMORY(data.memory_bytes, self._labels)
        if data.memory_free_bytes is not None:
            yield local.MEMORY_FREE(data.memory_free_bytes, self._labels)
        for mode, seconds in data.cpu_s.items():
            yield local.CPU_SECONDS(seconds, self._labels.plus(mode=mode))
