"""Which hypervisor technology performs how? Hosts in groups, by the hypervisor that they run."""

from typing import Final

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from boards import board, colours
from boards.panels import NARROW, About, Column, Look, Panel, Query, lines, rows

_IN: Final = board.IN
_LABELS: Final = "hypervisor, hypervisor_version, libvirt_version"
_NAME: Final = "{{hypervisor}} {{hypervisor_version}} {{libvirt}}"
_WANTED: Final = "management_host_wanted:sum"
_UP: Final = "management_host_up:sum"
_VMS: Final = "hypervisor_host_vms:sum"
_VCPUS: Final = "hypervisor_host_vcpus_promised:sum"
_CPUS: Final = "hypervisor_host_cpus:sum"
_CPU: Final = "hypervisor_vm_cpu_seconds:rate5m_sum"
_DELAY: Final = "hypervisor_vm_vcpu_delay_seconds:rate5m_sum"
_PERIODS: Final = "hypervisor_vm_cpu_periods:rate5m_sum"
_THROTTLED: Final = "hypervisor_vm_cpu_throttled_periods:rate5m_sum"
_STEAL_IS: Final = (
    "Near 0: of the time in which VMs could run, the share that they waited for a CPU of the host."
)
_THROTTLING_IS: Final = "Near 0: of the periods of CPU quotas, the share in which they were used up."
_USE_IS: Final = (
    "High means that little is wasted, if steal is low: CPUs that VMs use, of their virtual CPUs."
)
_PROMISED_IS: Final = (
    "Similar in all groups, else the others do not compare: virtual CPUs promised per CPU of hosts."
)
_LATENCY_IS: Final = "Low, and the same at all hours. The mean of all requests of the VMs to their disks."
_STUCK_IS: Final = (
    "0: VMs whose process is stopped or does not answer, by the check `host`, of those that are checked."
)
_CRASHED_IS: Final = (
    "0: VMs that crashed, or could not be started, and nobody requested that; by the check `vm`."
)
_UP_IS: Final = (
    "100 %: of the hosts that nobody disabled and that are in no planned outage, those that are up, as the"
    " management layer sees them."
)
_WHERE: Final = (
    "A probe counts for what the hosts of its zone run, without a zone all hosts; `several` if they differ."
)


def made() -> Dashboard:
    """For who chooses: groups of hosts side by side, never single VMs."""
    answer = "For who chooses: hosts in groups, by the hypervisor that they run, its version and libvirt's."
    question = "Which hypervisor technology performs how?"
    return (
        board.board("technologies", question, answer, board.clouds(), last="now-24h")
        .with_row(Row("Now"))
        .with_panel(_side_by_side())
        .with_row(Row("Do VMs get the CPU that they were promised?"))
        .with_panel(_over_time("Steal", _STEAL_IS, "percentunit", _steal()))
        .with_panel(_over_time("Throttling", _THROTTLING_IS, "percentunit", _throttling()))
        .with_panel(_over_time("CPU in use", _USE_IS, "percentunit", _share(_CPU, _VCPUS)))
        .with_panel(_over_time("Virtual CPUs per CPU", _PROMISED_IS, "none", _share(_VCPUS, _CPUS)))
        .with_row(Row("How quick is their storage?"))
        .with_panel(_how_long("read"))
        .with_panel(_how_long("write"))
        .with_row(Row("Does it fail?"))
        .with_panel(_over_time("Stuck VMs, of 1000", _STUCK_IS, "short", _failing("host")))
        .with_panel(_over_time("Crashed VMs, of 1000", _CRASHED_IS, "short", _failing("vm")))
        .with_panel(_over_time("Hosts that are up", _UP_IS, "percentunit", _share(_UP, _WANTED)).max(1))
        .with_panel(_rotation())
        .with_row(Row("How soon does a VM run?"))
        .with_panel(_creation())
        .with_panel(_creation_works())
    )


def _side_by_side() -> Panel:
    good = "Many hosts in each group, side by side. What differs between groups of a few hosts can be chance."
    good += " Up: of hosts that are in no planned outage."
    share, seconds, plain = Look(unit="percentunit"), Look(unit="s"), Look(unit="none")
    up = Look(unit="percentunit", colours=colours.high_is_good(0.9, 1))
    measured = [
        ("Hosts", plain, _count("technology:count")),
        ("Up", up, _share(_UP, _WANTED)),
        ("VMs", plain, _count(_VMS)),
        ("vCPUs per CPU", Look(unit="none"), _share(_VCPUS, _CPUS)),
        ("CPU in use", share, _share(_CPU, _VCPUS)),
        ("Steal", share, _steal()),
        ("Throttling", share, _throttling()),
        ("Read", seconds, _latency("read")),
        ("Write", seconds, _latency("write")),
    ]
    values = [
        Column(f"Value #{chr(ord('A') + place)}", heading, look)
        for place, (heading, look, _) in enumerate(measured)
    ]
    named = [
        Column("hypervisor", "Hypervisor"),
        Column("hypervisor_version", "Version"),
        Column("libvirt", "libvirt"),
    ]
    queries = (Query(expr) for _, _, expr in measured)
    return rows(About("Side by side", good), [*named, *values], *queries).min_width(NARROW)


