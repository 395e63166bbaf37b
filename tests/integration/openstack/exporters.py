"""The management exporter as its users run it, on the cloud of scripts/openstack-up, and its pages."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cloud.folder import CLOUDS

from integration.conftest import RunningExporter, stop, wait_until_ready
from support.series import Page, read

QUICK: Mapping[str, Any] = {"interval": "5s", "timeout": "4s", "max_age": "15s"}
"""A schedule with which trouble shows soon."""


def configuration(
    os_cloud: str = "admin", collectors: Mapping[str, Any] | None = None, **of_cloud: Any
) -> str:
    """A configuration file with one cloud, `lab`. JSON is YAML."""
    entry = {"name": "lab", "kind": "openstack", "os_cloud": os_cloud, "clouds_file": str(CLOUDS)} | of_cloud
    return json.dumps({"clouds": [entry], "management": {"collectors": collectors or {}}})


def command(config: Path, *flags: str) -> list[str]:
    stratoscope = Path(sys.executable).with_name("stratoscope")
    return [str(stratoscope), "management", f"--config.file={config}", *flags]


@contextmanager
def running(folder: Path, config: str, *, is_ready: bool = True) -> Iterator[RunningExporter]:
    """The exporter with this configuration; ended by SIGTERM. Args: is_ready: Wait for that."""
    file, log = folder / "stratoscope.yml", folder / "exporter.log"
    file.write_text(config)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    asked = command(file, f"--web.listen-address={address}")
    with log.open("wb") as output, subprocess.Popen(asked, stdout=output, stderr=output) as process:
        exporter = RunningExporter(f"http://{address}", process, log)
        try:
            if is_ready:
                wait_until_ready(exporter)
            yield exporter
        finally:
            if process.poll() is None:
                stop(process)


def wait_for_page(
    exporter: RunningExporter, holds: Callable[[Page], object], what: str, timeout_s: float
) -> Page:
    """The first page of which the claim holds."""
    deadline = time.monotonic() + timeout_s
    while True:
        ours = read(exporter.get())
        if holds(ours):
            return ours
        if time.monotonic() > deadline:
            seen = exporter.log.with_name("page.prom")
            seen.write_text(exporter.get())
            pytest.fail(f"not within {timeout_s} s: {what}; see {seen} and {exporter.log}")
        time.sleep(0.5)
