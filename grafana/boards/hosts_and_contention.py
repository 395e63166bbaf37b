"""Hosts and contention: which hosts need somebody, and which VMs wait for the CPUs that others take."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.common import GraphDrawStyle
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from boards import board, colours, words
from boards.panels import (
    UNSURE,
    About,
    Column,
    Look,
    Panel,
    Query,
    bars,
    called,
    cells,
    fixed,
    highest,
    lines,
    lowest,
    rows,
    stacked,
)

_IN: Final = f'{board.IN},host=~"$host"'
_HOST: Final = "{{cloud}}: {{host}}"
_WANTED: Final = f"host:stratoscope_management_host_wanted:max{{{_IN}}}"
_UP: Final = f"host:stratoscope_management_host_up:max{{{_IN}}}"
_IN_DOWNTIME: Final = board.in_downtime(_WANTED)
_UP_OF_WANTED: Final = (
    f"sum(max by (cloud, host, zone) ({_UP}) * on (cloud, host, zone) max by (cloud, host, zone) ({_WANTED}))"
)
_DOWN: Final = f"{_UP} == 0 and on (cloud, host, zone) {_WANTED} == 1"
_DISABLED: Final = f"min by (cloud, host) (stratoscope_management_host_enabled{{{_IN}}}) == 0"
_DISABLED_BY_CLOUD: Final = f"{_DISABLED} and on (cloud, host) {_WANTED} == 1"
_STATES: Final = Look(
    words={
        "1": ("disabled on purpose", colours.PLAIN),
        "2": ("disabled by the cloud", colours.NEAR),
        "3": ("in downtime", colours.PLANNED),
        "4": ("down, in downtime", colours.PLANNED),
        "5": ("down", colours.BAD),
    }
)
_DELAYS: Final = 'cloud:stratoscope_contention:known{cloud=~"$cloud"}'
"""It is known how long VMs wait for CPU."""
_DOWNTIMES_ARE_KNOWN: Final = "and on () group(stratoscope_downtime_leader)"
_MEASURED: Final = "without an exporter: what the management layer measured, if it does."
_VM_COLUMNS: Final = (
    Column("vm_name", "VM", link=board.LINK_TO_VM),
    Column("project_name", "Project"),
    Column("cloud", "Cloud"),
    Column("host", "Host"),
)
_IDS: Final = (Column("vm_id", "Id"), Column("project_id", "Project's id", hidden=True))


def made() -> Dashboard:
    """For operators: what management says of hosts, and what each host says of itself and its VMs."""
    answer = "For operators: which hosts are up, what is short on them, and who takes whose CPU."
    return (
        board.board("hosts", "Hosts and contention", answer, board.clouds(), board.hosts())
        .with_row(Row("Are they up?"))
        .with_panel(_counts())
        .with_panel(_out_of_service())
        .with_panel(_up_over_time())
        .with_panel(_libvirt())
        .with_panel(_disagreements())
        .with_row(Row("What is short?"))
        .with_panel(_cpu())
        .with_panel(_memory())
        .with_panel(_promised())
        .with_panel(_full())
        .with_panel(_pressure())
        .with_panel(_oom_kills())
        .with_row(Row("Who waits for CPU, and who takes it?"))
        .with_panel(_verdicts())
        .with_panel(_steal())
        .with_panel(_losers())
        .with_panel(_takers())
        .with_row(Row("Storage"))
        .with_panel(_read_latency())
        .with_panel(_write_latency())
        .with_panel(_pools())
    )


def _counts() -> Panel:
    good = "None is down that is not in downtime. Wanted are hosts that nobody disabled on purpose."
    queries = [
        Query(f"sum({_WANTED})", "wanted"),
        Query(_UP_OF_WANTED, "up, of those wanted"),
        Query(_count(f"{_DOWN} unless on (cloud, host) ({_IN_DOWNTIME})"), "down"),
        Query(_count(f"{_WANTED} == 0"), "disabled on purpose"),
        Query(_count(_DISABLED_BY_CLOUD), "disabled by the cloud"),
        Query(f"{_count(_IN_DOWNTIME)} {_DOWNTIMES_ARE_KNOWN}", "in downtime"),
    ]
    panel = cells(About("Hosts", good), Look(colours=colours.steps(below=colours.PLAIN)), *queries)
    return panel.override_by_name("down", [_from_one(colours.BAD)]).override_by_name(
        "disabled by the cloud", [_from_one(colours.NEAR)]
    )


def _count(hosts: str) -> str:
    """0 where none is so, nothing where nothing is known of hosts."""
    return f"count({hosts}) or 0 * count({_WANTED})"


def _from_one(colour: str) -> DynamicConfigValue:
    return DynamicConfigValue(
        id_val="thresholds", value=colours.steps((1, colour), below=colours.PLAIN).build()
    )


def _out_of_service() -> Panel:
    good = "Nothing is down. A host that the cloud disabled failed to start VMs: see its log, then enable it."
    about = About("Hosts that are not in service", good, empty="all hosts are up and enabled.", seen=_WANTED)
    state = (
        f"topk(100, {_in_state(4, f'{_DOWN} and on (cloud, host) ({_IN_DOWNTIME})')}"
        f" or on (cloud, host) {_in_state(3, _IN_DOWNTIME)} or on (cloud, host) {_in_state(5, _DOWN)}"
        f" or on (cloud, host) {_in_state(2, _DISABLED_BY_CLOUD)}"
        f" or on (cloud, host) {_in_state(1, f'{_WANTED} == 0')})"
    )
    reason = f"max by (cloud, host, text) (stratoscope_management_host_disabled_info{{{_IN}}})"
    columns = [
        Column("cloud", "Cloud"),
        Column("host", "Host"),
        Column("zone", "Zone"),
        Column("Value #A", "State", _STATES),
        Column("text", "Reason of who disabled it"),
    ]
    return rows(about, columns, Query(state), Query(f"{reason} and on (cloud, host) {state}"))


def _in_state(number: int, expr: str) -> str:
    return f"({number} + 0 * ({expr}))"


def _up_over_time() -> Panel:
    good = "Nothing is `down`: what is down on purpose is `down, in downtime`."
    on_purpose = f"{_count(f'{_DOWN} and on (cloud, host) ({_IN_DOWNTIME})')} {_DOWNTIMES_ARE_KNOWN}"
    queries = [
        Query(_UP_OF_WANTED, "up", colours.GOOD),
        Query(_count(f"{_DOWN} unless on (cloud, host) ({_IN_DOWNTIME})"), "down", colours.BAD),
        Query(on_purpose, "down, in downtime", colours.PLANNED),
        Query(_count(f"{_WANTED} == 0"), "disabled on purpose", colours.PLAIN),
    ]
    return stacked(lines(About("Hosts over time", good), "short", *queries))


def _libvirt() -> Panel:
    good = "Below 0.1 s, with no gap: where libvirt does not answer, no VM can start, stop or migrate."
    slowest = f"max by (cloud, host) (stratoscope_hypervisor_libvirt_round_trip_seconds{{{_IN}}})"
    return lines(About("How soon libvirt answers", good), "s", Query(highest(10, slowest), _HOST))


def _disagreements() -> Panel:
    good = "None. VMs that run where the cloud does not have them, or that run and should not, or should."
    known = 'cloud:stratoscope_disagreement:compared{cloud=~"$cloud"}'
    about = About(
        "VMs on which hypervisor and cloud disagree", good, empty="both say the same of all VMs.", seen=known
    )
    labels = "on (cloud, vm_id, host, reason)"
    lasting = (
        f"vm:stratoscope_disagreement:lasting{{{_IN}}} and {labels} vm:stratoscope_disagreement:info{{{_IN}}}"
    )
    columns = [
        Column("cloud", "Cloud"),
        Column("host", "Host"),
        Column("vm_id", "VM"),
        Column("reason", "What is wrong"),
        Column("Value", "For how long", Look(unit="s")),
    ]
    return rows(about, columns, Query(f"topk(50, {lasting})"))


def _cpu() -> Panel:
    good = (
        "Below 90 %: above it VMs wait for each other. All work of the host's CPUs, of VMs or not. Of a host"
        f" {_MEASURED}"
    )
    idle = (
        "min by (cloud, host) (sum by (cloud, host, instance) (rate("
        f'stratoscope_hypervisor_host_cpu_seconds_total{{{_IN},mode=~"idle|iowait"}}[$__rate_interval])))'
    )
    busy = f"1 - {idle} / on (cloud, host) max by (cloud, host) (stratoscope_hypervisor_host_cpus{{{_IN}}})"
    measured = _measured("cpus_in_use", "vcpus")
    return lines(
        About("CPU in use", good),
        "percentunit",
        Query(highest(10, f"{busy} or on (cloud, host) {measured}"), _HOST),
    )


def _measured(used: str, of: str) -> str:
    """The share that the management layer has measured, where it does: OpenNebula's probes."""
    own, all_of_it = (
        f"max by (cloud, host) (stratoscope_management_host_{what}{{{_IN}}})" for what in (used, of)
    )
    return f"{own} / on (cloud, host) ({all_of_it} > 0)"


