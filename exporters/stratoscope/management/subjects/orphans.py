"""Objects that are bound to nothing or in error, by name: volumes, ports, addresses, images ..."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds.model import Objects
from stratoscope.core.metrics import Family, Labels, Sample

_PREFIX: Final = "stratoscope_management_orphan"
_OBJECT: Final = ("cloud", "sort", "object_id")

INFO = Family(
    f"{_PREFIX}_info",
    "An object that is bound to nothing (reason unbound), in error (error; so is a port whose binding "
    "failed), without its data for over a day (no_data), or locked or being deleted for over an hour "
    "(stuck), with its name, its owner and its state as the source spells it; always 1.",
    labels=(*_OBJECT, "object_name", "project_id", "reason", "state"),
)
CHANGED = Family(
    f"{_PREFIX}_changed_timestamp_seconds",
    "When the object last changed, as Unix time (updated_at; for one that OpenNebula left behind, since when "
    "it was seen so): it has been as it is since then; absent if unknown.",
    labels=_OBJECT,
)
BEYOND = Family(
    f"{_PREFIX}s_beyond_bound",
    "Objects of the sort that are without orphan_info because there are too many; those in error are shown "
    "first, then those that changed longest ago; 0 if all are shown.",
    labels=("cloud", "sort"),
)
FAMILIES: Final = (INFO, CHANGED, BEYOND)


def orphans(answer: Objects, most: int, cloud: Labels) -> Iterable[Sample]:
    """The samples of one sort; none if none of it is named. Args: cloud: The label `cloud` alone."""
    if answer.named is None:
        return
    of_sort = cloud.plus(sort=answer.sort)
    shown = answer.named.objects[:most]
    for one in shown:
        labels = of_sort.plus(object_id=one.object_id)
        facts = Labels(
            object_name=one.name, project_id=one.project_id, reason=one.reason.value, state=one.state
        )
        yield INFO(1, labels + facts)
        if one.changed is not None:
            yield CHANGED(one.changed, labels)
    yield BEYOND(len(answer.named.objects) - len(shown) + answer.named.beyond, of_sort)
