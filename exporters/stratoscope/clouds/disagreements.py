"""Where layers of one cloud disagree: what the scheduler accounts for, and what the cloud has."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from stratoscope.clouds.model import Spread


class DisagreementReason(StrEnum):
    """What is wrong: a closed set, the same for every kind of cloud.

    `allocation_without_vm`: a consumer that the cloud does not know; `vm_without_allocation`: a VM on a host
    that has nothing allocated for it; `other_host`: an allocation for a VM that is on another host, or on
    none; `ended_migration`: an allocation for a migration that is over.
    """

    ALLOCATION_WITHOUT_VM = "allocation_without_vm"
    VM_WITHOUT_ALLOCATION = "vm_without_allocation"
    OTHER_HOST = "other_host"
    ENDED_MIGRATION = "ended_migration"


class Disagreement(msgspec.Struct, frozen=True, gc=False):
    """One of them.

    Attributes:
        consumer_id: The id of the VM or of the migration for which it is, or should be, allocated.
        vm_id: The VM; "" if the cloud does not know it.
        host: The host of the allocation; of a VM without one, the VM's.
        since: When it was first seen.
    """

    reason: DisagreementReason
    consumer_id: str
    vm_id: str
    host: str
    since: float


class Allocations(msgspec.Struct, frozen=True):
    """Attributes:
    disagreements: Those seen longest ago first; None while the VMs are not known as a whole, or their hosts
        not by the ids that the source of allocations has.
    of_others: Number of consumers that are of other services, which is no disagreement, by the type that
        their service gave them.
    unjudged_hosts: Number of hosts of whose allocations nothing can be said, since their source has none of
        their ids.
    """

    disagreements: tuple[Disagreement, ...] | None
    spread: Spread
    malformed: int = 0
    of_others: Mapping[str, int] = {}
    unjudged_hosts: int = 0

    @property
    def counts(self) -> Mapping[DisagreementReason, int]:
        """Their number by reason; 0 for a reason without any."""
        counts = dict.fromkeys(DisagreementReason, 0)
        for one in self.disagreements or ():
            counts[one.reason] += 1
        return counts
