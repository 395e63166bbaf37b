"""Allocations and VMs of which the scheduler's accounts and the cloud say different things."""

from collections.abc import Iterable, Mapping
from typing import Final

from stratoscope.clouds import disagreements
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject
from stratoscope.management.subjects import spread

_PREFIX: Final = "stratoscope_management_allocation_disagreement"
NUMBER = Family(
    f"{_PREFIX}s",
    "Allocations (of Placement) and VMs that do not fit each other, for a minute at least, by reason: "
    "allocation_without_vm (the cloud does not know the VM), vm_without_allocation (nothing is allocated on "
    "its host), other_host (the VM is on another host, or on none), ended_migration; 0 for a reason without "
    "any; without hosts that have not been read yet, and those of allocation_unjudged_hosts; absent if these "
    "are all.",
    labels=("cloud", "reason"),
)
INFO = Family(
    f"{_PREFIX}_info",
    "A disagreement of allocations and VMs: its reason, the consumer of the allocation (a VM or migration), "
    "the VM (empty if the cloud does not know it), and the host of the allocation, or of the VM without one; "
    "those that have lasted longest, up to show.disagreements; always 1.",
    labels=("cloud", "reason", "consumer_id", "vm_id", "host"),
)
OF_OTHERS = Family(
    "stratoscope_management_allocation_other_consumers",
    "Consumers of allocations on hosts that are no VMs and no migrations, but of other services, by the type "
    "that their service gave them (Placement: consumer_type); the ten types with most of them, all others as "
    "`other`; absent without any.",
    labels=("cloud", "consumer_type"),
)
UNJUDGED = Family(
    "stratoscope_management_allocation_unjudged_hosts",
    "Hosts that are in no comparison of allocations and VMs, since no resource provider of Placement has "
    "their id (that of Nova's hypervisor); 0 if each has one.",
    labels=("cloud",),
)
_MOST_TYPES: Final = 10
_OTHER: Final = "other"
"""No type of Placement's: these are in capitals."""


class Allocations(Subject[disagreements.Allocations]):
    families = (NUMBER, INFO, OF_OTHERS, UNJUDGED, *spread.FAMILIES)

    def samples(self, answer: disagreements.Allocations, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        if answer.disagreements is not None:
            for reason, number in answer.counts.items():
                yield NUMBER(number, cloud.plus(reason=reason))
            for one in answer.disagreements[: self.bounds.disagreements]:
                of_one = {"consumer_id": one.consumer_id, "vm_id": one.vm_id, "host": one.host}
                yield INFO(1, cloud.plus(reason=one.reason, **of_one))
            for consumer_type, number in _largest(answer.of_others):
                yield OF_OTHERS(number, cloud.plus(consumer_type=consumer_type))
        yield UNJUDGED(answer.unjudged_hosts, cloud)
        yield from spread.spread_samples(answer.spread, cloud)


def _largest(numbers: Mapping[str, int]) -> Iterable[tuple[str, int]]:
    """The largest with their numbers, and what the others have together."""
    ordered = sorted(numbers.items(), key=lambda one: (-one[1], one[0]))
    yield from ordered[:_MOST_TYPES]
    if len(ordered) > _MOST_TYPES:
        yield _OTHER, sum(number for _, number in ordered[_MOST_TYPES:])
