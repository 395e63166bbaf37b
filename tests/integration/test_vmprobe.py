"""The probe exporter on real libvirt: a domain boots, writes its marker and is gone; kills leave nothing."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from guests import host

from integration.conftest import RunningExporter, stop, wait_until_ready
from integration.virsh import virsh, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

LIBVIRTD = Path("/run/libvirtd.pid")
MARKER = b"stratoscope: the VM runs"
FAILED = "stratoscope_vmprobe_failures_total"
LEAKED = "stratoscope_vmprobe_leaked_resources"
RUNS = "stratoscope_vmprobe_runs_total"
SUCCESS = "stratoscope_vmprobe_success"


def ours() -> list[str]:
    return [name for name in virsh("list", "--all", "--name").split() if name.startswith("stratoscope-")]


def value(text: str, name: str, label: str = "") -> float:
    found = re.findall(rf"^{name}{{[^}}]*{label}[^}}]*}} (\S+)", text, re.MULTILINE)
    return sum(map(float, found))


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """What a test that fails leaves, the next one would take for its own."""
    yield
    for name in ours():
        virsh("destroy", name)


@contextmanager
def probing(folder: Path, **probe: object) -> Iterator[RunningExporter]:
    """The exporter with one probe; its state is in the folder."""
    entry = {"name": "boot", "cloud": "lab", "interval": "1h", **probe}
    clouds = [{"name": "lab", "kind": "libvirt", "uri": "qemu:///system"}]
    config, log, state = folder / "vmprobe.yml", folder / "vmprobe.log", folder / "state"
    config.write_text(json.dumps({"clouds": clouds, "vmprobe": {"probes": [entry]}}))
    state.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = [f"--config.file={config}", f"--web.listen-address={address}", f"--storage.path={state}"]
    command = [str(Path(sys.executable).with_name("stratoscope")), "vmprobe", *flags]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        running = RunningExporter(f"http://{address}", process, log)
        try:
            wait_until_ready(running)
            yield running
        finally:
            if process.poll() is None:
                stop(process)


def run_now(exporter: RunningExporter) -> None:
    with urlopen(Request(f"{exporter.url}/api/v1/probes/boot/run", method="POST")) as answer:  # noqa: S310
        assert answer.status < 300


def _pty(name: str) -> str:
    source = ET.fromstring(virsh("dumpxml", name)).find("devices/serial/source")  # noqa: S314
    return "" if source is None else source.get("path", "")


def console(name: str) -> bytes:
    """What a domain writes to its serial console."""
    wait_for(lambda: _pty(name))  # it is there once the domain has started
    pty = os.open(_pty(name), os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    text, until = b"", time.monotonic() + 60
    try:
        while MARKER not in text and time.monotonic() < until:
            try:
                text += os.read(pty, 1024)
            except BlockingIOError:
                time.sleep(0.1)
    finally:
        os.close(pty)
    return text


def test_domain_is_created_runs_and_is_gone(tmp_path: Path) -> None:
    with probing(tmp_path) as exporter:
        wait_for(lambda: value(exporter.get(), RUNS) >= 1, 60)
        assert value(exporter.get(), SUCCESS) == 1, exporter.log.read_text()
        assert ours() == []


@pytest.mark.full
def test_domain_writes_its_marker_and_a_kill_leaves_it_to_the_next_start(tmp_path: Path) -> None:
    with probing(tmp_path) as exporter:
        wait_for(ours, 60)
        exporter.process.kill()
        exporter.process.wait()
    (name,) = ours()
    assert MARKER in console(name)
    with probing(tmp_path) as exporter:
        wait_for(lambda: not ours(), 60)
        wait_for(lambda: value(exporter.get(), RUNS) >= 1, 60)
        wait_for(lambda: value(exporter.get(), LEAKED) == 0, 90)  # the next sweep sees it gone


@pytest.mark.full
def test_daemon_that_is_killed_is_named_and_its_return_is_noticed(tmp_path: Path) -> None:
    with probing(tmp_path) as exporter:
        wait_for(lambda: value(exporter.get(), RUNS) >= 1, 60)
        os.kill(int(LIBVIRTD.read_text()), signal.SIGKILL)
        try:
            wait_for(lambda: not host.daemon_answers())
            run_now(exporter)
            wait_for(lambda: value(exporter.get(), FAILED, 'reason="api_unreachable"') == 1, 60)
        finally:
            host.start_daemon()
        run_now(exporter)
        wait_for(lambda: value(exporter.get(), SUCCESS) == 1, 60)
        assert ours() == []


@pytest.mark.full
def test_daemon_that_is_killed_in_a_run_leaves_nothing_once_it_is_back(tmp_path: Path) -> None:
    with probing(tmp_path) as exporter:
        wait_for(lambda: value(exporter.get(), RUNS) >= 1, 60)
        run_now(exporter)
        wait_for(ours, 60)
        os.kill(int(LIBVIRTD.read_text()), signal.SIGKILL)
        try:
            wait_for(lambda: value(exporter.get(), FAILED, 'reason="api_unreachable"') == 1, 60)
        finally:
            host.start_daemon()
        wait_for(lambda: not ours(), 100)
        run_now(exporter)
        wait_for(lambda: value(exporter.get(), SUCCESS) == 1, 60)
