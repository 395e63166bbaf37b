"""Which host takes a VM: by what Placement knows, as Nova's scheduler does it."""

from collections.abc import Iterable
from typing import Final

from stratoscope.demo.openstack.things import Flavor, Host, Resources
from stratoscope.demo.openstack.world import World

_TRIED_FIRST: Final = 6
"""Hosts that are picked by chance and compared, before all are looked at."""


def choose_host(
    world: World, wanted: Resources, flavor: Flavor, zone: str, besides: Host | None = None
) -> Host | None:
    """The emptiest of some hosts that have room; None where no host has.

    Args:
        world: Whose hosts.
        wanted: What is needed.
        flavor: Its traits are.
        zone: "" for any.
        besides: Not this one.
    """
    hosts = world.hosts_for(zone, flavor)
    first = [hosts[int(world.dice.random() * len(hosts))] for _ in range(min(_TRIED_FIRST, len(hosts)))]
    for some in (first, hosts):
        fitting = (host for host in some if host is not besides and _takes(world, host, wanted))
        best = _emptiest(fitting)
        if best is not None:
            return best
    return None


def _takes(world: World, host: Host, wanted: Resources) -> bool:
    return host.fits(wanted) and world.can_run(host)


def _emptiest(hosts: Iterable[Host]) -> Host | None:
    return min(hosts, key=lambda host: host.used.memory_mib / host.has.memory_mib, default=None)
