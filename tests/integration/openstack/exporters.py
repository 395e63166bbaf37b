"""The management exporter as its users run it, on the cloud of scripts/openstack-up, and its pages."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cloud.folder import CLOUDS

from integration.conftest import RunningExporter, started, stratoscope
from support.series import Page, read

QUICK: Mapping[str, Any] = {"interval": "5s", "timeout": "4s", "max_age": "15s"}
"""A schedule with which trouble shows soon."""


def configuration(
    os_cloud: str = "admin", collectors: Mapping[str, Any] | None = None, **of_cloud: Any
) -> str:
    """A configuration file with one cloud, `lab`. JSON is YAML."""
    entry = {"name": "lab", "kind": "openstack", "os_cloud": os_cloud, "clouds_file": str(CLOUDS)} | of_cloud
    return json.dumps({"clouds": [entry], "management": {"collectors": collectors or {}}})


def command(config: Path) -> list[str]:
    return stratoscope("management", f"--config.file={config}")


@contextmanager
def running(folder: Path, config: str, *, is_ready: bool = True) -> Iterator[RunningExporter]:
    """The exporter with this configuration; ended by SIGTERM. Args: is_ready: Wait for that."""
    with started("management", folder, config, is_ready=is_ready) as exporter:
        yield exporter


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
