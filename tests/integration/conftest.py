"""What every integration test needs: real libvirt, and the exporter as its users run it.

`make integration` brings the guests up first (scripts/libvirt-up). Nothing here skips: what is missing fails.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from cloud.ports import free_port

READY_TIMEOUT_S = 30
TEST_TIMEOUT_S = 900
"""Of one test: real things are waited for, by each test with its own patience."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give them more time than other tests have; a mark of a test's own comes first."""
    for item in items:
        if item.get_closest_marker("integration") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S))


@dataclass(frozen=True, slots=True)
class RunningExporter:
    """An exporter in a process of its own. Attributes: stop_s: How long its end may take."""

    stop_s: ClassVar[float] = 10
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


E = TypeVar("E", bound=RunningExporter)


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
    config = f'clouds:\n  - {{name: lab, kind: libvirt, uri: "{uri}"}}\n'
    with started("hypervisor", tmp_path, config) as running:
        yield running


@contextmanager
def started(
    name: str,
    folder: Path,
    config: str,
    *flags: str,
    of: type[E] = RunningExporter,  # type: ignore[assignment]  # of a type variable mypy knows no default
    is_ready: bool = True,
) -> Iterator[E]:
    """The exporter of this name with this configuration; ended by SIGTERM, unless it has ended.

    Args:
        folder: Of the configuration, and of the log, to which it appends.
        of: The class of what is yielded.
        is_ready: Wait until it is ready.
    """
    file, log = folder / "stratoscope.yml", folder / "exporter.log"
    file.write_text(config)
    address = f"127.0.0.1:{free_port()}"
    command = stratoscope(name, f"--config.file={file}", f"--web.listen-address={address}", *flags)
    with log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        running = of(f"http://{address}", process, log)
        try:
            if is_ready:
                wait_until_ready(running)
            yield running
        finally:
            if process.poll() is None:
                stop(process, running.stop_s)


def stratoscope(*arguments: str) -> list[str]:
    """The command `stratoscope`."""
    return [str(Path(sys.executable).with_name("stratoscope")), *arguments]


def wait_until_ready(exporter: RunningExporter) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not exporter.is_ready():
        assert exporter.process.poll() is None, f"the exporter ended: {exporter.log.read_text()}"
        assert time.monotonic() < deadline, f"the exporter is not ready: {exporter.log.read_text()}"
        time.sleep(0.1)


def stop(process: subprocess.Popen[bytes], within_s: float) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
