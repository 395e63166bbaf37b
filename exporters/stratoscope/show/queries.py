"""What an operator asks Prometheus, and how its answers read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import yaml

from stratoscope.show.asking import NoAnswerError, ask

RECORDED_S: Final = 15
"""Within three evaluations after Prometheus can answer a query it has recorded its result."""
_SHOWN: Final = 5
_MINUTE: Final = 60
_HOUR: Final = 3600


class TitledQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A query with what it asks in words, as `questions.yml` explains it."""

    title: str
    record: str
    expr: str
    reads: str
    unit: Literal["share", "hours", "none"]
    labels: tuple[str, ...]
    of_hosts: bool = False


_FILE: Final = Path(__file__).with_name("questions.yml")
QUERIES: Final = msgspec.convert(yaml.safe_load(_FILE.read_text(encoding="utf-8")), tuple[TitledQuery, ...])
WAITING: Final = next(one for one in QUERIES if one.record == "vm:waiting:ratio")
"""Its results are VMs, which have a page."""


def asked(*, has_hosts: bool) -> list[TitledQuery]:
    """Those that somebody answers."""
    return [one for one in QUERIES if has_hosts or not one.of_hosts]


def said(prometheus: str, query: TitledQuery) -> tuple[list[str], bool]:
    """The answer in lines, and whether it is one: Prometheus may not know yet, or not answer."""
    try:
        is_recorded = bool(ask(prometheus, f"count({query.reads} offset {RECORDED_S}s)"))
        found = ask(prometheus, query.record)
    except NoAnswerError as error:
        return [f"no answer: {error.why}"], False
    if not found and not is_recorded:
        since = f"since {RECORDED_S} s at most, or not at all"
        return [f"not yet: Prometheus has {query.reads} {since}"], False
    pages = [f"in your Grafana: {vm_page(found[0]['metric'])}"] if query is WAITING and found else []
    return [*answer(query, found), *pages], True


def vm_page(labels: Mapping[str, str]) -> str:
    """The path of the dashboard *One VM* for a VM with these labels."""
    cloud, project, vm = (labels.get(one, "") for one in ("cloud", "project_id", "vm_id"))
    return f"/d/stratoscope-vm?from=now-15m&var-cloud={cloud}&var-project={project}&var-vm={vm}"


def answer(query: TitledQuery, results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The largest results of each cloud in words, such as `demo: edge 76 %, south 46 %`, a line for each.

    What is of no cloud has none before it; "none" where there are no results.
    """
    of_cloud: dict[str, list[Mapping[str, Any]]] = {}
    for one in sorted(results, key=lambda one: -float(one["value"][1])):
        of_cloud.setdefault(one["metric"].get("cloud", ""), []).append(one)
    lines = []
    for cloud, found in sorted(of_cloud.items()):
        shown = [_words(query, one) for one in found[:_SHOWN]]
        more = [f"{len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        lines.append((f"{cloud}: " if cloud else "") + ", ".join(shown + more))
    return lines or ["none"]


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
