"""Capacity and over-provisioning: what is allocated, what still fits and for how long, and who has most."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards import board, capacity_costs, capacity_hosts, capacity_projects, colours
from boards.panels import (
    UNSURE,
    About,
    Column,
    Look,
    Panel,
    Query,
    bars,
    cells,
    highest,
    lines,
    rows,
    stacked,
)

_IN: Final = board.IN
_ZONE: Final = "{{cloud}}: {{zone}}"
_ALLOCATED_IS: Final = (
    "Below 90 %, and growing slowly: of what may be allocated to VMs on the zone's hosts that are up and"
    " enabled, what is. A host that is disabled moves it at once."
)
_ROOM: Final = f"flavor:stratoscope_management_flavor_room_vms:max{{{_IN}}}"
_HORIZON: Final = "scalar(global:room_horizon_seconds:threshold)"
_HAD_ROOM: Final = f"max_over_time({_ROOM}[1w] @ end()) > 0"
"""Many flavors never fit into many zones, which have no host of that kind. Asked once, not at each step."""
_OF_WHICH: Final = "Flavors for which there was room within the last week; of a cloud without any, all."
_ROOM_STATES: Final = Look(
    words={
        "0": ("room", colours.GOOD),
        "1": ("none for a week", colours.UNKNOWN),
        "2": ("fills up", colours.NEAR),
        "3": ("full", colours.BAD),
    }
)
_COUNTED: Final = (
    ("VMs", "cloud:stratoscope_management_condition_vms:sum{{{}}}", "condition"),
    ("Volumes", "stratoscope_management_volumes{{{}}}", "state"),
    ("Images", "stratoscope_management_images{{{}}}", "state"),
    ("Networks", "stratoscope_management_networks{{{}}}", "state"),
    ("Projects", "stratoscope_management_projects{{{}}}", ""),
    ("Users", "stratoscope_management_users{{{}}}", ""),
)
"""What is counted, by which metric, of which states."""
_NETWORK_NAMES: Final = board.newest(
    f'stratoscope_management_network_info{{{_IN},external="true"}}', "cloud, network_id", "network_name"
)


def made() -> Dashboard:
    """For who plans: hosts, storage and addresses, as the management layer sees them."""
    answer = "For who plans: how full the clouds are, what still fits and until when, and who has most."
    made = board.board("capacity", "Capacity and over-provisioning", answer, board.clouds(), last="now-7d")
    made = board.with_rows(
        made,
        {
            "How full is it?": (
                _full_now(),
                _allocated("vCPUs", "vcpus_allocated"),
                _allocated("Memory", "memory_allocated_bytes"),
                _allocated("Disk", "disk_allocated_bytes"),
                _pinned(),
                _conditions(),
                _in_use(),
                _overcommitted(),
            ),
            "Which hosts have room?": (capacity_hosts.by_host(), capacity_hosts.that_take_none()),
            "What still fits?": (_room_now(), _room_over_time(), _largest(), _filling_up()),
            "Storage and addresses": (
                _backends(),
                _addresses(),
                _backends_over_time(),
                _promised_by_backends(),
            ),
        },
    )
    closed = {
        "Who has it, and who may have more?": (
            capacity_projects.cpus(),
            capacity_projects.memory(),
            capacity_projects.quotas(),
            capacity_projects.biggest(),
        ),
        "Aggregates, GPUs and other resource classes": (
            capacity_hosts.by_aggregate(),
            capacity_hosts.of_other_classes(),
        ),
        "What does it cost?": (capacity_costs.flavors(),),
        "How many are there?": tuple(_how_many(*one) for one in _COUNTED),
    }
    for heading, panels in closed.items():
        made = board.with_closed_row(made, heading, panels)
    return made


def _full_now() -> Panel:
    good = (
        "Below 90 %: of what may be allocated to VMs, what is. Above it no host can be emptied. Of hosts that"
        " are up and enabled."
    )
    look = Look(unit="percentunit", colours=colours.steps((0.8, colours.NEAR), (0.9, colours.BAD)))
    queries = [
        Query(f"cloud:stratoscope_management_host_{what}:ratio{{{_IN}}}", f"{{{{cloud}}}}, {word}")
        for what, word in {
            "vcpus_allocated": "vCPUs",
            "pcpus_allocated": "CPUs for pinning",
            "memory_allocated_bytes": "memory",
            "disk_allocated_bytes": "disk",
        }.items()
    ]
    return cells(About("Allocated", good), look, *queries)


def _allocated(title: str, what: str) -> Panel:
    about = About(f"{title} allocated, by zone", _ALLOCATED_IS)
    return lines(about, "percentunit", _allocated_of_zones(what))


def _pinned() -> Panel:
    about = About(
        "CPUs for pinning allocated, by zone",
        _ALLOCATED_IS,
        empty="no host has CPUs for pinning.",
        word=UNSURE,
    )
    return lines(about, "percentunit", _allocated_of_zones("pcpus_allocated"))


def _allocated_of_zones(what: str) -> Query:
    return Query(highest(10, f"zone:stratoscope_management_host_{what}:ratio{{{_IN}}}"), _ZONE)


def _conditions() -> Panel:
    good = "Mostly running. `changing` and `error` go up and down, and do not grow for hours."
    query = Query(
        f"sum by (condition) (cloud:stratoscope_management_condition_vms:sum{{{_IN}}})", "{{condition}}"
    )
    return stacked(lines(About("VMs by condition", good), "short", query))


def _in_use() -> Panel:
    good = (
        "Below 80 %, of CPU and memory: of what hosts have, what they really use, for VMs or not. Far below"
        " what is allocated: more could be promised."
    )
    about = About(
        "In use, as the management layer measures it",
        good,
        empty="this management layer measures no host: see *Hosts and contention*.",
    )
    words = (("cpus_in_use", "vcpus", "CPUs"), ("memory_in_use_bytes", "memory_bytes", "memory"))
    shares = (
        f'label_replace({_share_in_use(used, of)}, "resource", "{word}", "", "")' for used, of, word in words
    )
    return lines(about, "percentunit", Query(highest(10, " or ".join(shares)), "{{cloud}}: {{resource}}"))


def _share_in_use(used: str, of: str) -> str:
    """Of the hosts of which both are known."""
    own, all_of_it = (
        f"max by (cloud, host) (stratoscope_management_host_{what}{{{_IN}}})" for what in (used, of)
    )
    both = (
        f"sum by (cloud) ({one} and on (cloud, host) {other})"
        for one, other in ((own, all_of_it), (all_of_it, own))
    )
    return "{} / on (cloud) ({} > 0)".format(*both)


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
        "All have room for a handful or more, now and soon: when the time is over that the alert looks ahead."
        " `full` and `fills up` are alerts, by the thresholds `flavor_room_vms` and `room_horizon_seconds`."
        f" {_OF_WHICH}"
    )
    least = f"bottomk(50, {_ROOM} and {_HAD_ROOM} or on (cloud) {_ROOM})"
    on_flavor = "and on (cloud, flavor, zone)"
    then = f"predict_linear(flavor:stratoscope_management_flavor_room_vms:max{{{_IN}}}[1d], {_HORIZON})"
    vms = f"max by (cloud, flavor) (stratoscope_management_flavor_vms{{{_IN}}})"
    state = (
        f"3 + 0 * flavor:stratoscope_management_flavor_room_vms:full{{{_IN}}}"
        f" or 2 + 0 * flavor:stratoscope_management_flavor_room_vms:filling_up{{{_IN}}}"
        f" or 1 + 0 * ({_ROOM} <= scalar(global:flavor_room_vms:threshold)) or 0 * {_ROOM}"
    )
    queries = [
        Query(least),
        Query(f"clamp_min(floor({then} {on_flavor} {least}), 0)"),
        Query(f"{vms} * on (cloud, flavor) group_right () ({least} >= bool 0)"),
        Query(f"({state}) {on_flavor} {least}"),
    ]
    columns = [
        Column("cloud", "Cloud"),
        Column("flavor", "Flavor"),
        Column("zone", "Zone"),
        Column("Value #A", "More VMs that fit", Look(unit="none")),
        Column("Value #B", "Soon, by the last day", Look(unit="none")),
        Column("Value #D", "State", _ROOM_STATES),
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
    about = About(
        "Flavors that are full, or will be", good, empty="no flavor is full or fills up.", seen=_ROOM
    )
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
    about = About(
        "Storage promised", good, empty="no backend has a limit to what it may promise.", word=UNSURE
    )
    provisioned = f"max by (cloud, backend) (stratoscope_management_backend_provisioned_bytes{{{_IN}}})"
    capacity = f"(max by (cloud, backend) (stratoscope_management_backend_capacity_bytes{{{_IN}}}) > 0 < Inf)"
    may = f"max by (cloud, backend) (stratoscope_management_backend_overcommit_ratio{{{_IN}}})"
    share = f"{provisioned} / on (cloud, backend) ({capacity} * on (cloud, backend) {may})"
    look = Look(unit="percentunit", colours=colours.over_threshold())
    return bars(about, look, Query(f"topk(10, {share})", "{{cloud}}: {{backend}}")).max(1)


def _how_many(title: str, metric: str, state: str) -> Panel:
    """All of a cloud, in whatever state."""
    good = f"Moves as you expect. {title} of all projects that the credential sees, in any state."
    about = About(title, good, empty="the credential may not list them.")
    by = f"cloud, {state}" if state else "cloud"
    counted = f"max by ({by}) ({metric.format(_IN)})"
    query = Query(f"sum by (cloud) ({counted})" if state else counted, "{{cloud}}")
    return lines(about, "short", query).span(8)
