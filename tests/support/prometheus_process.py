"""A real Prometheus, as scripts/get-debian unpacked it."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from support.alertmanagers import free_port
from support.debian import ROOT


class RealPrometheus:
    """A process on a port of loopback, which scrapes and evaluates each second."""

    def __init__(
        self,
        folder: Path,
        *,
        rules: Mapping[str, object],
        targets: Mapping[str, str],
        labels: Mapping[str, str] = MappingProxyType({}),
        alertmanager: str = "",
    ) -> None:
        """What it is told.

        Args:
            folder: Of its files, and of its log.
            rules: The content of a file of rules.
            targets: URLs of exporters by their job.
            labels: Of all targets.
            alertmanager: Its URL; without one nobody is notified.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._url = folder, f"127.0.0.1:{free_port()}"
        config: dict[str, object] = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [
                {
                    "job_name": job,
                    "honor_labels": True,
                    "static_configs": [{"targets": [_address(url)], "labels": dict(labels)}],
                }
                for job, url in targets.items()
            ],
        }
        if alertmanager:
            to = [{"static_configs": [{"targets": [_address(alertmanager)]}]}]
            config["alerting"] = {"alertmanagers": to}
        # YAML reads JSON.
        (folder / "prometheus.yml").write_text(json.dumps(config))
        (folder / "rules.yml").write_text(json.dumps(rules))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str) -> None:
        """Start it, and do not wait for it."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    ROOT / "build/tools/usr/bin/prometheus",
                    f"--config.file={self._folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address={self._url}",
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

    def ask(self, query: str) -> dict[frozenset[tuple[str, str]], float]:
        """The values now, by their labels; nothing while it does not answer."""
        asked = urlencode({"query": query})
        try:
            with urlopen(f"http://{self._url}/api/v1/query?{asked}", timeout=5) as answer:
                found: Any = json.load(answer)["data"]["result"]
        except (URLError, ConnectionError, TimeoutError):
            return {}
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in found}


def _address(url: str) -> str:
    return url.removeprefix("http://").rstrip("/")
