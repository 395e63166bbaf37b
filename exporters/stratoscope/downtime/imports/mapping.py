"""From a source's hosts and services to our labels. Names are exact, but for their case; `*` is any.

Patterns are left out: a mapping says which of our machines are meant, and `ce*` would come to mean those of
another site, too. All entries that match a row count, each with a matcher set of its own.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from stratoscope.downtime.draft import Checked, Draft, checked
from stratoscope.downtime.imports.announced import Announced
from stratoscope.downtime.matchers import Matcher
from stratoscope.downtime.model import Severity

ANY: Final = "*"

Silences: TypeAlias = Literal["scheduled_outages", "none", "all"]

_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class MappingEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a mapping table.

    Attributes:
        host: A name that the source gives to a host; `*` for any row.
        service: A type of service; `*` for any row.
        labels: Ours; an alert is explained that has all of them.
    """

    labels: dict[str, str]
    host: _Name = ANY
    service: _Name = ANY

    def matchers(self) -> tuple[str, ...]:
        """As Prometheus writes them."""
        return tuple(str(Matcher(name, value)) for name, value in sorted(self.labels.items()))


class Table:
    """The mapping table of a source."""

    def __init__(self, entries: Iterable[MappingEntry]) -> None:
        self._by_host = defaultdict[str, list[tuple[str, tuple[str, ...]]]](list)
        for entry in entries:
            self._by_host[entry.host.casefold()].append((entry.service.casefold(), entry.matchers()))

    def matcher_sets(self, row: Announced) -> tuple[tuple[str, ...], ...]:
        """The sets of all entries that match a row, each once; none for a row that is not mapped."""
        services = {ANY, *(one.casefold() for one in row.services)}
        hosts = (ANY, *(one.casefold() for one in row.hosts))
        found = (
            matchers
            for host in hosts
            for service, matchers in self._by_host.get(host, ())
            if service in services
        )
        return tuple(dict.fromkeys(found))


def filed(
    row: Announced,
    sets: Sequence[tuple[str, ...]],
    silences: Silences,
    now: float,
    *,
    labels: Collection[str] = (),
) -> Checked:
    """What of a row is stored.

    Args:
        sets: What `matcher_sets` returns.
        now: Unix seconds.
        labels: As `draft.checked`.

    Raises:
        FieldError: Nobody may file that, such as a downtime of 400 days.
    """
    is_scheduled_outage = row.planned and row.severity is Severity.OUTAGE
    draft = Draft(
        title=row.title,
        text=row.text,
        planned=row.planned,
        severity=row.severity,
        start=row.start,
        end=row.end,
        matcher_sets=tuple(sets),
        silences=silences == "all" or (silences == "scheduled_outages" and is_scheduled_outage),
    )
    return checked(draft, int(now), labels=labels)
