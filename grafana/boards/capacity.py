"""Capacity and over-provisioning: what is allocated, what still fits and for how long, and who has most."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from boards import board, colours
from boards.panels import About, Column, Look, Panel, Query, bars, cells, highest, lines, rows, stacked

_IN: Final = 'cloud=~"$cloud"'
_ZONE: Final = "{{cloud}}: {{zone}}"
_ROOM: Final = f"flavor:stratoscope_management_flavor_room_vms:max{{{_IN}}}"
_HORIZON: Final = "scalar(global:room_horizon_seconds:threshold)"
_HAD_ROOM: Final = f"max_over_time({_ROOM}[1w] @ end()) > 0"
"""Many flavors never fit into many zones, which have no host of that kind. Asked once, not at each step."""
_OF_WHICH: Final = "Flavors for which there was room within the last week; of a cloud without any, all."
_NETWORK_NAMES: Final = (
    "group by (cloud, network_id, network_name) (topk by (cloud, network_id) (1,"
    f' timestamp(stratoscope_management_network_info{{{_IN},external="true"}})))'
)
_PROJECT_NAMES: Final = (
    "group by (cloud, project_id, project_name) (topk by (cloud, project_id) (1,"
    f" timestamp(stratoscope_management_project_info{{{_IN}}})))"
)
_BIGGEST: Final = f"topk(20, project:stratoscope_management_project_vcpus:max{{{_IN}}})"


def made() -> Dashboard:
    """For who plans: hosts, storage and addresses, as the management layer sees them."""
    answer = "For who plans: how full the clouds are, what still fits and until when, and who has most."
    return (
        board.board("capacity", "Capacity and over-provisioning", answer, board.clouds(), last="now-7d")
        .with_row(Row("How full is it?"))
        .with_panel(_full_now())
        .with_panel(_allocated("vCPUs", "vcpus_allocated"))
        .with_panel(_allocated("Memory", "memory_allocated_bytes"))
        .with_panel(_conditions())
        .with_panel(_overcommitted())
        .with_row(Row("What still fits?"))
        .with_panel(_room_now())
        .with_panel(_room_over_time())
        .with_panel(_largest())
        .with_panel(_filling_up())
        .with_row(Row("Storage and addresses"))
        .with_panel(_backends())
        .with_panel(_addresses())
        .with_panel(_backends_over_time())
        .with_panel(_promised_by_backends())
        .with_row(Row("Who has it, and who may have more?"))
        .with_panel(_may_be_allocated("vCPUs", "vcpus_allocatable", "none"))
        .with_panel(_may_be_allocated("Memory", "memory_allocatable_bytes", "bytes"))
        .with_panel(_quotas())
        .with_panel(_biggest())
    )


def _full_now() -> Panel:
    good = "Below 90 %: of what may be allocated to VMs, what is. Above it no host can be emptied."
    look = Look(unit="percentunit", colours=colours.steps((0.8, colours.NEAR), (0.9, colours.BAD)))
    queries = [
        Query(f"cloud:stratoscope_management_host_vcpus_allocated:ratio{{{_IN}}}", "{{cloud}}, vCPUs"),
        Query(
            f"cloud:stratoscope_management_host_memory_allocated_bytes:ratio{{{_IN}}}", "{{cloud}}, memory"
        ),
    ]
    return cells(About("Allocated", good), look, *queries)


def _allocated(title: str, what: str) -> Panel:
    good = "Below 90 %, and growing slowly: of what may be allocated to VMs in the zone, what is."
    query = Query(highest(10, f"zone:stratoscope_management_host_{what}:ratio{{{_IN}}}"), _ZONE)
    return lines(About(f"{title} allocated, by zone", good), "percentunit", query)


def _conditions() -> Panel:
    good = "Mostly running. `changing` and `error` go up and down, and do not grow for hours."
    query = Query(
        f"sum by (condition) (cloud:stratoscope_management_condition_vms:sum{{{_IN}}})", "{{condition}}"
    )
    return stacked(lines(About("VMs by condition", good), "short", query))


def _overcommitted() -> Panel:
    good = (
        "Below 1, where the alert is: allocated to VMs over what hosts physically have, over the threshold."
    )
    queries = [
        Query(
            "topk(6, max by (cloud, zone)"
            f" (stratoscope_management_zone_{what}_overprovisioning_ratio{{{_IN}}})"
            f" / scalar(global:overcommit_{what}_ratio:threshold))",
            f"{_ZONE}, {word}",
        )
        for what, word in (("vcpus", "vCPUs"), ("memory", "memory"), ("disk", "disk"))
    ]
    about = About("Over-provisioning, over threshold", good)
    return bars(about, Look(colours=colours.over_threshold()), *queries).max(1)


def _room_now() -> Panel:
    good = (
        "More than a handful of each flavor, now and when the time is over that the alert looks ahead."
        f" {_OF_WHICH}"
    )
    left = Look(unit="short", colours=colours.steps((1, colours.NEAR), (5, colours.GOOD), below=colours.BAD))
    least = f"bottomk(50, {_ROOM} and {_HAD_ROOM} or on (cloud) {_ROOM})"
    on_flavor = "and on (cloud, flavor, zone)"
    then = f"predict_linear(flavor:stratoscope_management_flavor_room_vms:max{{{_IN}}}[1d], {_HORIZON})"
    vms = f"max by (cloud, flavor) (stratoscope_management_flavor_vms{{{_IN}}})"
    queries = [
        Query(least),
        Query(f"clamp_min(floor({then} {on_flavor} {least}), 0)"),
        Query(f"{vms} * on (cloud, flavor) group_right () ({least} >= bool 0)"),
    ]
    columns = [
        Column("cloud", "Cloud"),
        Column("flavor", "Flavor"),
        Column("zone", "Zone"),
        Column("Value #A", "More VMs that fit", left),
        Column("Value #B", "If the last day goes on like that", left),
        Column("Value #C", "VMs in the cloud", Look(unit="none")),
    ]
    return rows(About("Room by flavor", good), columns, *queries)


def _room_over_time() -> Panel:
    good = f"No line goes towards 0. Those with the least room at the end of the time shown. {_OF_WHICH}"
    last = f"last_over_time({_ROOM}[$__range] @ end())"
    least = f"bottomk(10, {last} and {_HAD_ROOM} or on (cloud) {last})"
    query = Query(f"{_ROOM} and {least}", "{{cloud}}: {{flavor}}, {{zone}}")
    return lines(About("Room over time", good), "short", query)


def _largest() -> Panel:
    good = "What the largest flavor of each zone should be: a VM of it still fits."
    query = Query(
        f"topk(50, max by (cloud, zone, flavor) (stratoscope_management_zone_largest_flavor_info{{{_IN}}}))"
    )
    columns = [Column("cloud", "Cloud"), Column("zone", "Zone"), Column("flavor", "Largest flavor that fits")]
    return rows(About("Largest flavor that fits", good), columns, query).span(12)


def _filling_up() -> Panel:
    good = "None. Full: there was room within the week. Filling up: soon there is none, by the last day."
    about = About("Flavors that are full, or will be", good, empty="no flavor is full or fills up.")
    alerts = f'ALERTS{{{_IN},alertname=~"StratoscopeFlavorFull|StratoscopeFlavorFillingUp"}}'
    query = Query(f"topk(50, max by (cloud, flavor, zone, alertname, alertstate) ({alerts}))")
    columns = [
        Column("cloud", "Cloud"),
        Column("flavor", "Flavor"),
        Column("zone", "Zone"),
        Column("alertname", "Alert"),
        Column("alertstate", "State"),
    ]
    return rows(about, columns, query)


def _backends() -> Panel:
    good = "Below 1, where the alert is: the share in use over the threshold. Rebalancing needs the rest."
    used = f"backend:stratoscope_management_backend_free_bytes:used_ratio{{{_IN}}}"
    query = Query(f"topk(10, {used} / scalar(global:backend_used_ratio:threshold))", "{{cloud}}: {{backend}}")
    about = About("Storage backends, over threshold", good)
    return bars(about, Look(colours=colours.over_threshold()), query).max(1)


def _addresses() -> Panel:
    good = "Below 1, where the alert is: addresses of external networks in use over the threshold."
    used = (
        f"network:stratoscope_management_network_addresses_used:ratio{{{_IN}}}"
        f" * on (cloud, network_id) group_left (network_name) {_NETWORK_NAMES}"
    )
    query = Query(
        f"topk(10, {used} / scalar(global:addresses_used_ratio:threshold))",
        "{{cloud}}: {{network_name}}, IPv{{ip_version}}",
    )
    about = About("Addresses, over threshold", good)
    return bars(about, Look(colours=colours.over_threshold()), query).max(1)


def _backends_over_time() -> Panel:
    good = "Flat, or growing so slowly that disks can be bought."
    query = Query(
        highest(10, f"backend:stratoscope_management_backend_free_bytes:used_ratio{{{_IN}}}"),
        "{{cloud}}: {{backend}}",
    )
    return lines(About("Storage in use", good), "percentunit", query)


def _promised_by_backends() -> Panel:
    good = (
        "Below 100 %: volumes, filled or not, of what the backend may promise. Then no volume can be created."
    )
    about = About("Storage promised", good, empty="no backend has a limit to what it may promise.")
    provisioned = f"max by (cloud, backend) (stratoscope_management_backend_provisioned_bytes{{{_IN}}})"
    capacity = f"(max by (cloud, backend) (stratoscope_management_backend_capacity_bytes{{{_IN}}}) > 0 < Inf)"
    may = f"max by (cloud, backend) (stratoscope_management_backend_overcommit_ratio{{{_IN}}})"
    share = f"{provisioned} / on (cloud, backend) ({capacity} * on (cloud, backend) {may})"
    look = Look(unit="percentunit", colours=colours.over_threshold())
    return bars(about, look, Query(f"topk(10, {share})", "{{cloud}}: {{backend}}")).max(1)


def _may_be_allocated(title: str, what: str, unit: str) -> Panel:
    good = "Not far below what quotas allow, in the table below: else not all can have what they may have."
    hosts = f"max by (cloud, host) (stratoscope_management_host_{what}{{{_IN}}})"
    look = Look(unit=unit, colours=colours.steps(below=colours.PLAIN))
    about = About(f"{title} that may be allocated", good)
    return cells(about, look, Query(f"sum by (cloud) ({hosts})", "{{cloud}}")).span(12)


def _biggest() -> Panel:
    good = "Those that you expect. By the virtual CPUs of all VMs, running or not."
    on_project = "* on (cloud, project_id) group_left (project_name)"
    those = f"and on (cloud, project_id) {_BIGGEST}"
    ratio = (
        f"max by (cloud, project_id) (stratoscope_management_project_vcpus_overprovisioning_ratio{{{_IN}}})"
    )
    queries = [
        Query(f"{_BIGGEST} {on_project} {_PROJECT_NAMES}"),
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


def _quotas() -> Panel:
    good = (
        "What all quotas allow is not far beyond what may be allocated, above. In the units of the quota."
        " Used: by the projects that have a limit; the others may have any amount."
    )
    of = "by (cloud, service, resource)"
    on = "on (cloud, service, resource)"
    shown = {unit: f"topk(60, sum {of} ({_of_quotas('used' + unit)}) > 0)" for unit in ("", "_bytes")}
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
        Column("Value #A", "Used", Look(unit="none")),
        Column("Value #B", "Allowed", Look(unit="none")),
        Column("Value #C", "Used, bytes", Look(unit="bytes")),
        Column("Value #D", "Allowed, bytes", Look(unit="bytes")),
        Column("Value #E", "Projects without a limit", Look(unit="none")),
    ]
    return rows(About("What quotas allow, of all projects", good), columns, *queries)


def _of_quotas(what: str) -> str:
    """Of each project, once."""
    metric = f"stratoscope_management_quota_{what}{{{_IN}}}"
    return f"max by (cloud, project_id, service, resource) ({metric})"
