"""One VM: what its owner asks, by records that have its project_id alone, so that a proxy can enforce it."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards import board, colours, words
from boards.panels import (
    NARROW,
    NONE,
    NOT_MEASURED,
    UNSURE,
    About,
    Column,
    Look,
    Panel,
    Query,
    called,
    cells,
    lines,
    rows,
    timeline,
)

_IT: Final = board.THE_VM
_OF_VMS: Final = board.OF_VMS
_STEAL: Final = 0.1
"""Users notice more. As usual: the threshold of the alerts has no project_id, so it cannot be read here."""
_PASSES: Final = Look(words={"0": ("passes", colours.GOOD), "1": ("fails", colours.BAD)})
_STATE: Final = f"vm:stratoscope_management_vm_state:project_id{_IT}"
_UNSEEN: Final = "no hypervisor exporter shows this of the VM."
_SOLD: Final = "Below what its disks are sold for."
_EXPLAINED: Final = "What its services explain."


def made() -> Dashboard:
    """What EC2 shows of an instance, and what it waits for."""
    answer = (
        "For the owner of a VM: whether it works, what it uses, what it waits for. Seen from outside the VM."
    )
    variables = (board.clouds_of_projects(), board.project_of_vms(), board.vm(), board.cloud_of_vm())
    made = board.board("vm", "One VM", answer, *variables)
    rows_of_panels = {
        "Is it well?": (
            _identity(),
            _state(),
            _status(),
            _failed_checks(),
            _waits(),
            _downtimes(),
            _alerts(),
        ),
        "CPU and memory": (_cpu(), _lost_cpu(), _memory()),
        "Disks": (_disk_requests(), _disk_bytes(), _latency()),
        "Network": (_network_bytes(), _packets()),
        "The last 24 hours": (_cpu_of_a_day(), _traffic_of_a_day(), _rates_of_a_day(), _disks_of_a_day()),
    }
    made = board.with_rows(made, rows_of_panels)
    return board.with_closed_row(made, "State and status checks over time", (_states(), _each_check()))


def _identity() -> Panel:
    about = About(
        "Which VM this is", "One row: what the management layer says of the VM. None: it is deleted."
    )
    columns = [
        Column("vm_name", "Name"),
        Column("vm_id", "Id"),
        Column("project_name", "Project"),
        Column("user_name", "User"),
        Column("flavor", "Flavor"),
        Column("image_id", "Image"),
        Column("zone", "Zone"),
        Column("cloud", "Cloud"),
    ]
    return rows(about, columns, Query(f"vm:stratoscope_vm_info:unique{_IT}")).height(4).min_width(NARROW)


def _state() -> Panel:
    good = (
        "As you want it, and no error. What the management layer says, as it spells it, every 4 minutes;"
        " `no change for` says 24 h of what lasts as long or longer."
    )
    now = f"and on (cloud, vm_id, state) {_STATE} @ end()"
    other = f"unless on (cloud, vm_id, state) {_STATE} @ end()"
    began = f"min_over_time(timestamp({_STATE} {now})[24h:1m])"
    ended = f"max_over_time(timestamp({_STATE} {other})[24h:1m])"
    age = f"time() - max by (cloud, vm_id) ({began} or {ended})"
    fault = f"group by (cloud, vm_id, reason) (vm:stratoscope_management_vm_fault_info:project_id{_IT})"
    columns = [
        Column("state", "State", missing=NOT_MEASURED),
        Column("Value #A", "No change for", Look(unit="s")),
        Column("reason", "Error", missing=NONE),
    ]
    about = About("State", good, empty="no management exporter shows the VM.")
    queries = (Query(f"{_STATE} * on (cloud, vm_id) group_left () ({age})"), Query(fault))
    return rows(about, columns, *queries).span(8).height(4)


def _states() -> Panel:
    good = "As its owner wants it. As the management layer spells the states, every 4 minutes."
    about = About("States over time", good, empty="no management exporter shows the VM.")
    look = Look(words={"1": ("in this state", colours.PLAIN)})
    return timeline(about, look, Query(f"max by (state) ({_STATE})", "{{state}}")).height(5)


def _each_check() -> Panel:
    good = "All pass. A gap: the VM was off, or its host did not tell."
    about = About("Status checks one by one", good, empty=_UNSEEN)
    queries = (Query(_of_check(check), check) for check in words.CHECKS)
    return timeline(about, _PASSES, *queries)


def _of_check(check: str) -> str:
    """1 if it fails, 0 if the VM is checked, unless nobody can know of this check."""
    unknown = f'vm_check:stratoscope_hypervisor_vm_status_check_failed:unknown{_IT[:-1]},check="{check}"}}'
    passes = f"0 * max({_OF_VMS}status_check_failed:max{_IT} unless on (cloud, vm_id) {unknown})"
    failed = f'max(vm_check:stratoscope_hypervisor_vm_failed_check_info:max{_IT[:-1]},check="{check}"}})'
    return f"{failed} or {passes}"


def _status() -> Panel:
    good = "All of it passes. A gap: the VM was off, or nothing was heard of its host."
    query = Query(f"{_OF_VMS}status_check_failed:max{_IT}", "status checks")
    about = About("Does it pass its status checks?", good, empty=_UNSEEN)
    return timeline(about, _PASSES, query).span(16).height(4)


def _failed_checks() -> Panel:
    about = About("Checks that fail now", words.NO_CHECK_FAILS, empty="the VM is off, or is not checked.")
    look = Look(words={"0": ("no", colours.GOOD), "1": ("fails", colours.BAD)})
    queries = [Query(_of_check(check), text) for check, text in words.CHECKS.items()]
    return cells(about, look, *queries).span(8)


def _waits() -> Panel:
    good = "None. Another flavor has another quota; else tell the operators, since the host is too busy."
    about = About(
        "What it waits for when it wants CPU",
        good,
        empty="the VM loses no CPU time.",
        seen=f"{_OF_VMS}vcpu_delay_seconds:rate5m{_IT}",
    )
    look = Look(words={"1": ("waits", colours.NEAR)})
    panel = cells(about, look, Query(f"max by (cause) (vm:stratoscope_contention:verdict{_IT})", "{{cause}}"))
    for cause, (text, _) in words.CAUSES.items():
        panel = panel.override_by_name(cause, [called(f"for {text}")])
    return panel.span(8)


def _downtimes() -> Panel:
    good = "None that was not announced. Of the VM, its host, zone, project or cloud."
    about = About(
        "Down on purpose now", good, empty="nothing that the VM needs is down on purpose.", word=UNSURE
    )
    look = Look(words={"1": ("down on purpose", colours.PLANNED)})
    return cells(about, look, Query(f"max by (scope) ({board.DOWNTIMES_OF_VM})", "its {{scope}}")).span(8)


def _alerts() -> Panel:
    good = "None. The operators see the same alerts."
    about = About(
        "Alerts about this VM",
        good,
        empty="no alert about the VM fires.",
        seen=f"vm:stratoscope_vm_info:project_id{_IT}",
    )
    columns = [Column("alertname", "Alert"), Column("severity", "Severity"), Column("vm_name", "VM")]
    return rows(about, columns, Query(f'ALERTS{_IT[:-1]},vm_id!="",alertstate="firing"}}')).height(5)


def _cpu() -> Panel:
    good = "Below 100 %, which is all of its virtual CPUs."
    about = About("CPU utilisation", good, empty=_UNSEEN)
    return lines(about, "percentunit", Query(f"{_OF_VMS}cpu_seconds:rate5m_ratio{_IT}", "CPU used")).span(8)


def _lost_cpu() -> Panel:
    good = f"Near 0; from {_STEAL:.0%} on users notice. Steal: it was ready to run, but no CPU was free."
    queries = (
        Query(f"{_OF_VMS}vcpu_delay_seconds:rate5m_ratio{_IT}", "steal"),
        Query(f"{_OF_VMS}cpu_throttled_periods:rate5m_ratio{_IT}", "periods cut by its CPU quota"),
    )
    about = About("CPU time that it loses", good, empty="the host does not report what its VMs wait for.")
    return lines(about, "percentunit", *queries).span(8)


def _memory() -> Panel:
    good = "Above 10 %. The memory that its guest can still use without swapping, as the guest reports it."
    about = About("Memory left", good, empty="the guest does not report its memory.")
    return lines(about, "percentunit", Query(f"{_OF_VMS}memory_usable_bytes:ratio{_IT}", "usable")).span(8)


def _both(metric: str, ways: tuple[str, str], what: str) -> list[Query]:
    """Of two directions."""
    return [
        Query(f"{_OF_VMS}{metric.format(way)}{_IT}", way if not what else what.format(way)) for way in ways
    ]


def _disk_requests() -> Panel:
    about = About("Disk requests", f"{_SOLD} The sum of all disks, each second.", empty=_UNSEEN)
    return lines(about, "iops", *_both("disk_{}_requests:rate5m", ("read", "write"), "")).span(8)


def _disk_bytes() -> Panel:
    about = About("Disk traffic", f"{_SOLD} The sum of all disks.", empty=_UNSEEN)
    return lines(about, "Bps", *_both("disk_{}_bytes:rate5m", ("read", "write"), "")).span(8)


def _latency() -> Panel:
    good = "Steady: some milliseconds on flash, tens on disks or a network. The mean time of a request."
    about = About("Disk latency", good, empty="the VM made no requests.", word=UNSURE)
    return lines(about, "s", *_both("disk_{}_seconds:mean5m", ("read", "write"), "")).span(8)


def _network_bytes() -> Panel:
    about = About("Network traffic", f"{_EXPLAINED} The sum of all interfaces.", empty=_UNSEEN)
    return lines(about, "Bps", *_both("network_{}_bytes:rate5m", ("receive", "transmit"), ""))


def _packets() -> Panel:
    good = "In proportion to the traffic: many tiny packets are a flood or a scan."
    about = About("Network packets", good, empty=_UNSEEN)
    return lines(about, "pps", *_both("network_{}_packets:rate5m", ("receive", "transmit"), ""))


def _cpu_of_a_day() -> Panel:
    good = "The highest value is 100 % now and then at most: else it needs more virtual CPUs."
    cpu = f"{_OF_VMS}cpu_seconds:rate5m_ratio{_IT}[24h]"
    queries = (Query(f"avg_over_time({cpu})", "CPU, mean"), Query(f"max_over_time({cpu})", "CPU, highest"))
    look = Look(unit="percentunit", colours=colours.steps(below=colours.PLAIN))
    return cells(About("CPU in 24 h", good, empty=_UNSEEN), look, *queries).span(6)


def _traffic_of_a_day() -> Panel:
    good = "What its services explain. It is summed up every 20 minutes."
    about = About("Traffic in 24 h", good, empty="the VM is younger than 20 minutes.")
    look = Look(unit="bytes", colours=colours.steps(below=colours.PLAIN))
    queries = _both("network_{}_bytes:increase24h", ("receive", "transmit"), "{}, sum")
    return cells(about, look, *queries).span(6)


def _rates_of_a_day() -> Panel:
    good = "Below what its interfaces are sold for. The highest of each 5 minutes."
    about = About("Highest network rates in 24 h", good, empty="the VM is younger than 20 minutes.")
    look = Look(unit="Bps", colours=colours.steps(below=colours.PLAIN))
    queries = _both("network_{}_bytes:rate5m_max24h", ("receive", "transmit"), "{}, highest")
    return cells(about, look, *queries).span(6)


def _disks_of_a_day() -> Panel:
    good = "Below what its disks are sold for. The highest of each 5 minutes."
    queries = [
        Query(f"max_over_time({_OF_VMS}disk_{way}_bytes:rate5m{_IT}[24h])", f"{way}, highest")
        for way in ("read", "write")
    ]
    look = Look(unit="Bps", colours=colours.steps(below=colours.PLAIN))
    return cells(About("Highest disk rates in 24 h", good, empty=_UNSEEN), look, *queries).span(6)
