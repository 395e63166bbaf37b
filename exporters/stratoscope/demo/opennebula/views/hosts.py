"""Hosts and clusters."""

from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.directory import FILES_DS, SYSTEM_DS, Directory
from stratoscope.demo.opennebula.elements import document, ids, stamped
from stratoscope.demo.opennebula.views.monitoring import of_host
from stratoscope.demo.world.models import CPU_RATIO, RESERVED_MIB, Host
from stratoscope.demo.world.world import World

_PERCENT = 100


def percent(host: Host) -> tuple[int, int]:
    """Used and allocatable CPU, in hundredths of a core."""
    used = host.used.vcpus * _PERCENT // CPU_RATIO + host.used.pcpus * _PERCENT
    return used, (host.has.vcpus + host.has.pcpus) * _PERCENT


class HostViews:
    """Hosts and clusters of one world."""

    def __init__(self, world: World, directory: Directory) -> None:
        self._world, self._directory = world, directory

    def host(self, host: Host, *, is_monitored: bool) -> str:
        """As `host.info` has it; `hostpool.info` leaves the monitoring out."""
        now = self._world.now
        state = states.of_host(host, now)
        template: dict[str, object] = {
            "ARCH": "x86_64", "HOSTNAME": host.name, "HYPERVISOR": "kvm", "IM_MAD": "kvm",
            "MODELNAME": "Demo(R) Core @ 2.4GHz", "RESERVED_CPU": None, "RESERVED_MEM": RESERVED_MIB << 10,
            "TOTALCPU": percent(host)[1], "TOTALMEMORY": host.has.memory_mib << 10, "VERSION": "7.4.0",
            "VM_MAD": "kvm",
        }  # fmt: skip
        if state == states.ERROR:
            since = host.daemon.heartbeat(now)
            template = {
                "ERROR": stamped(since, f"Error monitoring Host {host.name} ({host.number - 1})"),
                **template,
            }
        return document(
            "HOST",
            {
                "ID": host.number - 1, "NAME": host.name, "STATE": state, "PREV_STATE": state,
                "IM_MAD": "kvm", "VM_MAD": "kvm", "CLUSTER_ID": self._directory.cluster_number[host.zone],
                "CLUSTER": host.zone, "HOST_SHARE": self._share(host), "VMS": ids(sorted(host.vms)),
                "TEMPLATE": template, "MONITORING": of_host(self._world, host) if is_monitored else None,
            },
        )  # fmt: skip

    def cluster(self, number: int) -> str:
        name = self._directory.clusters[number]
        stores = [self._directory.datastore(pool)[0] for pool in self._world.pools]
        inside = ids(one.number - 1 for one in self._world.hosts.values() if one.zone == name)
        return document(
            "CLUSTER",
            {
                "ID": number, "NAME": name, "HOSTS": inside,
                "DATASTORES": ids([SYSTEM_DS, FILES_DS, *stores] if number == 0 else [SYSTEM_DS, *stores]),
                "VNETS": ids([] if number == 0 else self._directory.networks),
                "TEMPLATE": {"RESERVED_CPU": None, "RESERVED_MEM": None},
            },
        )  # fmt: skip

    def _share(self, host: Host) -> dict[str, object]:
        used, most = percent(host)
        memory, disk = host.has.memory_mib << 10, host.has.disk_gib << 10
        taken = host.used.disk_gib << 10
        return {
            "MEM_USAGE": host.used.memory_mib << 10, "CPU_USAGE": used, "TOTAL_MEM": memory,
            "TOTAL_CPU": most, "MAX_MEM": memory - (RESERVED_MIB << 10), "MAX_CPU": most,
            "RUNNING_VMS": len(host.vms), "VMS_THREAD": 1,
            "DATASTORES": {
                "DISK_USAGE": taken, "FREE_DISK": max(0, disk - taken // 2), "MAX_DISK": disk,
                "USED_DISK": taken // 2,
            },
            "PCI_DEVICES": None, "NUMA_NODES": None,
        }  # fmt: skip
