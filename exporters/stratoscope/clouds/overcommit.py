"""Overcommit: the allocation to VMs, and the physical capacity that it is compared with."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Final

from stratoscope.clouds.model import Resource
from stratoscope.clouds.sums import whole_sum
from stratoscope.clouds.vm_index import VMIndex

PROMISED: Final[Mapping[str, tuple[str, ...]]] = {
    "vcpus": ("vcpus", "pcpus"),
    "memory": ("memory",),
    "disk": ("disk",),
}
"""The resources of a host that count, by what is allocated. A physical CPU is shared or pinned."""
_AT_ONCE: Final = 5_000


def promised(of_host: Mapping[str, Resource], what: str) -> tuple[float, float] | None:
    """Allocation and capacity of a host; None if one of both is unknown.

    Args:
        what: A key of PROMISED. For a host without such a resource the result is (0, 0).
    """
    found = [of_host[name] for name in PROMISED[what] if name in of_host]
    allocated, total = whole_sum(one.allocated for one in found), whole_sum(one.total for one in found)
    return None if allocated is None or total is None else (float(allocated), float(total))


async def by_project(
    index: VMIndex, by_host: Mapping[str, Mapping[str, Resource]]
) -> Mapping[str, Mapping[str, tuple[float, float]]]:
    """See Inventories.by_project. A host's VMs share it in proportion to their allocations.

    In steps, so that the event loop runs: 100,000 VMs have nearly as many pairs of a project and a host.
    """
    ratios = {host: [_ratio(of_host, what) for what in PROMISED] for host, of_host in by_host.items()}
    totals: dict[str, list[float]] = {}
    placed = index.placed()
    for start in range(0, len(placed), _AT_ONCE):
        for (project_id, host), (_, vcpus, memory, disk, _) in placed[start : start + _AT_ONCE]:
            if host in ratios:
                total = totals.setdefault(project_id, [0.0] * 6)
                _share_out((vcpus, memory, disk), ratios[host], total)
        await asyncio.sleep(0)
    return {
        project_id: {
            what: (total[place], total[place + 3])
            for place, what in enumerate(PROMISED)
            if not math.isnan(total[place + 3])
        }
        for project_id, total in totals.items()
    }


def _ratio(of_host: Mapping[str, Resource], what: str) -> float:
    """How many times the host has allocated it; 0 for a resource that it lacks, NaN if unknown."""
    known = promised(of_host, what)
    if known is None:
        return math.nan
    allocated, physical = known
    return allocated / physical if physical else 0.0


def _share_out(sizes: Sequence[float], ratios: Sequence[float], total: list[float]) -> None:
    """Add the allocation to some VMs of a host, and the physical share behind it; NaN is unknown."""
    for place, (size, ratio) in enumerate(zip(sizes, ratios, strict=True)):
        if size and ratio:
            total[place] += size
            total[place + 3] += size / ratio
