"""Quotas of projects, and of users where the source has such: limit, used, reserved, unlimited."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from stratoscope.clouds import owners
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.spread import FAMILIES, spread_samples


@dataclass(frozen=True, slots=True)
class _Owned:
    """The families of one sort of owner. Attributes: pieces, in_bytes: Limit, used, reserved."""

    pieces: Sequence[Family]
    in_bytes: Sequence[Family]
    unlimited: Family

    def families(self) -> Iterable[Family]:
        return (*self.pieces, *self.in_bytes, self.unlimited)


def _owned(owner: str, prefix: str) -> _Owned:
    labels = ("cloud", f"{owner}_id", "service", "resource")

    def family(name: str, text: str) -> Family:
        return Family(f"{prefix}_{name}", text, labels=labels)

    def amounts(unit: str, of_unit: str) -> Sequence[Family]:
        return (
            family(
                f"limit{unit}",
                f"Limit of the {owner}'s quota for the resource{of_unit}; absent if unlimited.",
            ),
            family(
                f"used{unit}",
                f"How much of the resource the {owner} uses{of_unit} (in_use); absent if not reported, as "
                "for limits on each single object.",
            ),
            family(
                f"reserved{unit}",
                f"How much of the resource is reserved by requests in progress{of_unit} (reserved); absent "
                "if not reported.",
            ),
        )

    return _Owned(
        amounts("", ""),
        amounts("_bytes", ", in bytes"),
        family(
            "unlimited",
            f"1 if the {owner}'s quota for the resource is unlimited (limit -1; OpenNebula: -2); absent if "
            "there is a limit.",
        ),
    )


OF_PROJECTS: Final = _owned("project", "stratoscope_management_quota")
OF_USERS: Final = _owned("user", "stratoscope_management_user_quota")


class Quotas(Subject[owners.Quotas]):
    families = (*OF_PROJECTS.families(), *OF_USERS.families(), *FAMILIES)

    def samples(self, answer: owners.Quotas, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        owner, of_owner, owned = "", cloud.plus(project_id=""), OF_PROJECTS
        for quota in answer.quotas:
            whose = quota.user_id or quota.project_id
            if whose != owner or (owned is OF_USERS) != bool(quota.user_id):  # they come owner by owner
                owner, owned = whose, OF_USERS if quota.user_id else OF_PROJECTS
                of_owner = cloud.plus(**{"user_id" if quota.user_id else "project_id": whose})
            labels = of_owner + _resource(quota.service, quota.resource)
            families = owned.in_bytes if quota.in_bytes else owned.pieces
            yield from optional_samples(families, (quota.limit, quota.used, quota.reserved), labels)
            if quota.limit is None:
                yield owned.unlimited(1, labels)
        if answer.spread is not None:
            yield from spread_samples(answer.spread, cloud)


@functools.lru_cache(maxsize=1024)
def _resource(service: str, resource: str) -> Labels:
    return Labels(service=service, resource=resource)
