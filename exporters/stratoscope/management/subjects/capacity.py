"""Room: how many more VMs of each flavor fit, and the largest flavor that fits."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import flavors
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject

_PREFIX: Final = "stratoscope_management"
_LABELS: Final = ("cloud", "flavor", "zone")
ROOM = Family(
    f"{_PREFIX}_flavor_room_vms",
    "How many more VMs of the flavor fit into the zone now if only VMs of this flavor are created; quotas "
    "are not considered; 0 if none fits.",
    labels=_LABELS,
)
UPPER_BOUND = Family(
    f"{_PREFIX}_flavor_room_upper_bound",
    "1 if the flavor's room is only an upper bound, else 0: no API reports the free huge pages, NUMA nodes "
    "or pinned CPUs that it needs, or some data of hosts or aggregates have not been read.",
    labels=_LABELS,
)
LARGEST = Family(
    f"{_PREFIX}_zone_largest_flavor_info",
    "The largest flavor of which another VM fits into the zone, by memory, then virtual CPUs; exact room is "
    "preferred to an upper bound, then public flavors to others; absent if none fits; always 1.",
    labels=("cloud", "zone", "flavor", "upper_bound"),
)


class Capacity(Subject[flavors.Capacity]):
    families = (ROOM, UPPER_BOUND, LARGEST)

    def samples(self, answer: flavors.Capacity, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        for room in answer.room:
            labels = cloud.plus(flavor=room.flavor, zone=room.zone)
            yield ROOM(room.vms, labels)
            yield UPPER_BOUND(int(room.is_upper_bound), labels)
        for zone, room in answer.largest.items():
            upper_bound = "true" if room.is_upper_bound else "false"
            yield LARGEST(1, cloud.plus(zone=zone, flavor=room.flavor, upper_bound=upper_bound))
