"""Panels of the dashboard on capacity about projects: what they may have, what they have."""

from typing import Final

from boards import board, capacity_hosts, colours
from boards.panels import ABSENT, About, Column, Look, Panel, Query, cells, rows

_IN: Final = board.IN
PROJECT_NAMES: Final = board.newest(
    f"stratoscope_management_project_info{{{_IN}}}", "cloud, project_id", "project_name"
)
_MAY_BE: Final = (
    "Not far below what quotas allow, in the table below: else not all can have what they may have. On hosts"
    " that are up and enabled."
)
_MOST_QUOTAS: Final = {"": 70, "_bytes": 30}
"""By unit how many have rows, 100 together."""
_BIGGEST: Final = f"topk(20, project:stratoscope_management_project_vcpus:max{{{_IN}}})"


def cpus() -> Panel:
    """To be compared with quotas."""
    queries = [
        Query(capacity_hosts.allocatable("vcpus_{}"), "{{cloud}}"),
        Query(capacity_hosts.allocatable("pcpus_{}"), "{{cloud}}, for pinning"),
    ]
    look = Look(unit="none", colours=colours.steps(below=colours.PLAIN))
    return cells(About("vCPUs that may be allocated", _MAY_BE), look, *queries).span(12)


def memory() -> Panel:
    """To be compared with quotas."""
    query = Query(capacity_hosts.allocatable("memory_{}_bytes"), "{{cloud}}")
    look = Look(unit="bytes", colours=colours.steps(below=colours.PLAIN))
    return cells(About("Memory that may be allocated", _MAY_BE), look, query).span(12)


def biggest() -> Panel:
    """The projects that have most."""
    good = "Those that you expect. By the virtual CPUs of all VMs, running or not."
    on_project = "* on (cloud, project_id) group_left (project_name)"
    those = f"and on (cloud, project_id) {_BIGGEST}"
    ratio = (
        f"max by (cloud, project_id) (stratoscope_management_project_vcpus_overprovisioning_ratio{{{_IN}}})"
    )
    queries = [
        Query(f"{_BIGGEST} {on_project} {PROJECT_NAMES}"),
        Query(f"{_of_projects('vms')} {those}"),
        Query(f"{_of_projects('memory_bytes')} {those}"),
        Query(f"{ratio} {those}"),
    ]
    columns = [
        Column("project_name", "Project"),
        Column("cloud", "Cloud"),
        Column("Value #A", "vCPUs", Look(unit="none")),
        Column("Value #B", "VMs", Look(unit="none")),
        Column("Value #C", "Memory", Look(unit="bytes")),
        Column("Value #D", "vCPUs per CPU", Look(unit="none")),
        Column("project_id", "Id"),
    ]
    return rows(About("Biggest projects", good), columns, *queries)


def _of_projects(what: str) -> str:
    """Without the record's name: rows of two names are not merged."""
    return f"max by (cloud, project_id) (project:stratoscope_management_project_{what}:max{{{_IN}}})"


def quotas() -> Panel:
    """What all projects may have, and have."""
    good = (
        "What all quotas allow is not far beyond what may be allocated, above. In the units of the quota."
        " Used: by the projects that have a limit; the others may have any amount."
    )
    of = "by (cloud, service, resource)"
    on = "on (cloud, service, resource)"
    used = {unit: f"sum {of} ({_of_quotas('used' + unit)})" for unit in _MOST_QUOTAS}
    shown = {unit: f"topk({most}, {used[unit]} > 0)" for unit, most in _MOST_QUOTAS.items()}
    queries = []
    for unit, chosen in shown.items():
        limits = _of_quotas("limit" + unit)
        limited = f"{_of_quotas('used' + unit)} and on (cloud, project_id, service, resource) {limits}"
        queries += [
            Query(f"sort_desc(sum {of} ({limited}) and {on} {chosen})"),
            Query(f"sum {of} ({limits}) and {on} {chosen}"),
        ]
    unlimited = f"sum {of} ({_of_quotas('unlimited')})"
    queries.append(Query(f"{unlimited} and {on} ({' or '.join(shown.values())})"))
    columns = [
        Column("cloud", "Cloud"),
        Column("service", "Service"),
        Column("resource", "Resource"),
        Column("Value #A", "Used", Look(unit="none"), missing=ABSENT),
        Column("Value #B", "Allowed", Look(unit="none"), missing=ABSENT),
        Column("Value #C", "Used, bytes", Look(unit="bytes"), missing=ABSENT),
        Column("Value #D", "Allowed, bytes", Look(unit="bytes"), missing=ABSENT),
        Column("Value #E", "Projects without a limit", Look(unit="none"), missing=ABSENT),
    ]
    return rows(About("What quotas allow, of all projects", good), columns, *queries)


def _of_quotas(what: str) -> str:
    """Of each project, once."""
    metric = f"stratoscope_management_quota_{what}{{{_IN}}}"
    return f"max by (cloud, project_id, service, resource) ({metric})"