def _memory() -> Panel:
    good = (
        "Above the threshold, which is an alert where the host has an exporter. Memory that is available"
        f" without swapping, least first. Of a host {_MEASURED}"
    )
    available = f"host:stratoscope_hypervisor_host_memory_available_bytes:ratio{{{_IN}}}"
    measured = _measured("memory_in_use_bytes", "memory_bytes")
    least = lowest(10, f"{available} or on (cloud, host) 1 - {measured}")
    threshold = Query("max(global:host_memory_available_ratio:threshold)", "threshold")
    return lines(About("Memory available", good), "percentunit", Query(least, _HOST), threshold)


def _promised() -> Panel:
    good = "Below 1, where the alert is: what active VMs may use, over what the host has, over the threshold."
    vcpus = f"host:stratoscope_hypervisor_host_vcpus_promised:ratio{{{_IN}}}"
    memory = f"host:stratoscope_hypervisor_host_memory_promised_bytes:ratio{{{_IN}}}"
    queries = [
        Query(f"topk(6, {vcpus} / scalar(global:host_vcpus_promised_ratio:threshold))", f"{_HOST}, vCPUs"),
        Query(f"topk(6, {memory} / scalar(global:host_memory_promised_ratio:threshold))", f"{_HOST}, memory"),
    ]
    about = About("Promised, over threshold", good)
    return bars(about, Look(colours=colours.over_threshold()), *queries).max(1)


