"""What every integration test needs: real libvirt, and the exporter as its users run it.

`make integration` brings the guests up first (scripts/libvirt-up). Nothing here skips: what is missing fails.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

READY_TIMEOUT_S, STOP_TIMEOUT_S = 30, 10
TEST_TIMEOUT_S = 900
"""Of one test: real things are waited for, by each test with its own patience."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give them more time than other tests have; a mark of a test's own comes first."""
    for item in items:
        if item.get_closest_marker("integration") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S))


@dataclass(frozen=True, slots=True)
class RunningExporter:
    """The hypervisor exporter in a process of its own."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str = "/metrics", timeout_s: float = 30) -> str:
        with urlopen(f"{self.url}{path}", timeout=timeout_s) as answer:  # noqa: S310 - http://127.0.0.1 only
            content: bytes = answer.read()
            return content.decode()

    def is_ready(self) -> bool:
        try:
            return self.get("/-/ready") != ""
        except (URLError, ConnectionError):
            return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"an integration test may not skip: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def uri() -> str:
    """The connection URI of the libvirt that scripts/libvirt-up brought up."""
    return "qemu:///system"


@pytest.fixture
def exporter(uri: str, tmp_path: Path) -> Iterator[RunningExporter]:
    """The exporter on that libvirt, ready; ended by SIGTERM."""
    config, log = tmp_path / "stratoscope.yml", tmp_path / "exporter.log"
    config.write_text(f'clouds:\n  - {{name: lab, kind: libvirt, uri: "{uri}"}}\n')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    flags = [f"--config.file={config}", f"--web.listen-address={address}"]
    command = [Path(sys.executable).with_name("stratoscope"), "hypervisor", *flags]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        running = RunningExporter(f"http://{address}", process, log)
        try:
            wait_until_ready(running)
            yield running
        finally:
            stop(process)


def wait_until_ready(exporter: RunningExporter) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not exporter.is_ready():
        assert exporter.process.poll() is None, f"the exporter ended: {exporter.log.read_text()}"
        assert time.monotonic() < deadline, f"the exporter is not ready: {exporter.log.read_text()}"
        time.sleep(0.1)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
