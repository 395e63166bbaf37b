"""Questions of an operator, and what Prometheus answers, so that it is read at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

_SHOWN: Final = 5
_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Question:
    """A question of an operator; Prometheus keeps its answer under a short name.

    Attributes:
        unit: Of the value: a share of 1, hours, or none that is worth showing.
        labels: What each result is called by.
        is_about_hosts: Whether hypervisor exporters have the answer.
    """

    title: str
    name: str
    query: str
    unit: Literal["share", "hours", "none"]
    labels: tuple[str, ...]
    is_about_hosts: bool = False


QUESTIONS: Final = (
    Question(
        "How full is it? Share of the vCPUs of each zone that are promised",
        "zone:full:ratio",
        "zone:stratoscope_management_host_vcpus_allocated:ratio",
        "share",
        ("zone",),
    ),
    Question(
        "Who uses most? Share of all vCPUs that the five largest projects have",
        "project:share:ratio",
        "topk(5, project:stratoscope_management_project_vcpus:max"
        " / on (cloud) group_left () sum by (cloud) (project:stratoscope_management_project_vcpus:max))"
        " * on (cloud, project_id) group_left (project_name)"
        " max by (cloud, project_id, project_name) (stratoscope_management_project_info)",
        "share",
        ("project_name",),
    ),
    Question(
        "What is a VM waiting for, and since when?",
        "state:waiting:hours",
        "(time() - min by (cloud, state)"
        " (stratoscope_management_vms_in_transition_oldest_timestamp_seconds)) / 3600",
        "hours",
        ("state",),
    ),
    Question(
        "Which VMs wait for a CPU? Share of the time in which they could run",
        "vm:waiting:ratio",
        "topk(5, vm:stratoscope_hypervisor_vm_vcpu_delay_seconds:rate5m_ratio)"
        " * on (cloud, vm_id) group_left (vm_name, host)"
        " topk by (cloud, vm_id) (1, vm:stratoscope_vm_info:unique)",
        "share",
        ("vm_name", "host"),
        is_about_hosts=True,
    ),
    Question(
        "What is down that should be up?",
        "service:down:bool",
        "service:stratoscope_management_service_up:max == 0",
        "none",
        ("binary", "host"),
    ),
    Question(
        "Do the exporters themselves work? Share of their collectors that succeed",
        "exporter:well:ratio",
        "avg by (job) (stratoscope_collector_success)",
        "share",
        ("job",),
    ),
)


def answer(question: Question, results: Sequence[Mapping[str, Any]]) -> str:
    """The largest results in words, such as `edge 76 %, south 46 %`; "none" where there are none."""
    found = sorted(results, key=lambda one: -float(one["value"][1]))
    shown = [_words(question, one) for one in found[:_SHOWN]]
    if len(found) > _SHOWN:
        shown.append(f"{len(found) - _SHOWN} more")
    return ", ".join(shown) or "none"


def _words(question: Question, result: Mapping[str, Any]) -> str:
    name = " on ".join(result["metric"].get(label, "") for label in question.labels)
    value = float(result["value"][1])
    match question.unit:
        case "share":
            return f"{name} {value:.0%}".replace("%", " %")
        case "hours":
            return f"{name} {_time(value)}"
        case "none":
            return name


def _time(hours: float) -> str:
    seconds = round(hours * _HOUR)
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} s"
    return f"{hours:.1f} h" if hours >= 1 else f"{seconds // 60} min"
