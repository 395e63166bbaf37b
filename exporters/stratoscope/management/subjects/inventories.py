"""Inventories and allocations of hosts, which are read host by host; over-provisioning ratios."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from stratoscope.clouds import model
from stratoscope.clouds.overcommit import PROMISED, promised
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.management.subject import Subject
from stratoscope.management.subjects import spread

_PREFIX: Final = "stratoscope_management"
_HOST: Final = ("cloud", "host")
_CLASS: Final = (*_HOST, "resource")


def _families(
    name: str, what: str, unit: str, source: str, labels: Sequence[str] = _HOST
) -> Sequence[Family]:
    """Reserved, ratio, allocatable, allocated of a resource. Args: unit: With its underscore, or ""."""
    metric = f"{_PREFIX}_host_{name}"
    return (
        Family(
            f"{metric}_reserved{unit}",
            f"{what} reserved for the host itself (reserved of {source}).",
            labels=labels,
        ),
        Family(
            f"{metric}_allocation_ratio",
            f"How many times the unreserved amount can be allocated to VMs (allocation_ratio of {source}).",
            labels=labels,
        ),
        Family(
            f"{metric}_allocatable{unit}",
            f"{what} that can be allocated to VMs: (total - reserved) * allocation_ratio.",
            labels=labels,
        ),
        Family(f"{metric}_allocated{unit}", f"{what} allocated to VMs (usages of {source}).", labels=labels),
    )


OF: Final[Mapping[str, Sequence[Family]]] = {
    "vcpus": _families("vcpus", "Shared CPUs", "", "VCPU"),
    "pcpus": _families("pcpus", "CPUs for pinning", "", "PCPU"),
    "memory": _families("memory", "Memory", "_bytes", "MEMORY_MB"),
    "disk": _families("disk", "Disk space", "_bytes", "DISK_GB"),
}
"""The families of reserved, ratio, allocatable, allocated, by resource."""
PCPUS = Family(
    f"{_PREFIX}_host_pcpus",
    "CPUs of the host to which virtual CPUs can be pinned (PCPU); absent if it has none.",
    labels=_HOST,
)
RESOURCE = Family(
    f"{_PREFIX}_host_resource",
    "Total of the resource class that the host has, for classes without a metric of their own, as the "
    "source spells them.",
    labels=_CLASS,
)
OF_CLASS: Final = _families("resource", "Units of the resource class", "", "the class", _CLASS)
"""As OF, of a resource class that has no families of its own."""


def _ratios(of: str, label: str, whose: str) -> Mapping[str, Family]:
    """Over-provisioning by resource."""
    names = {"vcpus": "Virtual CPUs, shared and pinned,", "memory": "Memory", "disk": "Disk space"}
    return {
        what: Family(
            f"{_PREFIX}_{of}_{what}_overprovisioning_ratio",
            f"{names[what]} allocated to {whose}; absent if unknown.",
            labels=("cloud", label),
        )
        for what in PROMISED
    }


BY_HOST: Final = _ratios("host", "host", "VMs, divided by what the host physically has")
BY_ZONE: Final = _ratios(
    "zone", "zone", "VMs on the zone's hosts that take VMs, divided by what these physically have"
)
BY_PROJECT: Final = _ratios(
    "project",
    "project_id",
    "the project's VMs, divided by their part of what their hosts physically have, in proportion to the "
    "allocations on each host",
)


class Inventories(Subject[model.Inventories]):
    families = (
        *(family for families in OF.values() for family in families), PCPUS, RESOURCE, *OF_CLASS,
        *BY_HOST.values(), *BY_ZONE.values(), *BY_PROJECT.values(), *spread.FAMILIES,
    )  # fmt: skip

    def samples(self, answer: model.Inventories, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        zones: dict[str, list[Mapping[str, model.Resource]]] = {}
        for host, resources in answer.resources.items():
            labels = cloud.plus(host=host)
            yield from _of_host(resources, labels)
            yield from _overprovisioned([resources], BY_HOST, labels)
            if host in answer.zones:
                zones.setdefault(answer.zones[host], []).append(resources)
        for zone, of_hosts in zones.items():
            yield from _overprovisioned(of_hosts, BY_ZONE, cloud.plus(zone=zone))
        for project_id, shares in answer.by_project.items():
            for what, (amount, physical) in shares.items():
                if physical:
                    yield BY_PROJECT[what](amount / physical, cloud.plus(project_id=project_id))
        if answer.spread is not None:
            yield from spread.spread_samples(answer.spread, cloud)


def _of_host(resources: Mapping[str, model.Resource], labels: Labels) -> Iterable[Sample]:
    for name, resource in resources.items():
        promises = (resource.reserved, resource.ratio, resource.allocatable, resource.allocated)
        if name in OF:
            yield from optional_samples(OF[name], promises, labels)
        else:
            of_class = labels.plus(resource=name)
            yield from optional_samples((RESOURCE, *OF_CLASS), (resource.total, *promises), of_class)
    if "pcpus" in resources:
        yield from optional_samples((PCPUS,), (resources["pcpus"].total,), labels)


def _overprovisioned(
    hosts: Sequence[Mapping[str, model.Resource]], families: Mapping[str, Family], labels: Labels
) -> Iterable[Sample]:
    for what, family in families.items():
        found = [promised(of_host, what) for of_host in hosts]
        known = [one for one in found if one is not None]
        physical = sum(total for _, total in known)
        if physical and len(known) == len(found):
            yield family(sum(amount for amount, _ in known) / physical, labels)
