"""My project: what it uses of its quota, which of its VMs are not well, which are busy."""

from typing import Final

from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from boards import board, colours, words
from boards.panels import (
    NO_LIMIT,
    NOT_MEASURED,
    UNSURE,
    About,
    Column,
    Look,
    Panel,
    Query,
    bars,
    lines,
    rows,
    stacked,
)

_ITS: Final = '{cloud=~"$cloud",project_id="$project"}'
_OF_VMS: Final = board.OF_VMS
_INFOS: Final = board.one_of_vm(f"vm:stratoscope_vm_info:unique{_ITS}")
_NAMED: Final = f" * on (cloud, vm_id) group_left (vm_name) {_INFOS}"
_TO_VM: Final = (
    "/d/stratoscope-vm?var-vm=${__data.fields.vm_id:percentencode}"
    "&var-cloud=${__data.fields.cloud:percentencode}&${project:queryparam}&${datasource:queryparam}"
)
_BUSY: Final = f"topk(10, {_OF_VMS}cpu_seconds:rate5m_ratio{_ITS})"
_NEARLY_USED: Final = f"project:stratoscope_management_quota_used:ratio_of_those_nearly_used{_ITS}"
_QUOTA: Final = "{{cloud}}, {{service}}: {{resource}}"
_NAME: Final = Column("vm_name", "VM", link=_TO_VM)
_ID: Final = Column("vm_id", "Id", link=_TO_VM)
_CLOUD: Final = Column("cloud", "Cloud")
"""Of the row: the same id can be in two clouds."""

_MOST: Final = 100
"""Rows of the table of all VMs."""
_NO_VM: Final = "the project has no VM."
_KNOWN: Final = (
    f"vm:stratoscope_vm_info:project_id{_ITS} or project:stratoscope_management_project_vms:max{_ITS}"
)
"""Rules are loaded, and an exporter knows the project."""


def made() -> Dashboard:
    """For the members of a project."""
    answer = "For the members of a project: what it uses, what is left of its quota, which VMs are not well."
    made = board.board("project", "My project", answer, board.clouds_of_projects(), board.project())
    rows_of_panels = {
        "Its VMs": (
            _failing(),
            _losing(),
            _alerts(),
            _downtimes(),
            _vms(),
            _states(),
            _use_over_time(),
            _busiest(),
        ),
        "What it uses": (_counts(), _sizes()),
        "Quota": (_shares(), _nearly_used(), _quota_counts(), _quota_sizes()),
    }
    return board.with_rows(made, rows_of_panels)


def _failing() -> Panel:
    about = About(
        "VMs that fail a check",
        words.NO_CHECK_FAILS,
        empty="all VMs pass their checks.",
        seen=f"{_OF_VMS}status_check_failed:max{_ITS}",
    )
    record = f"vm_check:stratoscope_hypervisor_vm_failed_check_info:max{_ITS}"
    query = Query(f"topk(50, group by (cloud, vm_id, vm_name, check) ({record}))")
    return rows(about, [_NAME, Column("check", "What fails", words.checks()), _CLOUD, _ID], query).span(12)


def _losing() -> Panel:
    good = "None. A quota of its own is changed by another flavor; of the others tell the operators."
    about = About(
        "VMs that lose CPU time",
        good,
        empty="no VM waits for CPU.",
        seen=f"{_OF_VMS}vcpu_delay_seconds:rate5m{_ITS}",
    )
    query = Query(f"topk(50, vm:stratoscope_contention:verdict{_ITS}{_NAMED})")
    return rows(
        about, [_NAME, Column("cause", "What it waits for", words.causes()), _CLOUD, _ID], query
    ).span(12)


def _alerts() -> Panel:
    good = "None. The operators see the same alerts; those about a quota are for its project."
    about = About("Alerts about this project", good, empty="no alert about the project fires.", seen=_KNOWN)
    columns = [
        Column("alertname", "Alert"),
        Column("severity", "Severity"),
        Column("vm_name", "VM"),
        Column("cloud", "Cloud"),
        Column("service", "Service"),
        Column("resource", "Resource"),
    ]
    query = Query(f'topk(50, ALERTS{_ITS[:-1]},project_id!="",alertstate="firing"}})')
    return rows(about, columns, query).span(12).height(6)


