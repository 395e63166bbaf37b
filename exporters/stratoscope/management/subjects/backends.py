"""Pools of storage backends: capacity, what is free, and what has been promised."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.management.subject import Subject

_PREFIX: Final = "stratoscope_management_backend"
_LABELS: Final = ("cloud", "backend")
CAPACITY = Family(
    f"{_PREFIX}_capacity_bytes", "Size of the pool (total_capacity_gb); +Inf if infinite.", labels=_LABELS
)
FREE = Family(
    f"{_PREFIX}_free_bytes", "Free in the pool (free_capacity_gb); +Inf if infinite.", labels=_LABELS
)
PROVISIONED = Family(
    f"{_PREFIX}_provisioned_bytes",
    "Promised on the backend, by whomever (provisioned_capacity_gb).",
    labels=_LABELS,
)
ALLOCATED = Family(
    f"{_PREFIX}_allocated_bytes",
    "Of that, promised by this management layer (allocated_capacity_gb).",
    labels=_LABELS,
)
OVERCOMMIT = Family(
    f"{_PREFIX}_overcommit_ratio",
    "How many times its capacity may be promised (max_over_subscription_ratio); 1 without thin provisioning.",
    labels=_LABELS,
)

INFO = Family(
    f"{_PREFIX}_info",
    "What volume types call the pool's backend, and who made it; always 1.",
    labels=(*_LABELS, "volume_backend_name", "vendor_name"),
)

_AMOUNTS: Final = (CAPACITY, FREE, PROVISIONED, ALLOCATED, OVERCOMMIT)


class Backends(Subject[model.Backends]):
    """What the backend does not tell is absent."""

    families = (*_AMOUNTS, INFO)

    def samples(self, answer: model.Backends, /) -> Iterable[Sample]:
        for one in answer.backends:
            values = (one.total, one.free, one.provisioned, one.allocated, one.ratio)
            labels = Labels(cloud=self._cloud, backend=one.name)
            yield from optional_samples(_AMOUNTS, values, labels)
            yield INFO(1, labels.plus(volume_backend_name=one.of_types, vendor_name=one.vendor))
