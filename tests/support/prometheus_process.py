"""A real Prometheus, as scripts/get-debian unpacked it."""

import json
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from support.alertmanagers import free_port
from support.debian import ROOT

Labels = frozenset[tuple[str, str]]


QUICK: Final = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}}
"""Each second."""


class Target(NamedTuple):
    """What is scraped."""

    job: str
    url: str
    labels: Mapping[str, str] = MappingProxyType({})


class RealPrometheus:
    """A process on a port of loopback.

    Attributes:
        url: Where it listens.
    """

    def __init__(  # noqa: PLR0913 - what is configured
        self,
        folder: Path,
        *,
        rules: Mapping[str, object],
        targets: Mapping[str, str] | Sequence[Target],
        labels: Mapping[str, str] = MappingProxyType({}),
        alertmanager: str = "",
        settings: Mapping[str, Any] = QUICK,
    ) -> None:
        """What it is told.

        Args:
            folder: Of its files, and of its log.
            rules: The content of a file of rules.
            targets: What it scrapes; or URLs of exporters by their job.
            labels: Of targets that are given by their job.
            alertmanager: Its URL; without one nobody is notified.
            settings: A configuration that says how often it scrapes and evaluates; its targets are left out.
        """
        folder.mkdir(parents=True, exist_ok=True)
        address = f"127.0.0.1:{free_port()}"
        self._folder, self.url = folder, f"http://{address}"
        if isinstance(targets, Mapping):
            targets = [Target(job, url, labels) for job, url in targets.items()]
        of_jobs = {one["job_name"]: one for one in settings.get("scrape_configs", ())}
        to = [{"static_configs": [{"targets": [_address(alertmanager)]}]}] if alertmanager else []
        config = {
            "global": settings["global"],
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": to},
            "scrape_configs": [
                {
                    **_intervals(of_jobs.get(job, {})),
                    "job_name": job,
                    "honor_labels": True,
                    "file_sd_configs": [{"files": [f"targets-{job}.json"]}],
                }
                for job in sorted({target.job for target in targets})
            ],
        }
        # YAML reads JSON.
        (folder / "prometheus.yml").write_text(json.dumps(config))
        (folder / "rules.yml").write_text(json.dumps(rules))
        self.scrape(targets)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str) -> None:
        """Start it, and do not wait for it."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    ROOT / "build/tools/usr/bin/prometheus",
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address={_address(self.url)}",
                    "--rules.alert.resend-delay=1s",
                    *flags,
                ],
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def scrape(self, targets: Iterable[Target]) -> None:
        """Scrape these instead, of the same jobs; it sees that within seconds."""
        by_job: dict[str, list[Target]] = {}
        for target in targets:
            by_job.setdefault(target.job, []).append(target)
        for job, those in by_job.items():
            rows = [{"targets": [_address(one.url)], "labels": dict(one.labels)} for one in those]
            half = self._folder / "targets.half"
            half.write_text(json.dumps(rows))
            half.replace(self._folder / f"targets-{job}.json")

    def load(self, rules: Mapping[str, object]) -> None:
        """Evaluate these rules instead."""
        assert self._process is not None
        (self._folder / "rules.yml").write_text(json.dumps(rules))
        self._process.send_signal(signal.SIGHUP)

    def ask(self, query: str) -> dict[Labels, float]:
        """The values now, by their labels; nothing while it does not answer."""
        asked = urlencode({"query": query})
        try:
            with urlopen(f"{self.url}/api/v1/query?{asked}", timeout=5) as answer:  # noqa: S310 - loopback
                found: Any = json.load(answer)["data"]["result"]
        except (URLError, ConnectionError, TimeoutError):
            return {}
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in found}

    def firing(self) -> list[Mapping[str, str]]:
        """The labels of the alerts that fire."""
        return [dict(labels) for labels in self.ask('ALERTS{alertstate="firing"}')]


def _intervals(job: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in job.items() if key in ("scrape_interval", "scrape_timeout")}


def _address(url: str) -> str:
    return url.removeprefix("http://").rstrip("/")
