"""A real Prometheus on the real exporter, with the bundle in which time goes faster."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from integration.conftest import RunningExporter
from integration.own_guest import OwnGuest
from integration.virsh import wait_for
from stratoscope.rules import bundle
from stratoscope.rules.values import Values, Watched
from support.debian import ROOT
from support.faster_rules import evaluated_every, faster, looks_back
from support.prometheus_process import RealPrometheus

FACTOR: Final = 60
"""All durations of the rules are divided by it: Prometheus evaluates each second, as RealPrometheus does."""
WATCHED: Final = "project-1"
SCRAPED_EVERY_S: Final = 1
FIRES_WITHIN_S: Final = 45
"""Beside what the rule itself waits for."""
KNOWN_WITHIN_S: Final = 240
"""With the usual intervals: two scrapes, and two evaluations."""
JOB: Final = "stratoscope-hypervisor"
HOST: Final = {"cloud": "lab", "host": os.uname().nodename}
"""Labels of the target, and of alerts on the host."""
TEXTS: Final = bundle.files(Values(watched=Watched(projects=[WATCHED])))
TABLES: Final = ROOT / "build" / "alerts-by-fault"


@dataclass(frozen=True)
class Alert:
    """What is to fire.

    Attributes:
        labels: Those that it must have; others are not looked at.
        after_s: For what its rule waits.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0

    @property
    def firing(self) -> str:
        """Its series while it fires."""
        wanted = {"alertname": self.name, "alertstate": "firing", **self.labels}
        matchers = ",".join(f'{label}="{value}"' for label, value in wanted.items())
        return f"ALERTS{{{matchers}}}"


@dataclass(frozen=True)
class Watch:
    """Attributes: rows: Of the table: alert, fault, seconds from the fault until it fired."""

    exporter: RunningExporter
    prometheus: RealPrometheus
    rows: list[tuple[str, str, float]] = field(default_factory=list)

    def fires(self, alert: Alert) -> bool:
        return bool(self.prometheus.ask(alert.firing))

    def about(self, guest: OwnGuest) -> set[str]:
        """The names of the alerts that fire about it."""
        return {
            labels["alertname"] for labels in self.prometheus.firing() if labels.get("vm_id") == guest.vm_id
        }

    def wait_until_known(self, *guests: OwnGuest) -> None:
        """Until Prometheus has each, with its names."""
        wanted = {guest.vm_id for guest in guests}
        known = "vm:stratoscope_vm_info:unique"
        wait_for(
            lambda: wanted <= {dict(labels)["vm_id"] for labels in self.prometheus.ask(known)}, KNOWN_WITHIN_S
        )

    @contextmanager
    def fault(self, what: str, *alerts: Alert) -> Iterator[None]:
        """Within it the fault is made, and is there at its end; then all of these alerts come to fire."""
        assert not [alert for alert in alerts if self.fires(alert)]
        yield
        began = time.monotonic()
        waiting: Sequence[Alert] = alerts
        while waiting:
            fired = [alert for alert in waiting if self.fires(alert)]
            took_s = time.monotonic() - began
            self.rows.extend((alert.name, what, took_s) for alert in fired)
            waiting = [alert for alert in waiting if alert not in fired]
            late = [alert for alert in waiting if took_s > alert.after_s + FIRES_WITHIN_S]
            assert not late, f"{late} do not fire; those that do: {self.prometheus.firing()}"
            time.sleep(0.1)

    def wait_until_over(self, *alerts: Alert) -> None:
        """Until none of them fires any more."""
        wait_for(lambda: not any(self.fires(alert) for alert in alerts), 60)


@contextmanager
def watching(exporter: RunningExporter, folder: Path) -> Iterator[Watch]:
    """Prometheus watches the exporter, and time goes faster."""
    assert evaluated_every(FACTOR) == SCRAPED_EVERY_S
    rules = faster(TEXTS, FACTOR, scraped_every_s=SCRAPED_EVERY_S)
    prometheus = RealPrometheus(folder / "prometheus", rules=rules, targets={JOB: exporter.url}, labels=HOST)
    prometheus.start(f"--query.lookback-delta={looks_back(FACTOR, SCRAPED_EVERY_S):.0f}s")
    with _measuring(Watch(exporter, prometheus), FACTOR, folder.name) as watch:
        yield watch


@contextmanager
def watching_as_usual(exporter: RunningExporter, folder: Path) -> Iterator[Watch]:
    """The same with the rules as they are, and the intervals of Prometheus's example."""
    groups = [group for text in TEXTS.values() for group in yaml.safe_load(text)["groups"]]
    prometheus = RealPrometheus(
        folder / "prometheus",
        rules={"groups": groups},
        targets={JOB: exporter.url},
        labels=HOST,
        settings=yaml.safe_load((ROOT / "prometheus/prometheus.example.yml").read_text(encoding="utf-8")),
    )
    prometheus.start()
    with _measuring(Watch(exporter, prometheus), 1, folder.name) as watch:
        yield watch


@contextmanager
def _measuring(watch: Watch, factor: float, name: str) -> Iterator[Watch]:
    """At its end what was measured is a file in TABLES."""
    try:
        wait_for(lambda: watch.fires(Alert("StratoscopeWatchdog")), KNOWN_WITHIN_S)
        yield watch
    finally:
        watch.prometheus.stop()
        TABLES.mkdir(parents=True, exist_ok=True)
        lines = [f"| {alert} | {what} | {factor} | {seconds:.0f} |" for alert, what, seconds in watch.rows]
        (TABLES / f"{name}.md").write_text("".join(f"{line}\n" for line in lines))
