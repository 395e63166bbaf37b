"""Older releases: what is lost below each microversion, and that nothing of the rest is wrong."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from support.demo_cloud import DemoCloud, demo_cloud
from support.series import Page
from support.watching import OFTEN, watching

pytestmark = pytest.mark.no_cover  # a whole exporter, traced, is slow; each part has tests of its own

ASKED: Final = ("servers", "flavors", "hypervisors", "inventories", "capacity", "aggregates", "backups")
SHOWN: Final = (
    "host_vcpus_allocated", "host_memory_allocated_bytes", "host_disk_allocated_bytes",
    "host_pcpus_allocated",
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


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """What is shown of a new cloud, the same each time: it is made once."""
    return asyncio.run(shown(tmp_path_factory.mktemp("new")))


def is_known(page: Page) -> bool:
    items = page.value("spread_items", collector="inventories")
    return items == page.value("spread_known_items", collector="inventories") == 6


def succeeding(page: Page) -> set[str]:
    return {collector for collector in ASKED if page.success(collector)}


@pytest.mark.parametrize("newest", [38, 28, 26, 17, 16, 13, 10])
async def test_numbers_of_an_older_placement_are_those_of_a_new_one(
    tmp_path: Path, new: Page, newest: int
) -> None:
    old = await shown(tmp_path, placement=newest)
    for name in SHOWN:
        assert new.all(name), name
        assert sorted(old.all(name), key=str) == sorted(new.all(name), key=str), name
    assert old.errors() == 0


@pytest.mark.parametrize("newest", [9, 5, 0])
async def test_placement_before_1_10_tells_what_was_promised_and_capacity_names_what_is_missing(
    tmp_path: Path, new: Page, caplog: pytest.LogCaptureFixture, newest: int
) -> None:
    old = await shown(tmp_path, placement=newest)
    for name in SHOWN[:-3]:
        assert sorted(old.all(name), key=str) == sorted(new.all(name), key=str), name
    assert (old.success("capacity"), old.all("flavor_room_vms")) == (0, [])
    told = f"placement: too old: microversion 1.10 is needed, and its newest is 1.{newest}"
    assert caplog.text.count(told) == 1


@pytest.mark.parametrize(("newest", "told"), [(46, "its newest is 2.46"), (42, "its newest is 2.42")])
async def test_nova_before_2_47_costs_servers_and_one_line_that_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, newest: int, told: str
) -> None:
    old = await shown(tmp_path, nova=newest)
    assert [old.success(name) for name in ("servers", "hypervisors", "flavors", "aggregates")] == [0, 1, 1, 1]
    assert (old.all("vms"), len(old.all("host_vcpus"))) == ([], 6)
    assert caplog.text.count(f"compute: too old: microversion 2.47 is needed, and {told}") == 1
    assert caplog.text.count("Nova numbers them before microversion 2.53") == 1  # of capacity


async def test_nova_before_2_53_costs_capacity_and_one_line_that_names_it(
    tmp_path: Path, new: Page, caplog: pytest.LogCaptureFixture
) -> None:
    old = await shown(tmp_path, nova=52)
    for name in ("vms", "host_vcpus", "host_memory_used_bytes", "host_vcpus_allocated"):
        assert sorted(old.all(name), key=str) == sorted(new.all(name), key=str), name
    assert (old.success("servers"), old.success("capacity"), old.all("flavor_room_vms")) == (1, 0, [])
    assert caplog.text.count("Nova numbers them before microversion 2.53") == 1


@pytest.mark.parametrize("newest", [53, 60, 61, 68, 75, 88])
async def test_numbers_of_an_older_nova_are_those_of_a_new_one(
    tmp_path: Path, new: Page, newest: int
) -> None:
    old = await shown(tmp_path, nova=newest)
    same = ("vms", "host_vcpus", "host_memory_used_bytes", "project_vcpus", "flavor_disk_bytes")
    for name in (*same, *SHOWN):
        assert sorted(old.all(name), key=str) == sorted(new.all(name), key=str), name
    assert old.errors() == 0


async def test_cinder_before_3_18_does_not_tell_whose_backups_are(tmp_path: Path, new: Page) -> None:
    old = await shown(tmp_path, cinder=17)
    assert old.all("backups") == new.all("backups") != []
    assert (len(new.all("project_backups")) > 0, old.all("project_backups")) == (True, [])