def _downtimes() -> Panel:
    good = "None that was not announced. Of its VMs, their hosts and zones, the project, or the cloud."
    about = About(
        "Down on purpose now", good, empty="nothing that the project needs is down on purpose.", word=UNSURE
    )
    columns = [
        Column("scope", "What"),
        Column("cloud", "Cloud"),
        Column("zone", "Zone"),
        Column("vm_id", "VM"),
    ]
    labels = "cloud, scope, zone, vm_id"
    query = Query(f"topk(50, count by ({labels}) (project:stratoscope_downtime_active:max{_ITS}))")
    return rows(about, [*columns, Column("Value", "How many")], query).span(12).height(6)


def _vms() -> Panel:
    good = (
        f"Those that you know, in states that you want; a name leads to the VM. {_MOST} at most."
        " States are as the management layer spells them, every 4 minutes."
    )
    most = f"topk({_MOST}, group by (cloud, vm_id, vm_name, flavor, zone) ({_INFOS}))"
    beside = f"and on (cloud, vm_id) {most}"
    states = f"vm:stratoscope_management_vm_state:project_id{_ITS} {beside}"
    queries = (
        Query(most),
        # One of those that two exporters of a cloud see.
        Query(f"group by (cloud, vm_id, state) ({board.one_of_vm(states)})"),
        Query(f"max by (cloud, vm_id) ({_OF_VMS}cpu_seconds:rate5m_ratio{_ITS} {beside})"),
    )
    columns = [
        _NAME,
        _ID,
        Column("state", "State", missing=NOT_MEASURED),
        Column("flavor", "Flavor"),
        Column("Value #C", "CPU", Look(unit="percentunit")),
        Column("zone", "Zone"),
        Column("cloud", "Cloud"),
    ]
    panel = rows(About("All VMs", good, empty=_NO_VM, word=UNSURE), columns, *queries)
    return panel.sort_by([TableSortByFieldState().display_name("VM").desc(False)])


def _states() -> Panel:
    good = "No VM in error, none long in a state between others. As the management layer spells the states."
    query = Query(
        f"sum by (cloud, state) (project:stratoscope_management_vm_state:count{_ITS})", "{{cloud}}: {{state}}"
    )
    return stacked(lines(About("VMs by state", good, empty=_NO_VM, word=UNSURE), "none", query))


def _use_over_time() -> Panel:
    good = "As many as you need. Of all VMs, running or not, by their flavors."
    queries = [
        Query(
            f"max by (cloud) (project:stratoscope_management_project_{what}:max{_ITS})",
            f"{{{{cloud}}}}: {name}",
        )
        for what, name in (("vms", "VMs"), ("vcpus", "virtual CPUs"))
    ]
    return lines(About("VMs and virtual CPUs", good, empty=_NO_VM, word=UNSURE), "none", *queries)


def _busiest() -> Panel:
    good = "Below 100 % of their virtual CPUs. The ten VMs that use most of theirs; a name leads to the VM."
    queries = [
        Query(f"max by (cloud, vm_id, vm_name) ({_BUSY}{_NAMED})"),
        *(
            Query(f"max by (cloud, vm_id) ({_OF_VMS}{rate}:rate5m{_ITS} and on (cloud, vm_id) {_BUSY})")
            for rate in (
                "disk_read_bytes",
                "disk_write_bytes",
                "network_receive_bytes",
                "network_transmit_bytes",
            )
        ),
    ]
    rates = [
        Column(f"Value #{place}", heading, Look(unit="Bps"))
        for place, heading in zip("BCDE", ("Disk read", "Disk written", "Received", "Sent"), strict=True)
    ]
    columns = [_NAME, _ID, Column("Value #A", "CPU", Look(unit="percentunit")), *rates, _CLOUD]
    return rows(
        About("Busiest VMs", good, empty="no hypervisor exporter shows a VM of the project."),
        columns,
        *queries,
    )


