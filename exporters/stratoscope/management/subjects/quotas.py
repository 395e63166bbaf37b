"""Quotas of projects: limit, used, reserved, unlimited."""

import functools
from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.spread import FAMILIES, spread_samples

_PREFIX: Final = "stratoscope_management_quota"
_LABELS: Final = ("cloud", "project_id", "service", "resource")
LIMIT = Family(
    f"{_PREFIX}_limit", "Limit of the project's quota for the resource; absent if unlimited.", labels=_LABELS
)
USED = Family(
    f"{_PREFIX}_used",
    "How much of the resource the project uses (in_use); absent if not reported, as for limits on each "
    "single object.",
    labels=_LABELS,
)
RESERVED = Family(
    f"{_PREFIX}_reserved",
    "How much of the resource is reserved by requests in progress (reserved); absent if not reported.",
    labels=_LABELS,
)
LIMIT_BYTES = Family(
    f"{_PREFIX}_limit_bytes",
    "Limit of the project's quota for the resource, in bytes; absent if unlimited.",
    labels=_LABELS,
)
USED_BYTES = Family(
    f"{_PREFIX}_used_bytes",
    "How much of the resource the project uses, in bytes (in_use); absent if not reported, as for limits on "
    "each single object.",
    labels=_LABELS,
)
RESERVED_BYTES = Family(
    f"{_PREFIX}_reserved_bytes",
    "How much of the resource is reserved by requests in progress, in bytes (reserved); absent if not "
    "reported.",
    labels=_LABELS,
)
UNLIMITED = Family(
    f"{_PREFIX}_unlimited",
    "1 if the project's quota for the resource is unlimited (limit -1); absent if there is a limit.",
    labels=_LABELS,
)
_PIECES: Final = (LIMIT, USED, RESERVED)
_BYTES: Final = (LIMIT_BYTES, USED_BYTES, RESERVED_BYTES)


class Quotas(Subject[model.Quotas]):
    families = (*_PIECES, *_BYTES, UNLIMITED, *FAMILIES)

    def samples(self, answer: model.Quotas, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        project_id, of_project = "", cloud.plus(project_id="")
        for quota in answer.quotas:
            if quota.project_id != project_id:  # they come project by project
                project_id, of_project = quota.project_id, cloud.plus(project_id=quota.project_id)
            labels = of_project + _resource(quota.service, quota.resource)
            families = _BYTES if quota.in_bytes else _PIECES
            yield from optional_samples(families, (quota.limit, quota.used, quota.reserved), labels)
            if quota.limit is None:
                yield UNLIMITED(1, labels)
        yield from spread_samples(answer.spread, cloud)


@functools.lru_cache(maxsize=1024)
def _resource(service: str, resource: str) -> Labels:
    return Labels(service=service, resource=resource)
