"""What hosts have and VMs take, by Placement's resource classes."""

from typing import Final

from stratoscope.demo.openstack.asking import Json
from stratoscope.demo.openstack.things import CPU_RATIO, RESERVED_MIB, Host, Resources

CLASSES: Final = ("VCPU", "MEMORY_MB", "DISK_GB", "PCPU")
DISABLED: Final = "COMPUTE_STATUS_DISABLED"
"""The trait that Nova gives to a host which an administrator has taken out."""


def inventories(host: Host) -> dict[str, Json]:
    """What a host has, by class."""
    has = host.has
    shown = {
        "VCPU": _inventory(has.vcpus, 0, float(CPU_RATIO)),
        "MEMORY_MB": _inventory(has.memory_mib, RESERVED_MIB, 1.0),
        "DISK_GB": _inventory(has.disk_gib, 0, 1.0),
    }
    if has.pcpus:
        shown["PCPU"] = _inventory(has.pcpus, 0, 1.0)
    return shown


def capacities(host: Host) -> dict[str, int]:
    """How much may be promised, by class."""
    has = host.has
    by_class = {
        "VCPU": has.vcpus * CPU_RATIO,
        "MEMORY_MB": has.memory_mib - RESERVED_MIB,
        "DISK_GB": has.disk_gib,
        "PCPU": has.pcpus,
    }
    return {name: number for name, number in by_class.items() if name != "PCPU" or number}


def most(host: Host) -> dict[str, int]:
    """How much one VM may have: no more than there is."""
    has = host.has
    return {"VCPU": has.vcpus, "MEMORY_MB": has.memory_mib, "DISK_GB": has.disk_gib, "PCPU": has.pcpus}


def uses(host: Host) -> dict[str, int]:
    """How much is promised, of the classes that a host has."""
    return {name: amounts_of(host.used).get(name, 0) for name in capacities(host)}


def amounts(claim: Resources) -> dict[str, int]:
    """A claim, without the classes of which it takes nothing."""
    return {name: number for name, number in amounts_of(claim).items() if number}


def amounts_of(claim: Resources) -> dict[str, int]:
    by_class = {
        "DISK_GB": claim.disk_gib,
        "MEMORY_MB": claim.memory_mib,
        "VCPU": claim.vcpus,
        "PCPU": claim.pcpus,
    }
    return {name: number for name, number in by_class.items() if number or name != "PCPU"}


def traits(host: Host) -> frozenset[str]:
    return host.traits if host.daemon.is_enabled else host.traits | {DISABLED}


def _inventory(total: int, reserved: int, ratio: float) -> Json:
    return {
        "total": total,
        "reserved": reserved,
        "min_unit": 1,
        "max_unit": total,
        "step_size": 1,
        "allocation_ratio": ratio,
    }
