"""The embedded cloud, and the cloud as an exporter opens it with a plain user, for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stratoscope.clouds.openstack.cloud import OpenStack
from support.demo_cloud import DemoCloud, demo_cloud
from support.openstack_vms import opened


@pytest.fixture
async def demo() -> AsyncIterator[DemoCloud]:
    async with demo_cloud() as demo:
        yield demo


@pytest.fixture
async def cloud(demo: DemoCloud, tmp_path: Path) -> AsyncIterator[OpenStack]:
    async with opened(demo, tmp_path) as cloud:
        yield cloud
