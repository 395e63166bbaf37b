"""What an operator asks Prometheus, and how its answers read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

_SHOWN: Final = 5
_MINUTE: Final = 60
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class TitledQuery:
    """A query with what it asks in words. Prometheus records its result under a short name.

    Attributes:
        title: What is asked, in words.
        record: The short name.
        expr: The query.
        reads: Metric or record that is there once the query can be answered; before, no result means nothing.
        unit: Of the value: a share of 1, hours, or none that is worth showing.
        labels: What each result is called by.
        is_about_hosts: Whether hypervisor exporters have the answer.
    """

    title: str
    record: str
    expr: str
    reads: str
    unit: Literal["share", "hours", "none"]
    labels: tuple[str, ...]
    is_about_hosts: bool = False


WAITING: Final = TitledQuery(
    title="Which VMs wait for a CPU? Share of the time in which they could run",
    record="vm:waiting:ratio",
    expr="topk by (cloud) (5, vm:stratoscope_hypervisor_vm_vcpu_delay_seconds:rate5m_ratio)"
    " * on (cloud, vm_id) group_left (vm_name, host)"
    " topk by (cloud, vm_id) (1, vm:stratoscope_vm_info:unique)",
    reads="vm:stratoscope_hypervisor_vm_vcpu_delay_seconds:rate5m_ratio",
    unit="share",
    labels=("vm_name", "host"),
    is_about_hosts=True,
)
QUERIES: Final = (
    TitledQuery(
        title="How full is it? Share of the vCPUs of each zone that are promised",
        record="zone:full:ratio",
        expr="zone:stratoscope_management_host_vcpus_allocated:ratio",
        reads="zone:stratoscope_management_host_vcpus_allocated:ratio",
        unit="share",
        labels=("zone",),
    ),
    TitledQuery(
        title="Who uses most? Share of all vCPUs that the five largest projects have",
        record="project:share:ratio",
        expr="topk by (cloud) (5, project:stratoscope_management_project_vcpus:max"
        " / on (cloud) group_left () sum by (cloud) (project:stratoscope_management_project_vcpus:max))"
        " * on (cloud, project_id) group_left (project_name)"
        " max by (cloud, project_id, project_name) (stratoscope_management_project_info)",
        reads="project:stratoscope_management_project_vcpus:max",
        unit="share",
        labels=("project_name",),
    ),
    TitledQuery(
        title="What is a VM waiting for, and since when?",
        record="state:waiting:hours",
        expr="clamp_min(time() - min by (cloud, state)"
        " (stratoscope_management_vms_in_transition_oldest_timestamp_seconds), 0) / 3600",
        reads="stratoscope_management_vm_info",
        unit="hours",
        labels=("state",),
    ),
    WAITING,
    TitledQuery(
        title="What is down that should be up?",
        record="service:down:bool",
        expr="service:stratoscope_management_service_up:max == 0",
        reads="service:stratoscope_management_service_up:max",
        unit="none",
        labels=("binary", "host"),
    ),
    TitledQuery(
        title="Do the exporters themselves work? Share of their collectors that succeed",
        record="exporter:well:ratio",
        expr="avg by (job) (stratoscope_collector_success)",
        reads="stratoscope_collector_success",
        unit="share",
        labels=("job",),
    ),
)


def answer(query: TitledQuery, results: Sequence[Mapping[str, Any]]) -> str:
    """The largest results of each cloud in words, such as `demo: edge 76 %, south 46 %`, a line for each.

    What is of no cloud has none before it; "none" where there are no results.
    """
    of_cloud: dict[str, list[Mapping[str, Any]]] = {}
    for one in results:
        of_cloud.setdefault(one["metric"].get("cloud", ""), []).append(one)
    lines = []
    for cloud, some in sorted(of_cloud.items()):
        found = sorted(some, key=lambda one: -float(one["value"][1]))
        shown = [_words(query, one) for one in found[:_SHOWN]]
        if len(found) > _SHOWN:
            shown.append(f"{len(found) - _SHOWN} more")
        lines.append(f"{cloud}: {', '.join(shown)}" if cloud else ", ".join(shown))
    return "\n".join(lines) or "none"


def _words(query: TitledQuery, result: Mapping[str, Any]) -> str:
    name = " on ".join(result["metric"].get(label, "") for label in query.labels)
    value = float(result["value"][1])
    match query.unit:
        case "share":
            return f"{name} {value:.0%}".replace("%", " %")
        case "hours":
            return f"{name} {_time(value)}"
        case "none":
            return name


def _time(hours: float) -> str:
    seconds = round(hours * _HOUR)
    if seconds < _MINUTE:
        return f"{seconds} s"
    return f"{hours:.1f} h" if hours >= 1 else f"{seconds // _MINUTE} min"
