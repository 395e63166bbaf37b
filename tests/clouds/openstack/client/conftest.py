"""A fake cloud with a client on simulated time, for tests of the log-in. Most files here have their own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.openstack.client.services import Client
from stratoscope.core.deadline import DEADLINE
from support.fake_openstack import FakeOpenStack, config, opened, running
from support.wheel import Wheel


@pytest.fixture
async def cloud() -> AsyncIterator[FakeOpenStack]:
    async with running() as cloud:
        cloud.says("/compute/v2.1/servers/detail", {"servers": []})
        yield cloud


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


@pytest.fixture
async def client(cloud: FakeOpenStack, wheel: Wheel, tmp_path: Path) -> AsyncIterator[Client]:
    limits = Limits(requests_per_second=1000)
    async with opened(config(tmp_path, cloud.url, limits), wheel.clock) as client:
        yield client


@pytest.fixture
def in_time(wheel: Wheel) -> Iterator[None]:
    token = DEADLINE.set(wheel.time_s + 10_000)
    yield
    DEADLINE.reset(token)
