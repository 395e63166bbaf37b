"""A real Prometheus, and a real VictoriaMetrics, as scripts/get-debian unpacked them."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from support.alertmanagers import free_port
from support.debian import ROOT, unpacked

Found = dict[frozenset[tuple[str, str]], float]
"""Values by their labels."""


class Answering:
    """A process on a port of loopback that answers PromQL.

    Attributes:
        address: Host and port.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self.address = folder, f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and do not wait for it."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def ask(self, query: str, **more: str) -> Found:
        """The values now, by their labels; nothing while it does not answer. Args: more: Such as `time`."""
        asked = urlencode({"query": query, **more})
        try:
            with urlopen(f"http://{self.address}/api/v1/query?{asked}", timeout=5) as answer:
                found: Any = json.load(answer)["data"]["result"]
        except (URLError, ConnectionError, TimeoutError):
            return {}
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in found}


class Prometheus(Answering):
    """It has the configuration, and the one file of rules, that it is given."""

    def __init__(
        self, folder: Path, config: Mapping[str, object], rules: Mapping[str, object], *flags: str
    ) -> None:
        """Args: rules: The content of a file of rules."""
        super().__init__(folder)
        self._flags = flags
        # YAML reads JSON.
        (folder / "prometheus.yml").write_text(json.dumps({**config, "rule_files": ["rules.yml"]}))
        (folder / "rules.yml").write_text(json.dumps(rules))

    def _command(self) -> Sequence[str | Path]:
        return [
            ROOT / "build/tools/usr/bin/prometheus",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.address}",
            *self._flags,
        ]


class RealPrometheus(Prometheus):
    """It scrapes and evaluates each second."""

    def __init__(
        self, folder: Path, *, alertmanager: str, rules: Mapping[str, object], targets: Mapping[str, str]
    ) -> None:
        """Args: targets: URLs of exporters by their job."""
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [_address(alertmanager)]}]}]},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [_address(url)]}]}
                for job, url in targets.items()
            ],
        }
        super().__init__(folder, config, rules, "--rules.alert.resend-delay=1s")


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


def _address(url: str) -> str:
    return url.removeprefix("http://").rstrip("/")
