"""What the tests against a real OpenStack need. scripts/openstack-up brings it up first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.openstack.exporters import configuration, running
from integration.openstack.openstack_cli import Cli
from support.series import Page, read


@pytest.fixture(scope="session")
def cli() -> Iterator[Cli]:
    """`openstack ... -f json`."""
    with Cli() as one:
        yield one


@pytest.fixture(scope="module")
def admins(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The first whole page of an exporter with the administrator's credential."""
    return first_page(tmp_path_factory.mktemp("admin"), "admin")


def first_page(folder: Path, os_cloud: str) -> Page:
    """The page of an exporter once each collector has run."""
    with running(folder, configuration(os_cloud)) as exporter:
        return read(exporter.get())
