"""The exporter in an embedded OpenNebula, ended in the middle of a run: no VM stays, no password is shown."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from cloud.ports import free_port
from lxml import etree

from support.demo_one import DemoOne, demo_one_in_thread

SECRET = "demo"  # noqa: S105 - of the embedded cloud
PATIENCE_S = 60.0


@pytest.fixture
def one() -> Iterator[DemoOne]:
    with demo_one_in_thread() as found:
        yield found


class Prober:
    """The exporter as a process, with one probe that runs when it is asked to."""

    def __init__(self, folder: Path, one: DemoOne) -> None:
        self._folder, self._port = folder, free_port()
        (folder / "user1").write_text(f"user1:{SECRET}")
        entry = {
            "name": "lab", "kind": "opennebula", "endpoint": one.endpoint,
            "credentials_file": str(folder / "user1"),
        }  # fmt: skip
        probe = {"name": "boot", "cloud": "lab", "template": "t1.nano", "interval": "12h"}
        later = {**probe, "name": "first"}  # the first of an entry begins at once
        document = {"clouds": [entry], "vmprobe": {"probes": [later, probe]}}
        (folder / "probe.yml").write_text(json.dumps(document))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "stratoscope", "vmprobe"),
                    f"--config.file={self._folder / 'probe.yml'}",
                    f"--storage.path={self._folder / 'state'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def get(self, path: str) -> str:
        """A page; "" while it does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (URLError, ConnectionError, TimeoutError):
            return ""

    def run(self) -> None:
        url = f"http://127.0.0.1:{self._port}/api/v1/probes/boot/run"
        with urlopen(Request(url, b""), timeout=5):
            pass

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()


@pytest.fixture
def prober(tmp_path: Path, one: DemoOne) -> Iterator[Prober]:
    found = Prober(tmp_path, one)
    found.start()
    try:
        yield found
    finally:
        if found.process is not None and found.process.poll() is None:
            found.end(signal.SIGKILL)


def of_probes(one: DemoOne) -> list[str]:
    """The names of VMs of probes that are not done."""
    done, text, *_ = one.ask("vmpool.info", -2, 0, -2000, -1)
    assert done
    names = [vm.findtext("NAME", "") for vm in etree.fromstring(text, etree.XMLParser())]
    return [name for name in names if name.startswith("stratoscope-")]


def until(is_so: Callable[[], Any], one: DemoOne | None = None) -> None:
    """Wait until it is so; the time of a cloud goes on meanwhile."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)
        if one is not None:
            one.after(0.5)


def settled(prober: Prober, one: DemoOne) -> None:
    """The first run of all has ended, and nothing is left."""
    until(lambda: 'vmprobe_successful_runs_total{cloud="lab",probe="first"} 1' in prober.get("/metrics"), one)
    assert of_probes(one) == []


def test_vm_of_a_run_that_is_killed_goes_at_the_next_start(prober: Prober, one: DemoOne) -> None:
    settled(prober, one)
    prober.run()
    until(lambda: of_probes(one))
    assert prober.end(signal.SIGKILL) == -signal.SIGKILL
    one.after(60)
    (name,) = of_probes(one)
    assert name.endswith("-stratoscope-vmprobe")
    prober.start()
    until(lambda: not of_probes(one), one)
    for shown in (prober.log, prober.get("/metrics"), prober.get("/"), prober.get("/api/v1/probes/boot")):
        assert shown
        assert f":{SECRET}" not in shown


def test_vm_of_a_run_that_is_ended_is_gone_before_the_exporter(prober: Prober, one: DemoOne) -> None:
    settled(prober, one)
    prober.run()
    until(lambda: of_probes(one))
    assert prober.process is not None
    prober.process.send_signal(signal.SIGTERM)
    until(lambda: prober.process is not None and prober.process.poll() is not None, one)
    assert prober.process.returncode == 0
    assert of_probes(one) == []
