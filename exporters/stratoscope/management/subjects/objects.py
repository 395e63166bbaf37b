"""Objects of the management layer, counted by state and by project; orphans."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from stratoscope.clouds import model
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject
from stratoscope.management.subjects import orphans

_PREFIX: Final = "stratoscope_management"
_STATE: Final = ("cloud", "state")
_PROJECT: Final = ("cloud", "project_id")

WHOLE = Family(
    f"{_PREFIX}_objects_whole",
    "1 if the objects of all projects are counted, 0 if only those of the credential's own project are "
    "visible, or the source truncated its list, so that none is counted. Of flavors, networks and backends "
    "of an OpenNebula: 1 if all are visible, 0 if only those that the credential may use.",
    labels=("cloud", "sort"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """The families of one sort; None for what it does not have: sizes, orphans, an administrative state."""

    by_state: Family
    by_project: Family
    bytes_by_state: Family | None
    bytes_by_project: Family | None
    orphaned: Family | None
    orphaned_bytes: Family | None
    admin_down: Family | None

    def families(self) -> Iterable[Family]:
        for family in (
            self.by_state, self.bytes_by_state, self.admin_down, self.orphaned, self.orphaned_bytes,
            self.by_project, self.bytes_by_project,
        ):  # fmt: skip
            if family is not None:
                yield family


def sort_of(
    name: str, plural: str, *, size: str = "", orphan: str = "", has_admin_state: bool = False
) -> Sort:
    """The families of a sort.

    Args:
        size: How its size is counted; empty for a sort without sizes.
        orphan: Which objects are orphaned; empty for a sort that has no orphans.
        has_admin_state: Whether its objects have an administrative state.
    """
    metric, project = f"{_PREFIX}_{name}", f"{_PREFIX}_project_{name}"
    unknown = "absent if unknown for one"
    return Sort(
        by_state=Family(metric, f"Number of {plural} by state, as the source spells it.", labels=_STATE),
        by_project=Family(project, f"Number of the project's {plural}.", labels=_PROJECT),
        bytes_by_state=Family(
            f"{metric}_bytes", f"Size of {plural} by state, {size}; {unknown}.", labels=_STATE
        )
        if size
        else None,
        bytes_by_project=Family(
            f"{project}_bytes", f"Size of the project's {plural}, {size}; {unknown}.", labels=_PROJECT
        )
        if size
        else None,
        orphaned=Family(
            f"{metric}_orphaned", f"Number of orphaned {plural}: {orphan}; {unknown}.", labels=("cloud",)
        )
        if orphan
        else None,
        orphaned_bytes=Family(
            f"{metric}_orphaned_bytes", f"Size of orphaned {plural}, {size}; {unknown}.", labels=("cloud",)
        )
        if orphan and size
        else None,
        admin_down=Family(
            f"{metric}_admin_down",
            f"Number of {plural} that are administratively down (admin_state_up false), whatever their "
            f"state; {unknown}.",
            labels=("cloud",),
        )
        if has_admin_state
        else None,
    )


_OF_THE_VOLUME: Final = "in bytes, each counted with the size of its volume"
SORTS: Final[Mapping[str, Sort]] = {
    "volumes": sort_of("volumes", "volumes", size="in bytes", orphan="available and without an attachment"),
    "snapshots": sort_of("snapshots", "volume snapshots", size=_OF_THE_VOLUME),
    "backups": sort_of("backups", "volume backups", size=_OF_THE_VOLUME),
    "ports": sort_of("ports", "ports", orphan="without device_id and device_owner", has_admin_state=True),
    "routers": sort_of("routers", "routers", has_admin_state=True),
    "floating_ips": sort_of("floating_ips", "floating IPs", orphan="without a port"),
    "networks": sort_of("networks", "networks", has_admin_state=True),
}
"""By `model.Objects.sort`: each has metrics of its own. See images.py for images."""


class Objects(Subject[model.Objects]):
    families = (
        *(family for sort in SORTS.values() for family in sort.families()),
        WHOLE,
        *orphans.FAMILIES,
    )

    def samples(self, answer: model.Objects, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        yield from of_sort(SORTS[answer.sort], answer, cloud)
        yield from orphans.orphans(answer, self.bounds.orphans, cloud)


def of_sort(sort: Sort, answer: model.Objects, cloud: Labels) -> Iterable[Sample]:
    """The samples of one sort. Args: cloud: The label `cloud` alone."""
    for state, count in answer.by_state.items():
        yield from _counted(sort.by_state, sort.bytes_by_state, count, cloud.plus(state=state))
    for project_id, count in answer.by_project.items():
        of_project = cloud.plus(project_id=project_id)
        yield from _counted(sort.by_project, sort.bytes_by_project, count, of_project)
    if answer.orphans is not None and sort.orphaned is not None:
        yield from _counted(sort.orphaned, sort.orphaned_bytes, answer.orphans, cloud)
    if answer.admin_down is not None and sort.admin_down is not None:
        yield sort.admin_down(answer.admin_down, cloud)
    yield WHOLE(int(answer.is_whole), cloud.plus(sort=answer.sort))


def whole(sort: str, is_whole: bool | None, cloud: Labels) -> Iterable[Sample]:
    """Whether all of a sort are visible, unless that is unknown. Args: cloud: The label `cloud` alone."""
    if is_whole is not None:
        yield WHOLE(int(is_whole), cloud.plus(sort=sort))


def _counted(number: Family, size: Family | None, count: model.Count, labels: Labels) -> Iterable[Sample]:
    yield number(count.number, labels)
    if size is not None and count.size is not None:
        yield size(count.size, labels)
