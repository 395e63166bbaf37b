"""What every test in a browser needs: Debian's Chromium, driven by Playwright, and pages of real processes.

`make browser` installs both. Nothing here skips: what is missing fails.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.chromium import chromium
from support.site import get, site

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="session")
def hypervisor(folder: Path) -> Iterator[str]:
    """The hypervisor exporter, whose libvirt cannot be reached."""
    config = folder / "hypervisor.yml"
    config.write_text(
        f"clouds: [{{name: uni, kind: libvirt, uri: 'qemu+unix:///system?socket={folder}/libvirt-sock'}}]\n"
    )
    with site(folder, "stratoscope", "hypervisor", f"--config.file={config}") as url:
        yield url


@pytest.fixture(scope="session")
def management(folder: Path) -> Iterator[str]:
    """The management exporter, which watches an embedded cloud."""
    config = folder / "management.yml"
    cloud = ("demo-cloud", "--vms=40", f"--write-config={config}")
    with (
        site(folder, "stratoscope", *cloud, is_ready=lambda _: config.exists()),
        site(folder, "stratoscope", "management", f"--config.file={config}") as url,
    ):
        yield url


@pytest.fixture(scope="session")
def many(folder: Path) -> Iterator[str]:
    """3 clouds with 30 collectors each, of which all have answered but two."""
    with site(folder, "support.crowd", "many", is_ready=lambda url: "2 not run yet" in get(url)) as url:
        yield url


@pytest.fixture(scope="session")
def none(folder: Path) -> Iterator[str]:
    """An exporter without collectors."""
    with site(folder, "support.crowd", "none") as url:
        yield url


@pytest.fixture(params=["hypervisor", "management", "many", "none"])
def url(request: pytest.FixtureRequest) -> str:
    """Of each of them."""
    found: str = request.getfixturevalue(request.param)
    return found
