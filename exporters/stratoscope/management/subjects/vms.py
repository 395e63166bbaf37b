"""VMs: counted by each of their properties, and summed by owner; for each VM see vm.py."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.clouds import model
from stratoscope.clouds.condition import Condition, FaultReason
from stratoscope.core.line_cache import CachedLines
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.vm import FAMILIES, EachVM
from stratoscope.management.top_k import BEYOND, Row, TopK

_PREFIX: Final = "stratoscope_management"
VMS = Family(
    f"{_PREFIX}_vms",
    "VMs by state, as the source spells it (Nova: status); 0 for common states, and for states that a VM "
    "was in before.",
    labels=("cloud", "state"),
)
IN_CONDITION = Family(
    f"{_PREFIX}_condition_vms",
    "VMs of the zone by condition, which means the same for every kind of cloud: running, stopped, changing "
    "(in transition), error, unknown; 0 for a condition without any; zone is empty for VMs that have none.",
    labels=("cloud", "zone", "condition"),
)
MEANING = Family(
    f"{_PREFIX}_state_condition_info",
    "What the state, as the source spells it, means for a VM in no transition: one of the conditions of "
    "stratoscope_management_condition_vms; always 1.",
    labels=("cloud", "state", "condition"),
)
WHOLE = Family(
    f"{_PREFIX}_vms_whole",
    "1 if the VMs of all projects are visible, 0 if only those of the credential's own project are.",
    labels=("cloud",),
)
COMPLETE = Family(
    f"{_PREFIX}_vms_complete",
    "1 if the list has all VMs that the credential may see, 0 while some may be missing: an item was "
    "malformed, or VMs left the list and the source does not say what became of them.",
    labels=("cloud",),
)
IN_ERROR = Family(
    f"{_PREFIX}_vms_in_error",
    "VMs in error, by the class of the reason, derived from their fault messages; 0 for a class without any.",
    labels=("cloud", "reason"),
)
IN_TRANSITION = Family(
    f"{_PREFIX}_vms_in_transition",
    "VMs in transition to another state, by transition (Nova: task_state, or BUILD without one); absent if "
    "no VM is in it.",
    labels=("cloud", "state"),
)
OLDEST = Family(
    f"{_PREFIX}_vms_in_transition_oldest_timestamp_seconds",
    "Unix time since which the longest waiting VM of the transition has not changed; for a VM that is being "
    "built, when it was created.",
    labels=("cloud", "state"),
)


_HELP: Final = {
    "flavor": "VMs of the flavor, by the name that it had when the VM was created.",
    "image_id": "VMs created from the image; image_id is empty for those booted from a volume.",
    "host": "VMs in any state that are on the host (Nova: OS-EXT-SRV-ATTR:host); host is empty for VMs that "
    "have none, since none was found or they are shelved.",
    "zone": "VMs in the availability zone; zone is empty for VMs that have none.",
}
COUNTS: Final = {
    label: Family(f"{_PREFIX}_{label.removesuffix('_id')}_vms", text, labels=("cloud", label))
    for label, text in _HELP.items()
}
"""By label."""


def _sums(owner: str) -> Sequence[Family]:
    """The families of Sums, in the order of its fields."""
    labels, metric = ("cloud", f"{owner}_id"), f"{_PREFIX}_{owner}"
    return (
        Family(f"{metric}_vms", f"VMs of the {owner}, in any state.", labels=labels),
        Family(
            f"{metric}_vcpus",
            f"Virtual CPUs of the {owner}'s VMs, by their flavors; absent if unknown for one.",
            labels=labels,
        ),
        Family(
            f"{metric}_memory_bytes",
            f"Memory of the {owner}'s VMs, by their flavors; absent if unknown for one.",
            labels=labels,
        ),
        Family(
            f"{metric}_disk_bytes",
            f"Local disk space of the {owner}'s VMs, by their flavors: root (unless booted from a volume), "
            "ephemeral and swap; absent if unknown for one.",
            labels=labels,
        ),
        Family(
            f"{metric}_addresses",
            f"Fixed and floating IP addresses of the {owner}'s VMs; absent if unknown for one.",
            labels=labels,
        ),
    )


OWNERS: Final = {"project_id": _sums("project"), "user_id": _sums("user")}
"""By label."""


class VMs(Subject[model.VMs]):
    families = (
        VMS, IN_CONDITION, MEANING, WHOLE, COMPLETE, IN_ERROR, IN_TRANSITION, OLDEST, *COUNTS.values(),
        *(family for owner in OWNERS.values() for family in owner), BEYOND, *FAMILIES,
    )  # fmt: skip

    def __init__(self, cloud: str) -> None:
        super().__init__(cloud)
        self._each = EachVM(cloud)
        self._tables = {label: TopK(cloud, label, (family,)) for label, family in COUNTS.items()}
        self._tables |= {label: TopK(cloud, label, families) for label, families in OWNERS.items()}

    def cached(self, answer: model.VMs, /) -> Iterable[CachedLines]:
        """The lines of labels with an unlimited number of values: counts, sums, and each VM."""
        rows = _rows(answer)
        lines = [one for label, table in self._tables.items() for one in table.lines(rows[label])]
        return [*lines, *self._each.lines(answer)]

    def moved(self) -> Mapping[str, bool]:
        return self._each.moved()

    def samples(self, answer: model.VMs, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        for state, number in answer.by_state.items():
            yield VMS(number, cloud.plus(state=state))
        for zone in answer.by_zone:
            of_zone = cloud.plus(zone=zone)
            for condition in Condition:
                number = answer.by_condition.get((zone, condition), 0)
                yield IN_CONDITION(number, of_zone.plus(condition=condition))
        for state, meaning in answer.conditions.items():
            yield MEANING(1, cloud.plus(state=state, condition=meaning))
        yield WHOLE(int(answer.is_whole), cloud)
        yield COMPLETE(int(answer.is_complete), cloud)
        for reason in FaultReason:
            yield IN_ERROR(answer.by_fault.get(reason, 0), cloud.plus(reason=reason))
        for state, (number, oldest) in answer.in_transition.items():
            yield IN_TRANSITION(number, cloud.plus(state=state))
            yield OLDEST(oldest, cloud.plus(state=state))
        for label, values in {**_counts(answer), **_owners(answer)}.items():
            yield self._tables[label].beyond(values)


def _hosts(answer: model.VMs) -> Mapping[str, int]:
    """VMs by host; empty if the credential sees no hosts at all, which does not mean that VMs have none."""
    is_untold = not answer.is_whole and answer.by_host.keys() <= {""}
    return {} if is_untold else answer.by_host


def _counts(answer: model.VMs) -> Mapping[str, Mapping[str, int]]:
    return {
        "flavor": answer.by_flavor,
        "image_id": answer.by_image,
        "host": _hosts(answer),
        "zone": answer.by_zone,
    }


def _owners(answer: model.VMs) -> Mapping[str, Mapping[str, model.Sums]]:
    return {"project_id": answer.by_project, "user_id": answer.by_user}


def _rows(answer: model.VMs) -> Mapping[str, Mapping[str, Row]]:
    """The numbers by label and value, in the order of COUNTS and OWNERS."""
    rows: dict[str, Mapping[str, Row]] = {
        label: {value: (number,) for value, number in of_label.items()}
        for label, of_label in _counts(answer).items()
    }
    for label, sums in _owners(answer).items():
        rows[label] = {owner: msgspec.structs.astuple(one) for owner, one in sums.items()}
    return rows
