"""A real Prometheus, and a real VictoriaMetrics, as scripts/get-debian unpacked them."""

import json
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from cloud.ports import free_port

from support.debian import ROOT, unpacked

Labels = frozenset[tuple[str, str]]
Found = dict[Labels, float]
"""Values by their labels."""

QUICK: Final = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}}
"""Each second."""


_HERE: Final = ROOT / "build/tools/usr/bin/prometheus"
"""Of this distribution."""


class Target(NamedTuple):
    """What is scraped."""

    job: str
    url: str
    labels: Mapping[str, str] = MappingProxyType({})


class Answering(ABC):
    """A process on a port of loopback that answers PromQL.

    Attributes:
        address: Host and port.
        url: Where it listens.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self.address = folder, f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.address}"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def _command(self) -> Sequence[str | Path]:
        """What starts it."""

    def start(self, *flags: str) -> None:
        """Start it, and do not wait for it."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*self._command(), *flags], stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def ask(self, query: str, **more: str) -> Found:
        """The values now, by their labels; nothing while it does not answer. Args: more: Such as `time`."""
        asked = urlencode({"query": query, **more})
        try:
            with urlopen(f"{self.url}/api/v1/query?{asked}", timeout=5) as answer:  # noqa: S310 - loopback
                found: Any = json.load(answer)["data"]["result"]
        except (URLError, ConnectionError, TimeoutError):
            return {}
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in found}

    def firing(self) -> list[Mapping[str, str]]:
        """The labels of the alerts that fire."""
        return [dict(labels) for labels in self.ask('ALERTS{alertstate="firing"}')]


class Prometheus(Answering):
    """It has the configuration, and the one file of rules, that it is given."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, object],
        rules: Mapping[str, object],
        *flags: str,
        program: Path = _HERE,
    ) -> None:
        """Args: rules: The content of a file of rules."""
        super().__init__(folder)
        self._flags, self._program = flags, program
        # YAML reads JSON.
        (folder / "prometheus.yml").write_text(json.dumps({**config, "rule_files": ["rules.yml"]}))
        (folder / "rules.yml").write_text(json.dumps(rules))

    def _command(self) -> Sequence[str | Path]:
        return [
            self._program,
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.address}",
            *self._flags,
        ]

    def load(self, rules: Mapping[str, object]) -> None:
        """Evaluate these rules instead."""
        assert self._process is not None
        (self._folder / "rules.yml").write_text(json.dumps(rules))
        self._process.send_signal(signal.SIGHUP)


class RealPrometheus(Prometheus):
    """Its targets can change while it runs."""

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
        if isinstance(targets, Mapping):
            targets = [Target(job, url, labels) for job, url in targets.items()]
        of_jobs = {one["job_name"]: one for one in settings.get("scrape_configs", ())}
        to = [{"static_configs": [{"targets": [_address(alertmanager)]}]}] if alertmanager else []
        config = {
            "global": settings["global"],
            "alerting": {"alertmanagers": to},
            "scrape_configs": [
                {
                    **_intervals(of_jobs.get(job, {})),
                    "job_name": job,
                    "honor_labels": True,
                    "tls_config": {"insecure_skip_verify": True},
                    "file_sd_configs": [{"files": [f"targets-{job}.json"]}],
                }
                for job in sorted({target.job for target in targets})
            ],
        }
        super().__init__(folder, config, rules, "--rules.alert.resend-delay=1s")
        self.scrape(targets)

    def scrape(self, targets: Iterable[Target]) -> None:
        """Scrape these instead, of the same jobs; it sees that within seconds."""
        by_job: dict[str, list[Target]] = {}
        for target in targets:
            by_job.setdefault(target.job, []).append(target)
        for job, those in by_job.items():
            rows = [
                {
                    "targets": [_address(one.url)],
                    "labels": {**one.labels, "__scheme__": one.url.rpartition("://")[0] or "http"},
                }
                for one in those
            ]
            half = self._folder / "targets.half"
            half.write_text(json.dumps(rows))
            half.replace(self._folder / f"targets-{job}.json")


class VictoriaMetrics(Answering):
    """It has what was written to it by remote write."""

    def __init__(self, folder: Path, suite: str, *flags: str) -> None:
        super().__init__(folder)
        self._program, self._flags = unpacked("victoria-metrics", suite) / "usr/bin/victoria-metrics", flags

    def _command(self) -> Sequence[str | Path]:
        return [
            self._program,
            f"-storageDataPath={self._folder / 'data'}",
            f"-httpListenAddr={self.address}",
            *self._flags,
        ]


def _intervals(job: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in job.items() if key in ("scrape_interval", "scrape_timeout")}


def _address(url: str) -> str:
    return url.rpartition("://")[2].rstrip("/")
