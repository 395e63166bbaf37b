"""Questions of an operator, and what Prometheus answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from stage.children import get

RESULTS_SHOWN, ROUNDED_FROM = 3, 100
LABELS_NOT_SHOWN = {"__name__", "cloud", "instance", "job", "project_id"}


@dataclass(frozen=True, slots=True)
class Question:
    """A question of an operator; Prometheus keeps its answer under a short name."""

    title: str
    name: str
    query: str


QUESTIONS = (
    Question(
        "How full is it? vCPUs promised / vCPUs that may be promised, by zone",
        "zone:vcpus_allocated:ratio",
        "sum by (zone) (stratoscope_management_host_vcpus_allocated"
        " * on (cloud, instance, host) group_left (zone) stratoscope_management_host_info)"
        " / sum by (zone) (stratoscope_management_host_vcpus_allocatable"
        " * on (cloud, instance, host) group_left (zone) stratoscope_management_host_info)",
    ),
    Question(
        "Who uses most? vCPUs of the five largest projects",
        "project:vcpus:top5",
        "topk(5, stratoscope_management_project_vcpus"
        " * on (cloud, instance, project_id) group_left (project_name) stratoscope_management_project_info)",
    ),
    Question(
        "What is stuck? Seconds since the VM that waits longest has changed, by what it waits for",
        "task:waiting:seconds",
        "time() - stratoscope_management_vms_in_transition_oldest_timestamp_seconds",
    ),
    Question(
        "What is down that should be up?",
        "service:down:bool",
        "stratoscope_management_service_up == 0 and stratoscope_management_service_enabled == 1",
    ),
    Question(
        "Is the exporter itself well? Age of what it shows, by collector",
        "collector:age:seconds",
        "time() - stratoscope_collector_last_success_timestamp_seconds",
    ),
)
ANSWERS = "|".join(question.name for question in QUESTIONS)


def ask(prometheus: str, query: str) -> list[dict[str, Any]]:
    """The results of a query now; those are `metric`, its labels, and `value`, a moment and a text."""
    answer = json.loads(get(f"{prometheus}/api/v1/query?{urlencode({'query': query})}"))
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result


def brief(result: Sequence[Mapping[str, Any]]) -> str:
    """How many results there are, and the largest of them."""
    shown = []
    for one in sorted(result, key=lambda one: -float(one["value"][1]))[:RESULTS_SHOWN]:
        labels = [text for name, text in one["metric"].items() if name not in LABELS_NOT_SHOWN]
        value = float(one["value"][1])
        shown.append(" ".join([*labels, "=", f"{value:,.0f}" if value >= ROUNDED_FROM else f"{value:.3g}"]))
    return f"{len(result)} found: {', '.join(shown)}" if result else "none found"
