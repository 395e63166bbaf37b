"""A real Prometheus on the real exporter, with the bundle in which time goes faster."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from integration.conftest import RunningExporter
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

    def firing(self) -> set[tuple[str, str]]:
        """The name of each alert that fires, with the id of the VM that it is about."""
        found = self.prometheus.ask('ALERTS{alertstate="firing"}')
        return {(labels["alertname"], labels.get("vm_id", "")) for labels in map(dict, found)}

    def wait_until_known(self, *vm_ids: str) -> None:
        """Until Prometheus has each VM, with its names."""
        wait_for(
            lambda: (
                {dict(labels)["vm_id"] for labels in self.prometheus.ask("vm:stratoscope_vm_info:unique")}
                >= {*vm_ids}
            )
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
            assert not late, f"{late} do not fire; those that do: {self.firing()}"
            time.sleep(0.1)

    def wait_until_over(self, *alerts: Alert) -> None:
        """Until none of them fires any more."""
        wait_for(lambda: not any(self.fires(alert) for alert in alerts), 60)


@contextmanager
def watching(exporter: RunningExporter, folder: Path) -> Iterator[Watch]:
    """Prometheus watches the exporter; at the end what was measured is written into TABLES."""
    assert evaluated_every(FACTOR) == SCRAPED_EVERY_S
    texts = bundle.files(Values(watched=Watched(projects=[WATCHED])))
    prometheus = RealPrometheus(
        folder / "prometheus",
        rules=faster(texts, FACTOR, scraped_every_s=SCRAPED_EVERY_S),
        targets={"stratoscope-hypervisor": exporter.url},
        labels={"cloud": "lab", "host": os.uname().nodename},
    )
    prometheus.start(f"--query.lookback-delta={looks_back(FACTOR, SCRAPED_EVERY_S):.0f}s")
    watch = Watch(exporter, prometheus)
    try:
        wait_for(lambda: watch.fires(Alert("StratoscopeWatchdog")))
        yield watch
    finally:
        prometheus.stop()
        TABLES.mkdir(parents=True, exist_ok=True)
        lines = [f"| {alert} | {what} | {FACTOR} | {seconds:.0f} |" for alert, what, seconds in watch.rows]
        (TABLES / f"{folder.name}.md").write_text("".join(f"{line}\n" for line in lines))
