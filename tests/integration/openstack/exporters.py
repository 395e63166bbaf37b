"""The management exporter as its users run it, on the cloud of scripts/openstack-up, and its pages."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cloud.folder import CLOUDS
from prometheus_client.parser import text_string_to_metric_families

from integration.conftest import RunningExporter, stop, wait_until_ready

P = "stratoscope_management"
QUICK: Mapping[str, Any] = {"interval": "5s", "timeout": "4s", "max_age": "15s"}
"""A schedule with which trouble shows soon."""
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@dataclass(frozen=True)
class Page:
    """A page's samples by name and labels; names without `stratoscope_` are the exporter's."""

    samples: Samples

    def all(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """The samples that have these labels among their own."""
        full = name if name.startswith("stratoscope_") else f"{P}_{name}"
        wanted = set(labels.items())
        return [
            (dict(have), value)
            for (sample, have), value in self.samples.items()
            if sample == full and wanted <= have
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample that has these labels; None where there is none."""
        found = self.all(name, **labels)
        assert len(found) <= 1, f"{name}{labels} stands {len(found)} times"
        return found[0][1] if found else None

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """The samples that have these labels, by another, which tells them apart."""
        found = self.all(name, **labels)
        values = {have[label]: value for have, value in found}
        assert len(values) == len(found), f"{name}: several have the same {label}"
        return values

    def info(self, name: str, **labels: str) -> dict[str, str]:
        """The labels of the one sample that has these."""
        ((have, _),) = self.all(name, **labels)
        return have

    def success(self, collector: str) -> float | None:
        return self.value("stratoscope_collector_success", collector=collector)

    def errors(self, collector: str, reason: str) -> float:
        return self.value("stratoscope_collector_errors_total", collector=collector, reason=reason) or 0

    def left_out(self) -> dict[str, str]:
        """Collector -> reason."""
        return {
            have["collector"]: have["reason"]
            for have, value in self.all("stratoscope_collector_left_out")
            if value
        }

    def requests(self, **labels: str) -> float:
        return sum(value for _, value in self.all("stratoscope_cloud_requests_total", **labels))


def page(text: str) -> Page:
    """Raises ValueError where the text is no page."""
    samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, f"{key} stands twice"
            samples[key] = sample.value
    return Page(samples)


def configuration(
    os_cloud: str = "admin", collectors: Mapping[str, Any] | None = None, **of_cloud: Any
) -> str:
    """A configuration file with one cloud, `lab`. JSON is YAML."""
    entry = {"name": "lab", "kind": "openstack", "os_cloud": os_cloud, "clouds_file": str(CLOUDS)} | of_cloud
    return json.dumps({"clouds": [entry], "management": {"collectors": collectors or {}}})


def command(config: Path, *flags: str) -> list[str]:
    stratoscope = Path(sys.executable).with_name("stratoscope")
    return [str(stratoscope), "management", f"--config.file={config}", *flags]


@contextmanager
def running(folder: Path, config: str, *, is_ready: bool = True) -> Iterator[RunningExporter]:
    """The exporter with this configuration; ended by SIGTERM. Args: is_ready: Wait for that."""
    file, log = folder / "stratoscope.yml", folder / "exporter.log"
    file.write_text(config)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    asked = command(file, f"--web.listen-address={address}")
    with log.open("wb") as output, subprocess.Popen(asked, stdout=output, stderr=output) as process:
        exporter = RunningExporter(f"http://{address}", process, log)
        try:
            if is_ready:
                wait_until_ready(exporter)
            yield exporter
        finally:
            if process.poll() is None:
                stop(process)


def wait_for_page(
    exporter: RunningExporter, holds: Callable[[Page], object], what: str, timeout_s: float
) -> Page:
    """The first page of which the claim holds."""
    deadline = time.monotonic() + timeout_s
    while True:
        ours = page(exporter.get())
        if holds(ours):
            return ours
        if time.monotonic() > deadline:
            seen = exporter.log.with_name("page.prom")
            seen.write_text(exporter.get())
            pytest.fail(f"not within {timeout_s} s: {what}; see {seen} and {exporter.log}")
        time.sleep(0.5)
