"""The databases against which tests of the store run, and an exporter that answers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from stratoscope.downtime.database.address import Address, postgresql, sqlite
from stratoscope.downtime.database.store import Store, opened
from support import postgresql as real
from support.downtime_site import Site, downtimes


@pytest.fixture(scope="session")
def server() -> Iterator[real.Server]:
    with real.postgresql() as found:
        yield found


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return sqlite(tmp_path)
    found: real.Server = request.getfixturevalue("server")
    return postgresql(found.new_database(), real.PASSWORD)


@pytest.fixture
async def store(address: Address) -> AsyncIterator[Store]:
    async with opened(address) as one:
        yield one


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with downtimes(tmp_path) as found:
        yield found
