"""Which hosts are shown: those whose VMs share CPUs most, and which the cloud can do without for new VMs."""

from typing import Final

from stratoscope.demo.openstack.models import Host
from stratoscope.demo.openstack.world import World

LEAST_HOSTS: Final = 12
"""With fewer hosts there is too little room for the VMs that come and go on the others."""
_OTHERS: Final = 2


def choose(world: World) -> list[Host]:
    """Two hosts, of two zones where that is possible; the one with the most virtual CPUs per CPU is first."""
    able = [host for host in world.hosts.values() if world.can_run(host) and not host.has.pcpus]
    zones = [host.zone for host in world.hosts.values() if world.can_run(host)]
    spare = [host for host in able if zones.count(host.zone) > _OTHERS]
    by_load = sorted(spare, key=lambda host: (-host.used.vcpus / host.has.vcpus, host.number))
    first = by_load[0]
    others = [host for host in by_load if host.zone != first.zone] or by_load[1:]
    return [first, others[0]]
