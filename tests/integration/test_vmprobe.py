"""The probe exporter on real libvirt: a domain boots, writes its marker and is gone; kills leave nothing."""

import os
import signal
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from guests import host

from integration.probing import FAILED, LEAKED, RUNS, SUCCESS, ours, probing, run_now, value
from integration.virsh import virsh, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

LIBVIRTD = Path("/run/libvirtd.pid")
MARKER = b"stratoscope: the VM runs"


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """What a test that fails leaves, the next one would take for its own."""
    yield
    for name in ours():
        virsh("destroy", name)


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


def test_domain_is_created_writes_its_marker_and_is_gone(tmp_path: Path) -> None:
    with probing(tmp_path, console=MARKER.decode()) as exporter:
        wait_for(lambda: value(exporter.get(), RUNS) >= 1, 60)
        page = exporter.get()
        assert value(page, SUCCESS) == 1, exporter.log.read_text()
        assert 0 < value(page, "stratoscope_vmprobe_phase_last_duration_seconds", 'phase="console"') < 60
        assert 'stratoscope_vmprobe_step_left_out{cloud="lab",probe="boot",phase="console"} 0' in page
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