def _over_time(title: str, good: str, unit: str, expr: str) -> timeseries.Panel:
    return lines(About(title, good), unit, Query(expr, _NAME))


def _how_long(way: str) -> timeseries.Panel:
    about = About(f"How long a {way} takes", _LATENCY_IS, empty="no host shows the disks of its VMs.")
    return lines(about, "s", Query(_latency(way), _NAME))


def _rotation() -> Panel:
    good = "100 %: of the hosts on which probes create VMs in turn, those on which the last run succeeded."
    about = About("Hosts on which probes work", good, empty="no probe has a host_rotation.")
    works = (
        f"min by (cloud, host) (stratoscope_vmprobe_host_success{{{_IN}}})"
        f" * on (cloud, host) group_left ({_LABELS}) {_one_of('host')}"
    )
    return lines(about, "percentunit", Query(_named(f"avg by ({_LABELS}) ({works})"), _NAME)).max(1)


def _creation() -> Panel:
    good = "Below the objective: the median of an hour, from the accepted request until the VM runs."
    about = About("Until the VM runs", f"{good} {_WHERE}", empty="no run of the last hour succeeded.")
    built = f"rate(stratoscope_vmprobe_accepted_to_built_seconds_bucket{{{_IN}}}[1h])"
    buckets = _of_probes(f"sum by (cloud, probe, le) ({built})", f"{_LABELS}, le")
    objective = Query("max(global:vm_active_within_seconds:threshold)", "objective")
    return lines(about, "s", Query(_named(f"histogram_quantile(0.5, {buckets})"), _NAME), objective)


def _creation_works() -> Panel:
    good = "100 %: of the runs of probes, those without a fault of the cloud, in an hour."
    about = About("Runs that work", f"{good} {_WHERE}", empty="no probe ran within the last hour.")
    runs = f"sum by (cloud, probe) (increase(stratoscope_vmprobe_runs_total{{{_IN}}}[1h]))"
    failed = (
        f'sum by (cloud, probe) (increase(stratoscope_vmprobe_failed_runs_total{{{_IN},blame="cloud"}}[1h]))'
    )
    works = f"1 - {_of_probes(failed, _LABELS)} / ({_of_probes(runs, _LABELS)} > 0)"
    return lines(about, "percentunit", Query(_named(works), _NAME)).max(1)


def _named(expr: str) -> str:
    """With libvirt's version in words; hosts without an exporter of their own have none."""
    return f'label_replace({expr}, "libvirt", "libvirt $1", "libvirt_version", "(.+)")'


def _sum(metric: str, labels: str = "") -> str:
    """A record of technologies, of all chosen clouds."""
    return f"sum by ({_LABELS}) (technology:stratoscope_{metric}{{{_IN}{labels}}})"


def _count(metric: str) -> str:
    return _named(_sum(metric))


def _share(part: str, whole: str) -> str:
    return _named(f"{_sum(part)} / ({_sum(whole)} > 0)")


def _steal() -> str:
    return _named(f"{_sum(_DELAY)} / ({_sum(_DELAY)} + {_sum(_CPU)} > 0)")


def _throttling() -> str:
    return _share(_THROTTLED, _PERIODS)


def _latency(way: str) -> str:
    disk = f"hypervisor_vm_disk_{way}"
    return _share(f"{disk}_seconds:rate5m_sum", f"{disk}_requests:rate5m_sum")


def _failing(check: str) -> str:
    """Of the VMs of clouds in which somebody makes the check."""
    failed = _sum("hypervisor_vm_failed_check_info:count", f',check="{check}"')
    known = f'cloud_check:stratoscope_hypervisor_vm_status_check_failed:known{{{_IN},check="{check}"}}'
    checked = f"sum by ({_LABELS}) (technology:stratoscope_{_VMS}{{{_IN}}} and on (cloud) {known})"
    return _named(f"1000 * ({failed} or 0 * {checked}) / ({checked} > 0)")


def _of_probes(expr: str, by: str) -> str:
    """A sum of values of probes, by what the hosts run on which they can create VMs."""
    zones = board.newest(f"stratoscope_vmprobe_probe_info{{{_IN}}}", "cloud, probe", "zone")
    runs = f"({zones} * on (cloud, zone) group_left ({_LABELS}) {_one_of('zone')})"
    return f"sum by ({by}) ({expr} * on (cloud, probe) group_left ({_LABELS}) {runs})"


def _one_of(where: str) -> str:
    """What runs on each host, or in each zone; one, though after a restart of Prometheus it can have two."""
    return f"topk by (cloud, {where}) (1, {where}:stratoscope_technology:unique{{{_IN}}})"
