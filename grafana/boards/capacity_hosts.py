"""Panels of the dashboard on capacity about hosts: their room, what takes no VMs, and room by aggregate."""

from typing import Final

from boards import board, colours
from boards.panels import ABSENT, NARROW, UNSURE, About, Column, Look, Panel, Query, rows

_IN: Final = board.IN
_RATIO: Final = f"host:stratoscope_management_host_allocated:ratio{{{_IN}}}"
_FULLEST: Final = f"topk(50, max by (cloud, host) ({_RATIO}))"
_IS_SHOWN: Final = f"and on (cloud, host) {_FULLEST}"
_STATE: Final = f"host:stratoscope_management_host_enabled:and_up{{{_IN}}}"
_TAKES_VMS: Final = f"({_STATE} == 1)"
_TAKES_NONE: Final = f"({_STATE} == 0)"
_ON_HOST: Final = "on (cloud, host)"
_WHICH: Final = "Of hosts that are up and enabled: what others have free is no room. Taken: allocated to VMs."
_SHARE: Final = Look(unit="percentunit", colours=colours.steps((0.8, colours.NEAR), (0.9, colours.BAD)))
_NUMBER: Final = Look(unit="none")
_BYTES: Final = Look(unit="bytes")
_RESOURCES: Final = {
    "vCPUs": ("vcpus_{}", _NUMBER),
    "Memory": ("memory_{}_bytes", _BYTES),
    "Disk": ("disk_{}_bytes", _BYTES),
    "Pinned": ("pcpus_{}", _NUMBER),
}
"""By heading the metric of a host, which ends in allocated or allocatable."""


def by_host() -> Panel:
    """The hosts that are nearest to being full."""
    good = (
        "Not all near 100 %: else no host can be emptied. Fullest first, by the resource that is scarcest on"
        f" it. {_WHICH} Pinned: CPUs for pinning, which are apart from the others."
    )
    zones = f"topk by (cloud, host) (1, {_STATE})"
    shortest = f"topk by (cloud, host) (1, max by (cloud, host, resource) ({_RATIO}))"
    fullest = f"sort_desc({shortest} * {_ON_HOST} group_left (zone) {zones} {_IS_SHOWN})"
    queries, columns = [Query(fullest)], []
    for heading, (metric, look) in _RESOURCES.items():
        for word, expr in (("free", _free(metric)), ("taken", _of_hosts(metric, "allocated"))):
            columns.append(_column(len(queries), heading, word, look))
            queries.append(Query(f"{expr} {_IS_SHOWN}"))
    named = [
        Column("cloud", "Cloud"),
        Column("host", "Host"),
        Column("zone", "Zone"),
        Column("resource", "Least left of"),
        Column("Value #A", "Taken of it", _SHARE),
    ]
    return rows(About("Room by host", good), [*named, *columns], *queries).min_width(NARROW)


def that_take_none() -> Panel:
    """What hosts hold that are down or disabled."""
    good = "None, or what you expect. What is free there is no room until the host is up and enabled."
    about = About("On hosts that take no VMs", good, empty="all hosts are up and enabled.", seen=_STATE)
    queries, columns = [Query(f"count by (cloud) {_TAKES_NONE}")], []
    for heading, (metric, look) in _RESOURCES.items():
        for word, expr in (("taken", _of_hosts(metric, "allocated")), ("free", _free(metric))):
            if heading in ("vCPUs", "Memory"):
                columns.append(_column(len(queries), heading, word, look))
                queries.append(Query(f"sum by (cloud) ({expr} and {_ON_HOST} {_TAKES_NONE})"))
    return rows(
        about, [Column("cloud", "Cloud"), Column("Value #A", "Hosts", _NUMBER), *columns], *queries
    ).height(5)


