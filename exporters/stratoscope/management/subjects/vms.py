"""VMs, counted by each of their properties and summed up by owner; and each of them, see vm.py."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.clouds import model
from stratoscope.clouds.model import FaultReason
from stratoscope.core.exposition import Lines, render
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.line_cache import together
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.vm import FAMILIES, EachVM
from stratoscope.management.top_k import BEYOND, Row, TopK

_PREFIX: Final = "stratoscope_management"
VMS = Family(
    f"{_PREFIX}_vms",
    "VMs by state, as the source spells it; 0 for the usual ones, and for those that a VM was in before.",
    labels=("cloud", "state"),
)
WHOLE = Family(
    f"{_PREFIX}_vms_whole",
    "1 if the VMs of all projects are seen, 0 if the credential sees its own project's alone.",
    labels=("cloud",),
)
IN_ERROR = Family(
    f"{_PREFIX}_vms_in_error",
    "VMs in error by class of reasons, told by the text of their fault.",
    labels=("cloud", "reason"),
)
IN_TRANSITION = Family(
    f"{_PREFIX}_vms_in_transition",
    "VMs that are on their way to another state, by what is done to them (Nova: the task, or BUILD).",
    labels=("cloud", "state"),
)
OLDEST = Family(
    f"{_PREFIX}_vms_in_transition_oldest_timestamp_seconds",
    "Since when the one that waits longest has not changed, or if it is being built since it was made.",
    labels=("cloud", "state"),
)


_HELP: Final = {
    "flavor": "VMs of the flavor, by the name that it had when they were made.",
    "image_id": "VMs made from the image; without one: booted from a volume.",
    "host": "VMs that the management layer says are on the host (Nova: OS-EXT-SRV-ATTR:host), in whichever "
    "state; without one: those that are nowhere, as no host was found for them or they are shelved.",
    "zone": "VMs in the availability zone.",
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
        Family(f"{metric}_vms", f"VMs of the {owner}.", labels=labels),
        Family(f"{metric}_vcpus", f"Virtual CPUs of the {owner}'s VMs, by their flavors.", labels=labels),
        Family(f"{metric}_memory_bytes", f"Memory of the {owner}'s VMs, by their flavors.", labels=labels),
        Family(
            f"{metric}_disk_bytes",
            f"Disk space on hosts of the {owner}'s VMs, by their flavors: root, ephemeral and swap; "
            "no root disk for those booted from a volume.",
            labels=labels,
        ),
        Family(
            f"{metric}_addresses", f"IP addresses of the {owner}'s VMs, fixed and floating.", labels=labels
        ),
    )


OWNERS: Final = {"project_id": _sums("project"), "user_id": _sums("user")}
"""By label."""
_FEW: Final = (VMS, WHOLE, IN_ERROR, IN_TRANSITION, OLDEST, BEYOND)


class VMs(Subject[model.VMs]):
    families = (
        *_FEW[:-1], *COUNTS.values(), *(family for owner in OWNERS.values() for family in owner), BEYOND,
        *FAMILIES,
    )  # fmt: skip

    def __init__(self, cloud: str) -> None:
        super().__init__(cloud)
        self._each = EachVM(cloud)
        self._tables = {label: TopK(cloud, label, (family,)) for label, family in COUNTS.items()}
        self._tables |= {label: TopK(cloud, label, families) for label, families in OWNERS.items()}
        self._one_at_a_time = threading.Lock()

    def samples(self, answer: model.VMs, /) -> Iterable[Sample]:
        by_label = _rows(answer)
        yield from self._few(answer, by_label)
        for label, rows in by_label.items():
            yield from self._tables[label].samples(rows)
        yield from self._each.samples(answer)

    def lines(self, answer: model.VMs, max_series: int, /) -> Lines:
        """What `samples` shows, as lines; those that say the same as the last time are kept from then.

        One at a time: a collection that was given up may still be busy here, in its thread.
        """
        with self._one_at_a_time:
            by_label = _rows(answer)
            kept = [one for label, rows in by_label.items() for one in self._tables[label].lines(rows)]
            kept += self._each.lines(answer)
            return together(render(self._few(answer, by_label), _FEW, max_series), kept, max_series)

    def _few(self, answer: model.VMs, by_label: Mapping[str, Mapping[str, Row]]) -> Iterable[Sample]:
        """The series that are few."""
        cloud = Labels(cloud=self._cloud)
        for state, number in answer.by_state.items():
            yield VMS(number, cloud.plus(state=state))
        yield WHOLE(int(answer.is_whole), cloud)
        for reason in FaultReason:
            yield IN_ERROR(answer.by_fault.get(reason, 0), cloud.plus(reason=reason))
        for state, (number, oldest) in answer.in_transition.items():
            yield IN_TRANSITION(number, cloud.plus(state=state))
            yield OLDEST(oldest, cloud.plus(state=state))
        for label, rows in by_label.items():
            yield self._tables[label].beyond(rows)


def _hosts(answer: model.VMs) -> Mapping[str, int]:
    """VMs by host; nothing where no host is told: VMs that a plain credential sees are not nowhere."""
    is_untold = not answer.is_whole and answer.by_host.keys() <= {""}
    return {} if is_untold else answer.by_host


def _rows(answer: model.VMs) -> Mapping[str, Mapping[str, Row]]:
    """By label and its value: the numbers in the order of COUNTS and OWNERS."""
    counts = {
        "flavor": answer.by_flavor,
        "image_id": answer.by_image,
        "host": _hosts(answer),
        "zone": answer.by_zone,
    }
    rows: dict[str, Mapping[str, Row]] = {
        label: {value: (number,) for value, number in of_label.items()} for label, of_label in counts.items()
    }
    for label, sums in (("project_id", answer.by_project), ("user_id", answer.by_user)):
        rows[label] = {owner: msgspec.structs.astuple(one) for owner, one in sums.items()}
    return rows
