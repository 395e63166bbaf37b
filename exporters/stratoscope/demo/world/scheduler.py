"""The host for a VM: by what Placement knows, as Nova's scheduler chooses it."""

from typing import Final

from stratoscope.demo.world.models import Flavor, Host, Resources
from stratoscope.demo.world.world import World

_SAMPLE: Final = 6
"""So many random hosts are compared before all are."""


def choose_host(  # noqa: PLR0913 - what the scheduler is asked for
    world: World,
    claim: Resources,
    flavor: Flavor,
    zone: str,
    *,
    besides: Host | None = None,
    only: Host | None = None,
) -> Host | None:
    """The emptiest host of a random sample that has room, else of all; None where no host has room.

    Args:
        world: Whose hosts.
        claim: What the host must have room for.
        flavor: The host must have its traits.
        zone: "" for any.
        besides: This host is left out.
        only: No other host than this is considered; None for all.
    """
    hosts = world.hosts_for(zone, flavor)
    if only is not None:
        return only if only in hosts and only.fits(claim) and world.can_run(only) else None
    sample = [hosts[int(world.dice.random() * len(hosts))] for _ in range(min(_SAMPLE, len(hosts)))]
    for some in (sample, hosts):
        free = (host for host in some if host is not besides and not host.is_still)
        fitting = (host for host in free if host.fits(claim) and world.can_run(host))
        best = min(fitting, key=lambda host: host.used.memory_mib / host.has.memory_mib, default=None)
        if best is not None:
            return best
    return None
