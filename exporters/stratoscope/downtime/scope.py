"""What a matcher set covers, as labels of a metric: by them alerts can be inhibited without a silence."""

from enum import StrEnum
from typing import Final, NamedTuple

from stratoscope.downtime.matchers import MatcherSet

LABELS: Final = ("cloud", "host", "zone", "project_id", "vm_id", "service")
"""The labels of a scope, in their order on the page."""


class Scope(StrEnum):
    """What a set covers as a whole: everything in it that bears the labels of the scope.

    An alert in a downtime of a scope is inhibited if it bears the same values of the scope's labels. A set
    that says more than that, such as a service, is OTHER: it has its silence alone.
    """

    CLOUD = "cloud"
    ZONE = "zone"
    HOST = "host"
    PROJECT = "project"
    VM = "vm"
    OTHER = "other"


_BY_LABELS: Final = {
    frozenset({"cloud"}): Scope.CLOUD,
    frozenset({"cloud", "zone"}): Scope.ZONE,
    frozenset({"cloud", "host"}): Scope.HOST,
    frozenset({"cloud", "project_id"}): Scope.PROJECT,
    frozenset({"cloud", "vm_id"}): Scope.VM,
}


class Covered(NamedTuple):
    """The scope of a set, and the values of LABELS in their order; "" for a label that it does not name."""

    scope: Scope
    values: tuple[str, ...]


def covered(matchers: MatcherSet) -> Covered | None:
    """What a set covers; None if labels cannot say it: it has a pattern, a negation or another label."""
    values: dict[str, str] = {}
    for one in matchers:
        if one.is_regex or not one.is_equal or one.name not in LABELS or one.name in values:
            return None
        values[one.name] = one.value
    named = frozenset(name for name, value in values.items() if value)
    is_whole = len(named) == len(values)
    scope = _BY_LABELS.get(named, Scope.OTHER) if is_whole else Scope.OTHER
    return Covered(scope, tuple(values.get(name, "") for name in LABELS))
