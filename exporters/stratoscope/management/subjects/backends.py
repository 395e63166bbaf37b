"""Pools of storage backends: capacity, free and provisioned bytes."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.objects import WHOLE, whole

_PREFIX: Final = "stratoscope_management_backend"
_LABELS: Final = ("cloud", "backend")
CAPACITY = Family(
    f"{_PREFIX}_capacity_bytes",
    "Capacity of the backend's pool (total_capacity_gb); +Inf if reported as infinite; absent if unknown.",
    labels=_LABELS,
)
FREE = Family(
    f"{_PREFIX}_free_bytes",
    "Free bytes in the backend's pool (free_capacity_gb); +Inf if reported as infinite; absent if unknown.",
    labels=_LABELS,
)
PROVISIONED = Family(
    f"{_PREFIX}_provisioned_bytes",
    "Bytes provisioned in the backend's pool, by this management layer and others "
    "(provisioned_capacity_gb); absent if unknown.",
    labels=_LABELS,
)
ALLOCATED = Family(
    f"{_PREFIX}_allocated_bytes",
    "Bytes provisioned in the backend's pool by this management layer alone (allocated_capacity_gb); absent "
    "if unknown.",
    labels=_LABELS,
)
OVERCOMMIT = Family(
    f"{_PREFIX}_overcommit_ratio",
    "How many times the capacity of the backend's pool may be provisioned (max_over_subscription_ratio); 1 "
    "without thin provisioning; absent if auto.",
    labels=_LABELS,
)

USED = Family(
    f"{_PREFIX}_used_bytes",
    "Bytes used in the backend's pool, as the source measures them (OpenNebula: USED_MB); absent if it does "
    "not.",
    labels=_LABELS,
)
IMAGES = Family(
    f"{_PREFIX}_images",
    "Images in the backend's pool; absent if the source does not report them.",
    labels=_LABELS,
)
INFO = Family(
    f"{_PREFIX}_info",
    "The pool's volume_backend_name, to which volume types refer, and its vendor_name; the id and type of a "
    "datastore (OpenNebula: IMAGE, SYSTEM, FILE, BACKUP); always 1.",
    labels=(*_LABELS, "volume_backend_name", "vendor_name", "backend_id", "backend_type"),
)

_AMOUNTS: Final = (CAPACITY, FREE, PROVISIONED, ALLOCATED, OVERCOMMIT, USED, IMAGES)


class Backends(Subject[model.Backends]):
    """Values that the backend does not report are absent."""

    families = (*_AMOUNTS, INFO, WHOLE)

    def samples(self, answer: model.Backends, /) -> Iterable[Sample]:
        for one in answer.backends:
            values = (
                one.total, one.free, one.provisioned, one.allocated, one.ratio, one.used, one.images,
            )  # fmt: skip
            labels = Labels(cloud=self._cloud, backend=one.name)
            yield from optional_samples(_AMOUNTS, values, labels)
            facts = {"volume_backend_name": one.of_types, "vendor_name": one.vendor}
            yield INFO(1, labels.plus(**facts, backend_id=one.backend_id, backend_type=one.kind))
        yield from whole("backends", answer.is_whole, Labels(cloud=self._cloud))
