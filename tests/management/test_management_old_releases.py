"""Older releases: what is lost below each microversion, and that nothing of the rest is wrong."""

from pathlib import Path
from typing import Final

import pytest

from support.demo_cloud import DemoCloud, demo_cloud
from support.series import Page
from support.watching import OFTEN, watching

ASKED: Final = ("servers", "flavors", "hypervisors", "inventories", "capacity", "aggregates", "backups")
SHOWN: Final = (
    "host_vcpus_allocated", "host_memory_allocated_bytes", "host_disk_allocated_bytes", "host_pcpus_allocated",
    "host_vcpus_overprovisioning_ratio", "zone_vcpus_overprovisioning_ratio",
    "project_disk_overprovisioning_ratio", "flavor_room_vms", "flavor_room_upper_bound",
    "zone_largest_flavor_info",
)  # fmt: skip


def set_newest(cloud: DemoCloud, **newest: int) -> None:
    """Make services of the cloud older. Args: newest: The minor number of their newest microversion."""
    for service in cloud.cloud.services:
        service.newest = newest.get(service.name, service.newest)


async def shown(folder: Path, **newest: int) -> Page:
    """What is shown when all inventories have been read."""
    async with demo_cloud(60, 6, 5) as cloud:
        set_newest(cloud, **newest)
        async with watching(cloud.clouds_yaml(folder), dict.fromkeys(ASKED, OFTEN)) as exporter:
            await exporter.until(is_known, "all providers are read")
            return await exporter.refreshed({"inventories", "capacity"} & succeeding(await exporter.page()))


def is_known(page: Page) -> bool:
    items = page.value("spread_items", collector="inventories")
    return items == page.value("spread_known_items", collector="inventories") == 6


def succeeding(page: Page) -> set[str]:
    return {collector for collector in ASKED if page.success(collector)}


@pytest.mark.parametrize("newest", [38, 28, 26, 17, 16, 13, 10])
async def test_numbers_of_an_older_placement_are_those_of_a_new_one(tmp_path: Path, newest: int) -> None:
    new, old = await shown(tmp_path), await shown(tmp_path, placement=newest)
    for name in SHOWN:
        assert new.all(name), name
        assert sorted(old.all(name), key=str) == sorted(new.all(name), key=str), name
    assert old.errors() == 0
