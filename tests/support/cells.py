"""The cells of the first page beside the alerts that they stand for, in the tests of promtool."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import yaml

from stratoscope.rules import bundle
from stratoscope.rules.bundle import Group, Rule
from stratoscope.rules.values import Values
from support.promql import promtool_says

CELL: Final = "cloud:stratoscope_glance:over_threshold"
SEVERITIES: Final = ("critical", "warning")
_SUBJECT: Final = "glance"
_RECORD: Final = re.compile(r"\b[a-z_]+:[a-z0-9_]+:[a-z0-9_]+")
_PART: Final = re.compile(r"(\d+)([smhdw])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MOMENTS: Final = 30
"""At which each test is looked at, beside its own."""
_LONG_S: Final = 14_400
_SELDOM_S: Final = 240
_ALERTS: Final = (
    f'label_replace(ALERTS{{severity=~"{"|".join(SEVERITIES)}"}}, "alert", "$1", "alertname", "(.+)")'
)
QUESTIONS: Final = {
    "a cell without its alert": f"({CELL} >= 1) unless on (cloud, alert) {_ALERTS}",
    "an alert without its cell": (
        f"group by (cloud, alert) ({_ALERTS}) unless on (cloud, alert) ({CELL} >= 1)"
    ),
}
"""What has no answer while cells and alerts agree."""


def what_differs(file: Path, folder: Path, cells: Mapping[str, str] | None = None) -> str:
    """Where a cell is 1 or more without an alert that is pending or fires, or the other way round.

    Args:
        file: A test of the rules.
        folder: Where rules and tests are written.
        cells: Expressions of cells by their alerts, instead of those of the bundle.

    Returns:
        What promtool says; "" if they agree.
    """
    given = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    named = [Path(one).stem for one in given["rule_files"]]
    groups = list(_needed(named, given["group_eval_order"], cells or {}))
    (folder / "thresholds.yml").write_text(json.dumps({"groups": _thresholds(named, groups)}))
    (folder / "rules.yml").write_text(json.dumps({"groups": groups}))
    document = {
        "rule_files": ["thresholds.yml", "rules.yml"],
        "group_eval_order": ["stratoscope-thresholds", *(one["name"] for one in groups)],
    }
    every_s = _seconds(given["evaluation_interval"])
    written = []
    for name, tests in _by_length(given["tests"]).items():
        of_these_s = max(every_s, _SELDOM_S) if name == "long" else every_s
        asked = {"evaluation_interval": f"{of_these_s}s", "tests": [_test(one, of_these_s) for one in tests]}
        written.append(folder / f"{file.stem}_{name}.yml")
        written[-1].write_text(json.dumps(document | asked))
    return promtool_says(*written)


def _thresholds(subjects: Collection[str], groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those that the groups read; all where they are counted."""
    if "thresholds" not in subjects:
        return []
    read = {name for group in groups for rule in group["rules"] for name in _RECORD.findall(rule["expr"])}
    (group,) = yaml.load(bundle.files(Values())["thresholds.yml"], yaml.CSafeLoader)["groups"]
    kept = [rule for rule in group["rules"] if "meta" in subjects or rule["record"] in read]
    return [group | {"rules": kept}]


def _by_length(tests: Iterable[Mapping[str, Any]]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Those of four hours and more are evaluated less often, or they would take most of the time."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for test in tests:
        found.setdefault("long" if max(_looked_at(test)) >= _LONG_S else "short", []).append(test)
    return found


def _needed(
    subjects: Collection[str], order: Sequence[str], cells: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """The groups with the alerts of these subjects, their cells and what both read, and nothing else."""
    groups = {one.name: one for name in (*subjects, _SUBJECT) for one in bundle.sources().get(name, ())}
    alerts = {rule.alert for one in groups.values() for rule in one.rules if _has_a_cell(rule)}
    rules = [rule for one in groups.values() for rule in one.rules]
    wanted = {id(rule) for rule in rules if rule.alert in alerts or rule.labels.get("alert") in alerts}
    read: set[str] = set()
    while new := {name for rule in rules if id(rule) in wanted for name in _RECORD.findall(rule.expr)} - read:
        read |= new
        wanted |= {id(rule) for rule in rules if rule.record in new}
    last = [one.name for one in bundle.sources()[_SUBJECT]]
    for group in (groups[name] for name in dict.fromkeys([*order, *last]) if name in groups):
        kept = [_written(rule, cells) for rule in group.rules if id(rule) in wanted]
        if kept:
            yield {"name": group.name, "rules": kept}


def _has_a_cell(rule: Rule) -> bool:
    return bool(rule.alert) and rule.labels["severity"] in SEVERITIES


def _written(rule: Rule, cells: Mapping[str, str]) -> dict[str, Any]:
    kind = {"alert": rule.alert, "for": rule.for_ or "0s"} if rule.alert else {"record": rule.record}
    return {**kind, "expr": cells.get(rule.labels.get("alert", ""), rule.expr), "labels": rule.labels}


def _test(test: Mapping[str, Any], every_s: int) -> dict[str, Any]:
    """The same series, looked at whenever the test does, and in between."""
    own = _looked_at(test)
    step = max(max(own) // _MOMENTS // every_s, 1) * every_s
    moments = sorted(own.union(range(every_s, max(own), step)))
    asked = [
        {"expr": question, "eval_time": f"{moment}s", "exp_samples": []}
        for moment in moments
        for question in QUESTIONS.values()
    ]
    kept = {key: test[key] for key in ("name", "interval", "input_series") if key in test}
    return {**kept, "promql_expr_test": asked}


def _looked_at(test: Mapping[str, Any]) -> set[int]:
    """The moments at which a test looks, in seconds."""
    cases = chain(test.get("alert_rule_test", ()), test.get("promql_expr_test", ()))
    return {_seconds(case["eval_time"]) for case in cases}


def _seconds(duration: str) -> int:
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(duration))


def cells() -> Iterator[Rule]:
    """The records of the first page, without those of them that are in a downtime."""
    groups: Sequence[Group] = bundle.sources()[_SUBJECT]
    return (rule for group in groups for rule in group.rules if rule.record == CELL)
