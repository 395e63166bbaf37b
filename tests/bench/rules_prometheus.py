"""A real Prometheus for a benchmark of the rules: what it is asked, and what it says of itself."""

import http.client
import json
import re
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from from_tests import debian, free_port

OLDEST: Final = "bookworm"
NEWEST: Final = "sid"
_READY_S: Final = 120
_SAMPLE: Final = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_GROUP: Final = re.compile(r'rule_group="[^"]*;([^"]*)"')


class Prometheus:
    """A process that is ready."""

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """The labels, without the name, and the values of an instant query."""
        found = self._api(f"query?{urlencode({'query': query})}")["result"]
        return [
            (
                {name: text for name, text in one["metric"].items() if name != "__name__"},
                float(one["value"][1]),
            )
            for one in found
        ]

    def number(self, query: str) -> float:
        """The value of the only series; 0 if there is none."""
        return sum(value for _, value in self.ask(query))

    def rules(self) -> Iterator[tuple[str, float, float]]:
        """Of each rule its name, the seconds of its last evaluation, and the interval of its group."""
        for group in self._api("rules")["groups"]:
            for rule in group["rules"]:
                name = " ".join([rule["name"], *rule.get("labels", {}).values()])
                yield f"{group['name']}: {name}", rule["evaluationTime"], group["interval"]

    def itself(self) -> "Itself":
        return Itself(self._get("/metrics"))

    def _api(self, path: str) -> Any:
        return json.loads(self._get(f"/api/v1/{path}"))["data"]

    def _get(self, path: str) -> str:
        with urlopen(self._url + path, timeout=60) as answer:  # noqa: S310 - http://127.0.0.1 only
            text: str = answer.read().decode()
            return text


class Itself:
    """Its own page."""

    def __init__(self, page: str) -> None:
        self._samples = defaultdict(list)
        for name, labels, value in _SAMPLE.findall(page):
            self._samples[name].append((labels, float(value)))

    def total(self, name: str) -> float:
        return sum(value for _, value in self._samples[name])

    @property
    def cpu_s(self) -> float:
        return self.total("process_cpu_seconds_total")

    def of_groups(self, name: str) -> dict[str, float]:
        """The values of a metric by the names of the groups of rules."""
        found = ((_GROUP.search(labels), value) for labels, value in self._samples[name])
        return {match.group(1): value for match, value in found if match is not None}


@contextmanager
def prometheus(
    folder: Path,
    scrapes: Sequence[Mapping[str, Any]],
    rules: Mapping[str, object],
    every_s: int,
    suite: str = OLDEST,
) -> Iterator[Prometheus]:
    """The suite's Prometheus with the data of the folder; it scrapes and evaluates every so many seconds."""
    every = f"{every_s}s"
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": "10s", "evaluation_interval": every},
        "rule_files": ["rules.yml"],
        "scrape_configs": scrapes,
    }
    folder.mkdir(exist_ok=True)
    (folder / "prometheus.yml").write_text(json.dumps(config))  # YAML reads JSON
    (folder / "rules.yml").write_text(json.dumps(rules))
    url = f"127.0.0.1:{free_port()}"
    command = [
        str(debian.unpacked("prometheus", suite) / "usr/bin/prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=35d",
        f"--web.listen-address={url}",
    ]
    with (folder / "log").open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait(f"http://{url}/-/ready", folder / "log")
            yield Prometheus(f"http://{url}")
        finally:
            process.terminate()


def _wait(url: str, log: Path) -> None:
    ends = time.monotonic() + _READY_S
    while time.monotonic() < ends:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - http://127.0.0.1 only
                return
        except (URLError, ConnectionError, TimeoutError, http.client.HTTPException):
            time.sleep(0.2)
    raise RuntimeError(f"Prometheus does not start: {log.read_text()[-1000:]}")
