"""The amounts of Placement's resource classes that hosts have and VMs claim."""

from typing import Final

from stratoscope.demo.openstack.http_request import Json
from stratoscope.demo.world.models import CPU_RATIO, RESERVED_MIB, Host, Resources

CLASSES: Final = ("VCPU", "MEMORY_MB", "DISK_GB", "PCPU")
DISABLED: Final = "COMPUTE_STATUS_DISABLED"
"""Nova's trait of a host that an administrator has disabled."""


def by_class(amounts: Resources) -> dict[str, int]:
    """The amounts that are not 0."""
    numbers = (amounts.vcpus, amounts.memory_mib, amounts.disk_gib, amounts.pcpus)
    return {name: number for name, number in zip(CLASSES, numbers, strict=True) if number}


def inventories(host: Host) -> dict[str, Json]:
    """What a host has, by class."""
    ratios, reserved = {"VCPU": CPU_RATIO}, {"MEMORY_MB": RESERVED_MIB}
    return {
        name: {
            "total": total,
            "reserved": reserved.get(name, 0),
            "min_unit": 1,
            "max_unit": total,
            "step_size": 1,
            "allocation_ratio": float(ratios.get(name, 1)),
        }
        for name, total in by_class(host.has).items()
    }


def capacities(host: Host) -> dict[str, int]:
    """How much VMs may claim, by class."""
    has = host.has
    return by_class(has._replace(vcpus=has.vcpus * CPU_RATIO, memory_mib=has.memory_mib - RESERVED_MIB))


def uses(host: Host) -> dict[str, int]:
    """How much is claimed, of the classes that a host has."""
    return {name: by_class(host.used).get(name, 0) for name in by_class(host.has)}


def has_room(host: Host, amounts: dict[str, int]) -> bool:
    """Whether a host has room for the amounts; no VM may have more than the host physically has."""
    has, capacity, used = by_class(host.has), capacities(host), uses(host)
    return all(
        number <= has.get(name, 0) and used[name] + number <= capacity[name]
        for name, number in amounts.items()
    )


def traits(host: Host) -> frozenset[str]:
    return host.traits if host.daemon.is_enabled else host.traits | {DISABLED}