def by_aggregate() -> Panel:
    """Of the aggregates that have most of their vCPUs allocated, or all."""
    good = (
        "Below 90 % where VMs of a kind can be placed nowhere else. Fullest first, by vCPUs; a host counts in"
        f" each of its aggregates. {_WHICH} Pinned: CPUs for pinning."
    )
    about = About("Room by aggregate", good, empty="no host that takes VMs is in an aggregate.", word=UNSURE)
    fullest = f"topk(50, {_share_of_aggregates('vcpus_{}')})"
    hosts = f"count by (cloud, aggregate) ({_members()})"
    queries = [Query(f"sort_desc({fullest})"), Query(f"{hosts} and on (cloud, aggregate) {fullest}")]
    columns = [
        Column("cloud", "Cloud"),
        Column("aggregate", "Aggregate"),
        Column("Value #B", "Hosts", _NUMBER),
        Column("Value #A", "vCPUs taken", _SHARE),
    ]
    for heading, (metric, look) in _RESOURCES.items():
        if heading != "vCPUs":
            share = _SHARE if heading != "Pinned" else Look(unit="percentunit")  # most have none
            columns.append(_column(len(queries), heading, "taken", share))
            queries.append(Query(f"{_share_of_aggregates(metric)} and on (cloud, aggregate) {fullest}"))
        columns.append(_column(len(queries), heading, "free", look))
        queries.append(Query(f"{_of_aggregates(_free(metric))} and on (cloud, aggregate) {fullest}"))
    return rows(about, columns, *queries).min_width(NARROW)


def of_other_classes() -> Panel:
    """GPUs and whatever else hosts have."""
    good = (
        "Not all are taken. GPUs and other resource classes without a metric of their own, as the source"
        f" spells them. {_WHICH}"
    )
    about = About("GPUs and other resource classes", good, empty="no host has any.", word=UNSURE)
    allocated, allocatable = (_of_zones(f"resource_{what}") for what in ("allocated", "allocatable"))
    shown = f"topk(50, {allocatable})"
    on = "on (cloud, zone, resource)"
    share = f"{allocated} / {on} ({allocatable} > 0)"
    queries = [Query(f"sort_desc({share} and {on} {shown})")]
    queries += [
        Query(f"{expr} and {on} {shown}") for expr in (allocated, f"{allocatable} - {on} {allocated}")
    ]
    columns = [
        Column("cloud", "Cloud"),
        Column("zone", "Zone"),
        Column("resource", "Resource class"),
        Column("Value #A", "Share taken", _SHARE),
        Column("Value #B", "Taken", _NUMBER),
        Column("Value #C", "Free", _NUMBER),
    ]
    return rows(about, columns, *queries)


def allocatable(metric: str) -> str:
    """By cloud, what may be allocated on hosts that take VMs. Args: metric: Such as `vcpus_{}`."""
    return f"sum by (cloud) ({_of_hosts(metric, 'allocatable')} unless {_ON_HOST} {_TAKES_NONE})"


def _column(place: int, heading: str, word: str, look: Look) -> Column:
    """Of a resource; most hosts have no CPUs for pinning."""
    missing = ABSENT if heading == "Pinned" else ""
    return Column(_value(place), f"{heading} {word}", look, missing=missing)


def _value(place: int) -> str:
    return f"Value #{chr(ord('A') + place)}"


def _of_hosts(metric: str, what: str) -> str:
    """Of each host once."""
    return f"max by (cloud, host) (stratoscope_management_host_{metric.format(what)}{{{_IN}}})"


def _free(metric: str) -> str:
    return f"({_of_hosts(metric, 'allocatable')} - {_ON_HOST} {_of_hosts(metric, 'allocated')})"


def _members() -> str:
    """Hosts that take VMs, once for each aggregate that they are in."""
    members = f"max by (cloud, host, aggregate) (stratoscope_management_host_aggregate_info{{{_IN}}})"
    return f"{members} and {_ON_HOST} {_TAKES_VMS}"


def _of_aggregates(of_hosts: str) -> str:
    return f"sum by (cloud, aggregate) (({_members()}) * {_ON_HOST} group_left () {of_hosts})"


def _share_of_aggregates(metric: str) -> str:
    allocated, all_of_it = (_of_aggregates(_of_hosts(metric, what)) for what in ("allocated", "allocatable"))
    return f"{allocated} / on (cloud, aggregate) ({all_of_it} > 0)"


def _of_zones(metric: str) -> str:
    """Of a resource class, on hosts that take VMs."""
    # A host that moved is in two zones for five minutes.
    takes = f"topk by (cloud, host) (1, {_TAKES_VMS})"
    of_hosts = f"max by (cloud, host, resource) (stratoscope_management_host_{metric}{{{_IN}}})"
    return f"sum by (cloud, zone, resource) ({of_hosts} * {_ON_HOST} group_left (zone) {takes})"
