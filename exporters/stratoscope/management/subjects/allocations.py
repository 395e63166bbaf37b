"""Allocations and VMs of which the scheduler's accounts and the cloud say different things."""

from collections.abc import Iterable
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
    "any; without hosts that have not been read yet.",
    labels=("cloud", "reason"),
)
INFO = Family(
    f"{_PREFIX}_info",
    "One of them, the oldest first, up to show.disagreements: for whom it is or should be allocated (the id "
    "of a VM or migration), the VM (empty if the cloud does not know it), and the host; always 1.",
    labels=("cloud", "reason", "consumer_id", "vm_id", "host"),
)


class Allocations(Subject[disagreements.Allocations]):
    families = (NUMBER, INFO, *spread.FAMILIES)

    def samples(self, answer: disagreements.Allocations, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        if answer.disagreements is not None:
            for reason, number in answer.counts.items():
                yield NUMBER(number, cloud.plus(reason=reason))
            for one in answer.disagreements[: self.bounds.disagreements]:
                of_one = {"consumer_id": one.consumer_id, "vm_id": one.vm_id, "host": one.host}
                yield INFO(1, cloud.plus(reason=one.reason, **of_one))
        yield from spread.spread_samples(answer.spread, cloud)
