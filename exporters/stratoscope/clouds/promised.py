"""Over-provisioning: what was promised to VMs over what is physically there."""

from collections.abc import Mapping
from typing import Final

from stratoscope.clouds.model import Resource

PROMISED: Final[Mapping[str, tuple[str, ...]]] = {
    "vcpus": ("vcpus", "pcpus"),
    "memory": ("memory",),
    "disk": ("disk",),
}
"""What is promised, and of which resources of a host: a physical CPU is one, whether shared or pinned."""


def promised(of_host: Mapping[str, Resource], what: str) -> tuple[float, float]:
    """What a host promised, and what it has; (0, 0) while that is unknown. Args: what: A key of PROMISED."""
    found = [of_host[name] for name in PROMISED[what] if name in of_host]
    if any(resource.allocated is None or resource.total is None for resource in found):
        return 0.0, 0.0
    return float(sum(one.allocated or 0 for one in found)), float(sum(one.total or 0 for one in found))
