"""Flavors: what a VM of each has."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import flavors
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.objects import WHOLE, whole

_PREFIX: Final = "stratoscope_management_flavor"
_LABELS: Final = ("cloud", "flavor")
INFO = Family(
    f"{_PREFIX}_info",
    "The flavor's id, and whether it is public; always 1.",
    labels=(*_LABELS, "flavor_id", "public"),
)
VCPUS = Family(f"{_PREFIX}_vcpus", "Virtual CPUs of a VM of the flavor.", labels=_LABELS)
MEMORY = Family(f"{_PREFIX}_memory_bytes", "Memory of a VM of the flavor.", labels=_LABELS)
DISK = Family(
    f"{_PREFIX}_disk_bytes",
    "Local disk space of a VM of the flavor: root, ephemeral and swap; absent if unknown.",
    labels=_LABELS,
)
COST = Family(
    f"{_PREFIX}_cost_per_hour",
    "Cost of a VM of the flavor for an hour, by resource (`cpu`, `memory`, `disk`), in the cloud's own unit "
    "of cost; absent for what has no price.",
    labels=(*_LABELS, "resource"),
)


class Flavors(Subject[flavors.Flavors]):
    families = (INFO, VCPUS, MEMORY, DISK, COST, WHOLE)

    def samples(self, answer: flavors.Flavors, /) -> Iterable[Sample]:
        for flavor in answer.flavors:
            labels = Labels(cloud=self._cloud, flavor=flavor.name)
            public = "true" if flavor.is_public else "false"
            yield INFO(1, labels.plus(flavor_id=flavor.flavor_id, public=public))
            yield VCPUS(flavor.vcpus, labels)
            yield MEMORY(flavor.memory, labels)
            yield from optional_samples((DISK,), (flavor.disk,), labels)
            for resource, cost in flavor.costs.items():
                yield COST(cost, labels.plus(resource=resource))
        yield from whole("flavors", answer.is_whole, Labels(cloud=self._cloud))
