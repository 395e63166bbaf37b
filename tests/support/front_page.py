"""The series that the front page reads, of large clouds over days, in a real Prometheus; and its answers."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from stratoscope.rules import bundle
from support.board_parts import selectors, tree
from support.debian import ROOT
from support.grafana_boards import FOLDER, Annotation, Panel, Target, parsed, seconds
from support.grafana_queries import Grafana
from support.grafana_values import Choices, Window, filled
from support.prometheus_process import QUICK, Prometheus
from support.rules_known import RULES

_NAME: Final = "cloud:stratoscope_glance:over_threshold"
_PLANNED: Final = "cloud:stratoscope_glance:in_downtime"
_SCOPE: Final = "scope:stratoscope_availability"
_USUAL_S: Final = 60
_LATE_S: Final = 1
"""Prometheus looks for samples until the moment that is asked about; the last ones are that old."""
_HOUR_S: Final = 3_600
_DAY_S: Final = 86_400
_BLOCKS: Final = "54h"
"""The longest blocks of a Prometheus that keeps 35 days are about that long."""
_PENDING_S: Final = 300
_FOUND_S: Final = 60

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Size:
    """How much there is. Defaults: 10,000 VMs on 200 hosts of four clouds, in a bad week.

    Attributes:
        firing: Alerts that fire all the time.
        daily: Alerts on VMs that begin each day, and last an hour.
        planned: Downtimes that are active or planned; each day as many begin. So many hosts are in one.
    """

    clouds: int = 4
    hosts: int = 200
    days: float = 7
    firing: int = 100
    daily: int = 100
    planned: int = 20
    zones: int = 3
    images: int = 5
    probes: int = 5


class Samples(NamedTuple):
    """A series with values from one moment to another, in seconds before now."""

    name: str
    labels: Labels
    step_s: int
    begin_s: float
    end_s: float
    value: float


@dataclass
class Read:
    """What the front page asked.

    Attributes:
        took_s: By what was asked: a panel and its target, a variable, an annotation.
        shown: How many series the answers have.
        read: How many series the queries select.
    """

    took_s: Mapping[str, float]
    shown: int
    read: int


def _names(size: Size) -> Sequence[str]:
    return [f"cloud{number}" for number in range(size.clouds)]


def series(size: Size) -> Iterator[Samples]:
    """All of them, by metric."""
    yield from _cells(size)
    yield _always(size, "global:ola_availability_ratio:threshold", {}, _USUAL_S, 0.8)
    yield from _scopes(size)
    for cloud in _names(size):
        for slo in ("success", "time"):
            labels = {"cloud": cloud, "sloth_slo": slo, "sloth_service": "vm", "sloth_id": f"vm-{slo}"}
            yield _always(size, "slo:period_error_budget_remaining:ratio", labels, _USUAL_S, 0.5)
    for what in ("start", "end"):
        yield from _downtimes(size, f"downtime:stratoscope_downtime_{what}_timestamp_seconds:titled")
    for number in range(size.planned):
        labels = {
            "cloud": _host(size, number)["cloud"],
            "downtime_id": f"d{number}",
            "covers": f"host{number}",
        }
        yield _always(size, "downtime:stratoscope_downtime_active:covers", labels, _USUAL_S, 1)
    yield from _alerts(size)


def _always(size: Size, name: str, labels: Labels, step_s: int, value: float) -> Samples:
    return Samples(name, labels, step_s, size.days * _DAY_S, 0, value)


def _cells(size: Size) -> Iterator[Samples]:
    dice = Random(1)  # noqa: S311 - no secret
    groups = bundle.sources()["glance"]
    for group in groups:
        step_s = round(seconds(group.interval))
        for rule, cloud in product((one for one in group.rules if one.record == _NAME), _names(size)):
            yield _always(size, _NAME, {"cloud": cloud, **rule.labels}, step_s, dice.uniform(0.1, 1.1))
    down = next(rule for group in groups for rule in group.rules if rule.labels["check"] == "hosts down")
    for cloud in _names(size):
        yield _always(size, _PLANNED, {"cloud": cloud, **down.labels}, round(seconds(groups[0].interval)), 1)


def _scopes(size: Size) -> Iterator[Samples]:
    found = [
        {"cloud": cloud, **labels}
        for cloud in _names(size)
        for labels in (
            {"scope": "cloud"},
            {"scope": "services"},
            *({"scope": "zone", "zone": f"z{number}"} for number in range(size.zones)),
            *({"scope": "image", "image_id": f"i{number}"} for number in range(size.images)),
            *({"scope": "probe", "probe": f"p{number}", "zone": "z0"} for number in range(size.probes)),
        )
    ]
    for what, value in {":badness": 0, "_up_seconds:today": 3e4, "_unknown_seconds:today": 60}.items():
        for labels in found:
            yield _always(size, _SCOPE + what, labels, _USUAL_S, value)


def _downtimes(size: Size, name: str) -> Iterator[Samples]:
    for number in range(round(size.planned * max(size.days, 1))):
        begin_s = (1 + number // size.planned) * _DAY_S
        labels = {
            "cloud": f"cloud{number % size.clouds}",
            "downtime_id": f"d{number}",
            "title": f"The switch of rack {number} is replaced",
            "severity": "outage",
            "planned": "true",
        }
        yield Samples(name, labels, _USUAL_S, min(begin_s, size.days * _DAY_S), begin_s - _DAY_S, time.time())


def _alerts(size: Size) -> Iterator[Samples]:
    names = sorted({rule.alert for rule in RULES.values() if rule.alert and "severity" in rule.labels})
    for number in range(size.firing):
        labels = {"alertname": names[number % len(names)], "severity": "warning", **_host(size, number)}
        firing = {**labels, "alertstate": "firing"}
        yield _always(size, "ALERTS", firing, _USUAL_S, 1)
    for number in range(size.planned):
        labels = {"alertname": "StratoscopeDowntimeActive", "severity": "info", "scope": "host"}
        firing = {**labels, "alertstate": "firing", "downtime_id": f"d{number}", **_host(size, number)}
        yield _always(size, "ALERTS", firing, _USUAL_S, 1)
    for number in range(round(size.daily * size.days)):
        begin_s = size.days * _DAY_S * (number + 1) / round(size.daily * size.days)
        labels = {
            "alertname": "StratoscopeVMStuck",
            "severity": "warning",
            "vm_id": f"{number:08}-0000-4000-8000-000000000000",
            "vm_name": f"vm{number}",
            "project_id": f"{number % 500:032x}",
            **_host(size, number),
        }
        fires_s = begin_s - _PENDING_S
        yield Samples("ALERTS", {**labels, "alertstate": "pending"}, _USUAL_S, begin_s, fires_s, 1)
        end_s = max(0, fires_s - _HOUR_S)
        yield Samples("ALERTS", {**labels, "alertstate": "firing"}, _USUAL_S, fires_s, end_s, 1)


def _host(size: Size, number: int) -> Labels:
    host = number % size.hosts
    return {"cloud": f"cloud{host % size.clouds}", "zone": f"z{host % size.zones}", "host": f"host{host}"}


def _write(size: Size, now: float, file: Path) -> int:
    """In OpenMetrics; the samples of a metric stand together. Returns their number."""
    count, before = 0, ""
    with file.open("w") as text:
        for one in series(size):
            if one.name != before:
                text.write(f"# TYPE {one.name} unknown\n")
                before = one.name
            labels = ",".join(f'{label}="{value}"' for label, value in one.labels.items())
            moments = range(round(one.begin_s / one.step_s) - 1, round(one.end_s / one.step_s) - 1, -1)
            for number in moments:
                value = one.value if one.value in (0, 1) else one.value * (1 + number % 7 / 100)
                text.write(f"{one.name}{{{labels}}} {value:.9g} {now - _LATE_S - number * one.step_s:.3f}\n")
            count += len(moments)
        text.write("# EOF\n")
    return count


@contextmanager
def stored(size: Size, folder: Path) -> Iterator[tuple[str, Window]]:
    """A Prometheus that has them. Yields its URL, and the window in which they are."""
    now = time.time()
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "series.txt"
    print(f"{_write(size, now, text):,} samples, {text.stat().st_size / 1e6:.0f} MB of text")  # noqa: T201 - for who measures
    command: list[str | Path] = [ROOT / "build/tools/usr/bin/promtool", "tsdb", "create-blocks-from"]
    command += [f"--max-block-duration={_BLOCKS}", "openmetrics", text, folder / "data"]
    subprocess.run(command, check=True, capture_output=True)
    text.unlink()
    server = Prometheus(folder, QUICK, {"groups": []}, "--storage.tsdb.retention.time=100d")
    server.start()
    try:
        deadline = time.monotonic() + _FOUND_S
        while not server.ask(f"count({_NAME})", time=str(now)):
            if time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text()[-1_000:])
            time.sleep(0.05)
        yield server.url, Window(now - size.days * _DAY_S, now)
    finally:
        server.stop()


def asked(url: str, window: Window) -> Read:
    """The front page as it opens, over the whole window."""
    raw = json.loads((FOLDER / "now.json").read_text())
    closed = [{**one, "panels": []} for one in raw["panels"]]
    board, grafana = parsed({**raw, "panels": closed}), Grafana(url, window)
    began = time.monotonic()
    choices = grafana.choices(board)
    took = {"variables": time.monotonic() - began}
    shown = 0
    for one in grafana.ask(board, choices):
        took[f"{one.panel.title}, {one.target.ref}"] = one.answer.took_s
        shown += len(one.answer.series)
    for annotation, answer in grafana.annotations(board, choices):
        took[annotation.name] = answer.took_s
    return Read(took, shown, len(_read(grafana, window, choices, [*board.panels, *board.annotations])))


def _read(
    grafana: Grafana, window: Window, choices: Choices, asking: Sequence[Panel | Annotation]
) -> set[frozenset[tuple[str, str]]]:
    """The series at the end of the window that the queries select."""
    any_panel = next(one for one in asking if isinstance(one, Panel))
    filling, found = filled(any_panel, window, choices), set()
    for one in asking:
        exprs = [target.expr for target in one.targets] if isinstance(one, Panel) else [one.expr]
        for selector in {str(each) for expr in exprs for each in selectors(tree(expr))}:
            answer = grafana.run(Target("A", selector, now=True), filling)
            found |= {frozenset(each.labels.items()) for each in answer.series}
    return found