def _counts() -> Panel:
    good = "Nothing that nobody needs: volumes and addresses cost as long as they exist."
    uses = {
        "vms": "VMs",
        "vcpus": "Virtual CPUs",
        "volumes": "Volumes",
        "snapshots": "Snapshots",
        "floating_ips": "Floating IPs",
        "networks": "Networks",
    }
    return _used(About("How many", good), Look(), uses)


def _sizes() -> Panel:
    good = "Nothing that nobody needs. Memory and local disks of VMs by their flavors, running or not."
    uses = {
        "memory_bytes": "Memory",
        "disk_bytes": "Local disks",
        "volumes_bytes": "Volumes",
        "snapshots_bytes": "Snapshots",
    }
    about = About("How much", good, empty="the project uses nothing of it.", word=UNSURE)
    return _used(about, Look(unit="bytes"), uses)


def _used(about: About, look: Look, uses: dict[str, str]) -> Panel:
    """Uses by metric, of each cloud; the larger of what two exporters show of it."""
    queries = [Query(f"max by (cloud) (stratoscope_management_project_{what}{_ITS})") for what in uses]
    refs = ("Value #" + "ABCDEF"[place] for place in range(len(uses)))
    columns = [Column(ref, name, look) for ref, name in zip(refs, uses.values(), strict=True)]
    return rows(about, [_CLOUD, *columns], *queries).height(5)


def _quota(what: str, unit: str = "") -> str:
    return f"max by (cloud, service, resource) (stratoscope_management_quota_{what}{unit}{_ITS})"


def _shares() -> Panel:
    good = (
        "Below 80 %: what is used up cannot be created. Red is nearly used up, as the alert on quotas has it."
        " The 12 of which the largest share is used."
    )
    shares = [
        f"{_quota('used', unit)} / on (cloud, service, resource) ({_quota('limit', unit)} > 0)"
        for unit in ("", "_bytes")
    ]
    about = About(
        "How much of its quota it uses", good, empty="no quota of the project has a limit.", word=UNSURE
    )
    look = Look(unit="percentunit", colours=colours.steps((0.8, colours.NEAR)))
    largest = f"topk(12, {shares[0]} or {shares[1]})"
    queries = [
        Query(f"{largest} {word} on (cloud, service, resource) {_NEARLY_USED}", _QUOTA)
        for word in ("and", "unless")
    ]
    bad = DynamicConfigValue(id_val="thresholds", value=colours.steps(below=colours.BAD).build())
    return bars(about, look, *queries).max(1).span(24).height(10).override_by_query("A", [bad])


def _nearly_used() -> Panel:
    good = "None. Delete what nobody needs, or ask for more before it is needed."
    about = About(
        "Quotas that are nearly used up",
        good,
        empty="no quota is nearly used up.",
        seen=f"stratoscope_management_quota_used{_ITS}",
    )
    columns = [
        Column("cloud", "Cloud"),
        Column("service", "Service"),
        Column("resource", "Resource"),
        Column("Value", "Used", Look(unit="percentunit")),
    ]
    query = Query(f"topk(20, {_NEARLY_USED})")
    return rows(about, columns, query).height(5)


def _quota_counts() -> Panel:
    return _quotas("Quota: numbers", "", Look())


def _quota_sizes() -> Panel:
    return _quotas("Quota: sizes", "_bytes", Look(unit="bytes"))


def _quotas(title: str, unit: str, look: Look) -> Panel:
    good = (
        "Used and reserved are below the limit. Reserved: asked for, but not there yet. No limit: unlimited."
    )
    columns = [
        Column("cloud", "Cloud"),
        Column("service", "Service"),
        Column("resource", "Resource"),
        Column("Value #A", "Used", look),
        Column("Value #B", "Reserved", look),
        Column("Value #C", "Limit", look, missing=NO_LIMIT),
    ]
    queries = [Query(_quota(what, unit)) for what in ("used", "reserved", "limit")]
    about = About(title, good, empty="the cloud tells no quotas.")
    return rows(about, columns, *queries)