def _full() -> Panel:
    good = "Below 1, where the alert is. When the table is full, the kernel drops new connections of all VMs."
    about = About("Connection tables, over threshold", good)
    used = (
        f"max by (cloud, host) (stratoscope_hypervisor_host_conntrack_entries{{{_IN}}}"
        f" / (stratoscope_hypervisor_host_conntrack_entries_limit{{{_IN}}} > 0))"
    )
    query = Query(f"topk(10, {used} / scalar(global:conntrack_ratio:threshold))", _HOST)
    return bars(about, Look(colours=colours.over_threshold()), query).max(1)


def _pressure() -> Panel:
    good = (
        "Low: the share of time in which some task waits for CPU, I/O or memory. For memory it should be 0."
    )
    queries = [
        Query(
            highest(
                5,
                "max by (cloud, host) (rate(stratoscope_hypervisor_host_pressure_some_seconds_total"
                f'{{{_IN},resource="{resource}"}}[$__rate_interval]))',
            ),
            f"{_HOST}, {resource}",
        )
        for resource in ("cpu", "io", "memory")
    ]
    return lines(About("Pressure (PSI)", good), "percentunit", *queries)


def _oom_kills() -> Panel:
    good = "None. Each is a process, perhaps a VM, that the kernel killed for its memory."
    total = f"stratoscope_hypervisor_host_oom_kills_total{{{_IN}}}"
    about = About("Processes that the kernel killed", good, empty="nothing was killed.", seen=total)
    # A rate's windows are longer than a step: one kill would be several bars, and fractions of kills.
    kills = f"max by (cloud, host) ({total} - {total} offset $__interval) > 0"
    panel = lines(about, "short", Query(highest(10, kills), _HOST))
    return panel.draw_style(GraphDrawStyle.BARS).fill_opacity(80)


def _verdicts() -> Panel:
    good = "None. A quota of their own is changed by another flavor; for the others VMs are moved or limited."
    about = About("VMs that wait for CPU, by cause", good, empty="no VM waits for CPU.", seen=_DELAYS)
    query = Query(f"sum by (cause) (host:stratoscope_contention:verdict_count{{{_IN}}})", "{{cause}}")
    panel = stacked(lines(about, "short", query))
    for cause, (text, colour) in words.CAUSES.items():
        panel = panel.override_by_name(cause, [called(text), fixed(colour)])
    return panel


def _steal() -> Panel:
    good = "Below the threshold: of the time in which VMs of the host could run, the share that they waited."
    delay = _of_host("vcpu_delay_seconds")
    cpu = _of_host("cpu_seconds")
    most = highest(10, f"{delay} / on (cloud, host) ({delay} + on (cloud, host) {cpu} > 0)")
    threshold = Query("max(global:steal_ratio:threshold)", "threshold of a VM")
    return lines(About("Steal, of all VMs of a host", good), "percentunit", Query(most, _HOST), threshold)


