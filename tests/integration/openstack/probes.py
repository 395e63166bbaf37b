"""The VM-creation probe as its users run it, on the cloud of scripts/openstack-up, and what it leaves."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from cloud.folder import CLOUDS

from integration.conftest import RunningExporter, started
from integration.openstack.openstack_cli import Cli

TAG = "stratoscope-integration"
VM: Mapping[str, Any] = {"flavor": "tiny", "image": "cirros", "network": "shared", "zone": "az1"}
"""What a probe requests by default."""
PROJECT = "probe"
"""The project of the cloud `probe` of clouds.yaml, and its user."""
REFUSED_S = 30
RUN_S = 120
"""No run takes longer."""
SHORT = {"scheduled": "15s", "networked": "60s", "built": "60s", "deleted": "30s", "gone": "30s"}
"""Time-outs with which trouble shows soon."""


def a_probe(name: str = "boot", **more: Any) -> dict[str, Any]:
    """A probe of a plain project, which runs when it is told to."""
    return {"name": name, "cloud": "lab", "interval": "1d", "timeouts": SHORT, **VM, **more}


def configuration(*probes: Mapping[str, Any], **own: Any) -> str:
    """A configuration file. JSON is YAML."""
    budget = {"concurrency": 16, "requests_per_second": 100, "timeout": "15s"}
    entry = {"name": "lab", "kind": "openstack", "os_cloud": PROJECT, "clouds_file": str(CLOUDS)}
    return json.dumps(
        {"clouds": [entry | {"budget": budget}], "vmprobe": {"probes": probes, "tag": TAG} | own}
    )


@dataclass(frozen=True, slots=True)
class Prober(RunningExporter):
    """The probe exporter. At its end a run in progress deletes its VM first."""

    stop_s: ClassVar[float] = 40

    def probe(self, name: str = "boot") -> Mapping[str, Any]:
        """What its API says about a probe."""
        found: Mapping[str, Any] = json.loads(self.get(f"/api/v1/probes/{quote(name)}?runs=200"))
        return found

    def runs(self, name: str = "boot") -> Sequence[Mapping[str, Any]]:
        runs: Sequence[Mapping[str, Any]] = self.probe(name)["runs"]
        return runs

    def begin(self, name: str = "boot") -> None:
        """Begin a run, or join the one in progress. Before the first sweep it is refused."""
        url = f"{self.url}/api/v1/probes/{quote(name)}/run"
        request = Request(url, method="POST")  # noqa: S310 - http://127.0.0.1 only

        def is_begun() -> bool:
            try:
                with urlopen(request, timeout=30) as answer:  # noqa: S310
                    return bool(answer.status == HTTPStatus.ACCEPTED)
            except HTTPError as error:
                if error.code != HTTPStatus.CONFLICT:
                    raise
                return False

        wait_until(is_begun, f"a run of {name} begins", REFUSED_S)

    def run(self, name: str = "boot") -> Mapping[str, Any]:
        """A run, once it has ended."""
        known = {run["id"] for run in self.runs(name)}
        self.begin(name)
        return self.ended(known, name)

    def ended(self, known: set[str], name: str = "boot") -> Mapping[str, Any]:
        """The first run that has ended beside those that are known."""
        found: list[Mapping[str, Any]] = []

        def has_ended() -> bool:
            found[:] = [run for run in self.runs(name) if run["id"] not in known]
            return bool(found)

        wait_until(has_ended, f"a run of {name} ends; see {self.log}", RUN_S)
        return found[0]

    def step(self, phase: str, name: str = "boot") -> Mapping[str, Any]:
        """Begin a run. Returns it as soon as a phase of it has ended."""
        found: list[Mapping[str, Any]] = []
        self.begin(name)

        def has_come() -> bool:
            running = self.probe(name)["running"]
            found[:] = [running] if running and (phase in running["phases"] or not phase) else []
            return bool(found)

        wait_until(has_come, f"{phase} of {name} ends; see {self.log}", RUN_S, every_s=0.02)
        return found[0]


def wait_until(holds: Callable[[], object], what: str, timeout_s: float, every_s: float = 0.1) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s} s: {what}")
        time.sleep(every_s)


@contextmanager
def probing(folder: Path, config: str) -> Iterator[Prober]:
    """The exporter with this configuration and the state in this folder, ready; ended by SIGTERM."""
    state = f"--storage.path={folder / 'state'}"
    with started("vmprobe", folder, config, state, of=Prober) as prober:
        yield prober


def objects(cli: Cli) -> Mapping[str, set[str]]:
    """The ids of what a run may create, of all projects, as OpenStack's own tool lists them."""
    return {
        "server": {row["ID"] for row in cli.ask("server", "list", "--all-projects")},
        "port": {row["ID"] for row in cli.ask("port", "list")},
        "volume": {row["ID"] for row in cli.ask("volume", "list", "--all-projects")},
        "floating ip": {row["ID"] for row in cli.ask("floating", "ip", "list")},
        "image": {row["ID"] for row in cli.ask("image", "list")},
    }


def failure(run: Mapping[str, Any]) -> tuple[str, str, str]:
    """Phase, reason and blame of a run that failed."""
    assert run["outcome"] == "failed", run
    return run["failure"]["phase"], run["failure"]["reason"], run["failure"]["blame"]
