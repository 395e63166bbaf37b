"""Over-provisioning: what was promised to VMs over what is physically there."""

from collections.abc import Mapping
from typing import Final

from stratoscope.clouds.model import Resource
from stratoscope.clouds.sums import whole_sum

PROMISED: Final[Mapping[str, tuple[str, ...]]] = {
    "vcpus": ("vcpus", "pcpus"),
    "memory": ("memory",),
    "disk": ("disk",),
}
"""What is promised, and of which resources of a host: a physical CPU is one, whether shared or pinned."""


def promised(of_host: Mapping[str, Resource], what: str) -> tuple[float, float] | None:
    """What a host promised, and what it has; None where that is not known.

    Args:
        what: A key of PROMISED; (0, 0) of a host that has none of it.
    """
    found = [of_host[name] for name in PROMISED[what] if name in of_host]
    allocated, total = whole_sum(one.allocated for one in found), whole_sum(one.total for one in found)
    return None if allocated is None or total is None else (float(allocated), float(total))
