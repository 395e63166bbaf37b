"""The availability zones, and how many hosts each has."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Zone:
    """Attributes:
    hosts: How many it has.
    fill: The share of memory that the first VMs take: the last zone is nearly full.
    """

    name: str
    hosts: int
    fill: float


def zones(hosts: int) -> list[Zone]:
    """North and south, and a small edge if there are enough hosts."""
    if hosts == 1:
        return [Zone("north", 1, 0.6)]
    north, edge = (hosts + 1) // 2, hosts // 6
    parts = [Zone("north", north, 0.62), Zone("south", hosts - north - edge, 0.7)]
    return [*parts, Zone("edge", edge, 0.93)] if edge else parts
