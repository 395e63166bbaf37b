"""Overcommit: the allocation to VMs, and the physical capacity that it is compared with."""

from collections.abc import Mapping
from typing import Final

from stratoscope.clouds.model import Resource
from stratoscope.clouds.sums import whole_sum

PROMISED: Final[Mapping[str, tuple[str, ...]]] = {
    "vcpus": ("vcpus", "pcpus"),
    "memory": ("memory",),
    "disk": ("disk",),
}
"""The resources of a host that count, by what is allocated. A physical CPU is shared or pinned."""


def promised(of_host: Mapping[str, Resource], what: str) -> tuple[float, float] | None:
    """Allocation and capacity of a host; None if one of both is unknown.

    Args:
        what: A key of PROMISED. For a host without such a resource the result is (0, 0).
    """
    found = [of_host[name] for name in PROMISED[what] if name in of_host]
    allocated, total = whole_sum(one.allocated for one in found), whole_sum(one.total for one in found)
    return None if allocated is None or total is None else (float(allocated), float(total))
