"""Which hosts are off now, by the downtimes of hosts, whoever filed them: pure."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from stratoscope.downtime.model import CLOUD, SCRIPT, Downtime, Severity, State

_LABELS: Final = ("cloud", "host")


class HostOff(msgspec.Struct, frozen=True, kw_only=True):
    """A host, by one or more downtimes.

    Attributes:
        since, until: Unix seconds; `until` is when the last of them ends at the latest.
        at_risk: It goes on, though an administrator disabled it: nothing is silenced.
        sources: Who says so: `cloud:uni`, `script:uni`.
        authors: Whose downtimes they are.
        title: Of the downtime that ends last.
        downtime_ids: In order of their filing.
    """

    cloud: str
    host: str
    since: int
    until: int
    at_risk: bool
    sources: tuple[str, ...]
    authors: tuple[str, ...]
    title: str
    downtime_ids: tuple[str, ...]


def hosts_off(downtimes: Iterable[Downtime], now: float, cap_s: int) -> list[HostOff]:
    """The hosts that are off or at risk now, by cloud and name. A host that is off by one downtime is off.

    Args:
        cap_s: For so long a host may be off.
    """
    found = defaultdict[tuple[str, ...], list[Downtime]](list)
    for one in downtimes:
        if one.source.startswith((CLOUD, SCRIPT)) and one.state(now) is State.ACTIVE:
            values = {matcher.name: matcher.value for matcher in one.matcher_sets[0]}
            found[tuple(values[name] for name in _LABELS)].append(one)
    return [_merged(cloud, host, ones, cap_s) for (cloud, host), ones in sorted(found.items())]


def _merged(cloud: str, host: str, ones: Iterable[Downtime], cap_s: int) -> HostOff:
    off = [one for one in ones if one.severity is not Severity.AT_RISK]
    counted = sorted(off or ones, key=lambda one: (one.created_at, one.id))
    last = max(counted, key=lambda one: one.limit(cap_s).at)
    return HostOff(
        cloud=cloud,
        host=host,
        since=min(one.start for one in counted),
        until=last.limit(cap_s).at,
        at_risk=not off,
        sources=tuple(one.source for one in counted),
        authors=tuple(one.author for one in counted),
        title=last.title,
        downtime_ids=tuple(one.id for one in counted),
    )
