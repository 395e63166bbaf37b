"""Prometheus of the demo: what it scrapes, and the rules that it evaluates, sooner than usual."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from stratoscope.core.durations import seconds
from stratoscope.show.asking import first_page
from stratoscope.show.processes import Words, run, stratoscope
from stratoscope.show.queries import QUERIES
from stratoscope.show.servers import Server
from stratoscope.show.terminal import DemoError, Stop

SCRAPED_EVERY_S: Final = 5
EVALUATED_EVERY_S: Final = 5
START_S: Final = 60
_ALERTS_AFTER_S: Final = 10
"""How long what an alert is about must last in the demo: minutes are long for who waits to see it."""
_PORT: Final = 9090
_GLOB: Final = re.compile(r"[*?\[\\]")
_ESCAPED: Final = r"\\\g<0>"
"""The names of files of rules are patterns, their folder is none: TMPDIR may be in it."""
_COUNTED: Final = ("stratoscope-slo-events", "stratoscope-availability", "stratoscope-availability-days")
"""Groups whose samples are counted: their intervals and windows stay as they are."""
_LONGEST_S: Final = 300
"""Groups with a longer interval add up parts of a day: they keep it, too."""
_WINDOWS: Final = ("[5m]", "[30s]")
"""A rate over more time than has passed is too low. The records keep their names, such as `...:rate5m`."""
_VALUES: Final = {"thresholds": {"vm_creation_failures": 2}}
"""Two failures of a probe are enough: the third comes 10 s later."""


def write_rules(folder: Path, stop: Stop) -> Path:
    """The bundle of rules as `stratoscope rules` writes it, made quicker, and the questions; their folder.

    Raises:
        DemoError: The bundle cannot be written.
    """
    values, rules = folder / "values.yml", folder / "rules"
    values.write_text(json.dumps(_VALUES))
    done = run(stratoscope("rules", f"--values={values}", f"--output={rules}"), stop)
    if done.status:
        raise DemoError(f"the rules were not written: {done.reason}")
    for file in rules.glob("*.yml"):
        file.write_text(json.dumps(quicker(yaml.safe_load(file.read_text(encoding="utf-8")))))
    (rules / "demo.yml").write_text(json.dumps(records()))
    return rules


def records() -> dict[str, Any]:
    """The rules that record the answers to the demo's own queries."""
    asked = [{"record": query.record, "expr": query.expr} for query in QUERIES]
    return {"groups": [{"name": "demo", "rules": asked}]}


def quicker(document: Mapping[str, Any]) -> dict[str, Any]:
    """The groups of a file of rules, evaluated every 5 s, with rates of 30 s; alerts fire after 10 s."""
    return {"groups": [_quicker(group) for group in document["groups"]]}


def _quicker(group: Mapping[str, Any]) -> dict[str, Any]:
    rules = [_sooner(rule) for rule in group["rules"]]
    if group["name"] in _COUNTED:
        return {**group, "rules": rules}
    rules = [{**rule, "expr": rule["expr"].replace(*_WINDOWS)} for rule in rules]
    if EVALUATED_EVERY_S < seconds(group["interval"]) <= _LONGEST_S:
        return {**group, "rules": rules, "interval": f"{EVALUATED_EVERY_S}s"}
    return {**group, "rules": rules}


def _sooner(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    if "for" not in rule:
        return rule
    return {**rule, "for": f"{min(seconds(rule['for']), _ALERTS_AFTER_S):g}s"}


def configuration(exporters: Iterable[Server], rules: Path, alertmanager: str) -> dict[str, Any]:
    """What Prometheus reads. Args: alertmanager: Its URL; "" without one."""
    by_job: dict[str, list[dict[str, object]]] = {}
    for one in exporters:
        target: dict[str, object] = {"targets": [one.address], "labels": dict(one.labels)}
        by_job.setdefault(f"stratoscope-{one.program}", []).append(target)
    often = {"scrape_interval": f"{SCRAPED_EVERY_S}s", "scrape_timeout": f"{SCRAPED_EVERY_S}s"}
    notified = [{"static_configs": [{"targets": [alertmanager.removeprefix("http://")]}]}]
    return {
        "global": {**often, "evaluation_interval": f"{EVALUATED_EVERY_S}s"},
        "rule_files": [f"{_GLOB.sub(_ESCAPED, str(rules))}/*.yml"],
        "alerting": {"alertmanagers": notified if alertmanager else []},
        "scrape_configs": [
            {"job_name": job, "honor_labels": True, "static_configs": targets}
            for job, targets in by_job.items()
        ],
    }


def server(folder: Path, program: Words, document: Mapping[str, object]) -> Server:
    """Prometheus with this configuration, not started yet. Args: program: The words that start it."""
    config = folder / "prometheus.yml"
    config.write_text(json.dumps(document))
    flags = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--storage.tsdb.retention.time=35d",  # else an alert says that it is too short for the rules
        "--log.level=warn",
        "--web.cors.origin=^$",  # of no site: pages in the browser of its user do not read it
    ]
    return Server("prometheus", [*program, *flags], _PORT, folder)


def alerts_page(at: str) -> str:
    """The address of its page of alerts; without one, that of the alerts as JSON."""
    return _page(at, "alerts") or f"{at}/api/v1/alerts"


def link(at: str, record: str) -> str:
    """The address at which its page shows a record; without pages, that of the values as JSON."""
    return _page(at, f"graph?g0.expr={record}&g0.tab=1") or f"{at}/api/v1/query?query={record}"


def _page(at: str, path: str) -> str:
    """The address of a page: Debian's Prometheus 2 may have it elsewhere, Debian's 3 has none."""
    return first_page([f"{at}/{path}", f"{at}/classic/{path}"], b"install-ui")
