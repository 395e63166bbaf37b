"""Which hosts are shown: those that the cloud can do without for new VMs, the fullest and that of one VM."""

from typing import Final

from stratoscope.demo.world.models import Host
from stratoscope.demo.world.world import World

LEAST_HOSTS: Final = 12
"""With fewer hosts there is too little room for the VMs that come and go on the others."""
_OTHERS: Final = 2


def choose(world: World) -> list[Host]:
    """Two hosts, of two zones where that is possible.

    The first has the most virtual CPUs per CPU. The second has the VM that dashboards show when they open,
    the first by the names of project and VM; if it cannot, the next most virtual CPUs per CPU.
    """
    able = [host for host in world.hosts.values() if world.can_run(host) and not host.has.pcpus]
    zones = [host.zone for host in world.hosts.values() if world.can_run(host)]
    spare = [host for host in able if zones.count(host.zone) > _OTHERS]
    by_load = sorted(spare, key=lambda host: (-host.used.vcpus / host.has.vcpus, host.number))
    first = by_load[0]
    others = [host for host in by_load if host.zone != first.zone] or by_load[1:]
    opened = min(world.vms, key=lambda vm: (vm.project.name, vm.name), default=None)
    of_opened = [host for host in others if opened is not None and host is opened.host]
    return [first, *(of_opened or others)[:1]]