def _losers() -> Panel:
    about = About(
        "VMs that lose most",
        "None. Those that wait for their own CPU quota are left out.",
        empty="no VM loses CPU, or all wait for their own quota.",
        seen=_DELAYS,
    )
    loss = (
        f'vm:stratoscope_contention:loss{{cloud=~"$cloud"}} {_with_names("vm:stratoscope_contention:loss")}'
    )
    cause = (
        "group by (cloud, vm_id, cause) (vm:stratoscope_contention:verdict"
        '{cloud=~"$cloud",cause!="own_limit"})'
    )
    query = Query(f"topk(10, {loss} * on (cloud, vm_id) group_left (cause) {board.one_of_vm(cause)})")
    lost = Column("Value", "CPUs lost", Look(colours=colours.steps((0.05, colours.NEAR), (0.5, colours.BAD))))
    columns = [*_VM_COLUMNS, Column("cause", "What it waits for", words.causes()), lost, *_IDS]
    return rows(about, columns, query)


def _takers() -> Panel:
    good = "None. CPUs that a VM takes beyond its share, on hosts where others lose: move it, or limit it."
    about = About(
        "VMs that take most", good, empty="no host has a VM that loses CPU to others.", seen=_DELAYS
    )
    taken = 'max by (cloud, vm_id) (instance_vm:stratoscope_contention:excess{cloud=~"$cloud"})'
    query = Query(f"topk(10, {taken} {_with_names('instance_vm:stratoscope_contention:excess')})")
    most = Column("Value", "CPUs taken beyond its share", Look(colours=colours.steps((0.5, colours.NEAR))))
    return rows(about, [*_VM_COLUMNS, most, *_IDS], query)


def _with_names(found: str) -> str:
    """Joins names to a vector of VMs; those of the VMs that the given record has are read alone."""
    who = f"vm:stratoscope_vm_info:unique{{{_IN}}} and on (cloud, vm_id) {found}"
    names = "vm_name, project_id, project_name, host"
    return f"* on (cloud, vm_id) group_left ({names}) {board.one_of_vm(who)}"


def _read_latency() -> Panel:
    return _latency("read")


def _write_latency() -> Panel:
    return _latency("write")


def _latency(way: str) -> Panel:
    good = "Below 0.01 s on SSDs. The mean of all requests of the host's VMs."
    seconds, requests = (_of_host(f"disk_{way}_{what}") for what in ("seconds", "requests"))
    query = Query(highest(10, f"{seconds} / on (cloud, host) ({requests} > 0)"), _HOST)
    return lines(
        About(f"How long a {way} takes", good, empty="no host shows the disks of its VMs."), "s", query
    )


def _of_host(what: str) -> str:
    """Of all VMs of a host. One that changed its shard has two series for five minutes."""
    return f"max by (cloud, host) (host:stratoscope_hypervisor_vm_{what}:rate5m_sum{{{_IN}}})"


def _pools() -> Panel:
    good = (
        "All green: above `pool_filling_ratio`. Red is where the alert's condition holds: below"
        " `pool_available_ratio`, or full by its pace within `pool_full_seconds`. VMs that write would stop."
    )
    of = "host_pool:stratoscope_hypervisor_host_pool_available_bytes"
    least = f"bottomk(10, {of}:ratio{{{_IN}}})"
    is_alert = f"on (cloud, host, pool) {of}:ratio_nearly_full{{{_IN}}}"
    others, filling = f"({least} unless {is_alert})", "scalar(global:pool_filling_ratio:threshold)"
    bands = {
        "A": (f"{least} and {is_alert}", colours.BAD),
        "B": (f"{others} < {filling}", colours.NEAR),
        "C": (f"{others} >= {filling}", colours.GOOD),
    }
    about = About("Storage pools: share that is free", good, empty="no host has a storage pool.", word=UNSURE)
    queries = [Query(expr, f"{_HOST}, {{{{pool}}}}") for expr, _ in bands.values()]
    panel = bars(about, Look(unit="percentunit"), *queries)
    for ref, (_, colour) in bands.items():
        steps = colours.steps(below=colour).build()
        panel = panel.override_by_query(ref, [DynamicConfigValue(id_val="thresholds", value=steps)])
    return panel.max(1).span(24)
