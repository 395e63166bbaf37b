"""Capacity as users feel it: how many more VMs of each flavor fit, and the largest that does."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject

_PREFIX: Final = "stratoscope_management"
_FLAVOR: Final = ("cloud", "flavor")
INFO = Family(
    f"{_PREFIX}_flavor_info",
    "The flavor's id, and whether all projects may use it; always 1.",
    labels=(*_FLAVOR, "flavor_id", "public"),
)
VCPUS = Family(f"{_PREFIX}_flavor_vcpus", "Virtual CPUs of a VM of the flavor.", labels=_FLAVOR)
MEMORY = Family(f"{_PREFIX}_flavor_memory_bytes", "Memory of a VM of the flavor.", labels=_FLAVOR)
DISK = Family(
    f"{_PREFIX}_flavor_disk_bytes",
    "Disk space on its host of a VM of the flavor: root, ephemeral and swap.",
    labels=_FLAVOR,
)
ROOM = Family(
    f"{_PREFIX}_flavor_room_vms",
    "How many more VMs of the flavor fit into the zone now, if no others are made; quotas aside.",
    labels=(*_FLAVOR, "zone"),
)
UPPER_BOUND = Family(
    f"{_PREFIX}_flavor_room_upper_bound",
    "1 where the room of the flavor is only an upper bound: no API tells what is left of some of its demands "
    "(huge pages, NUMA nodes, pinned CPUs), or a host's bounds have not been read yet.",
    labels=(*_FLAVOR, "zone"),
)
LARGEST = Family(
    f"{_PREFIX}_zone_largest_flavor_info",
    "The flavor with the most memory, then the most virtual CPUs, of which another VM fits; always 1.",
    labels=("cloud", "zone", "flavor"),
)


class Capacity(Subject[model.Capacity]):
    families = (INFO, VCPUS, MEMORY, DISK, ROOM, UPPER_BOUND, LARGEST)

    def samples(self, answer: model.Capacity, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        for flavor in answer.flavors:
            labels = cloud.plus(flavor=flavor.name)
            public = "true" if flavor.is_public else "false"
            yield INFO(1, labels.plus(flavor_id=flavor.flavor_id, public=public))
            yield VCPUS(flavor.vcpus, labels)
            yield MEMORY(flavor.memory, labels)
            yield DISK(flavor.disk, labels)
        for room in answer.room:
            labels = cloud.plus(flavor=room.flavor, zone=room.zone)
            yield ROOM(room.vms, labels)
            if room.is_upper_bound:
                yield UPPER_BOUND(1, labels)
        for zone, flavor_name in answer.largest.items():
            yield LARGEST(1, cloud.plus(zone=zone, flavor=flavor_name))
