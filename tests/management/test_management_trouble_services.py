"""What the exporter shows while one service is gone or hangs: the others' collectors go on, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.apart import Apart, apart
from support.watching import HASTY, OFTEN, Seen, failing, watching

pytestmark = pytest.mark.no_cover  # a whole exporter, traced, is slow; each part has tests of its own

OF_NOVA = ("servers", "compute_services", "hypervisors", "compute_quotas")
OF_OTHERS = (
    "volumes", "volume_backends", "ports", "network_agents", "images", "network_quotas", "inventories",
)  # fmt: skip
EVERYTHING = dict.fromkeys(OF_NOVA, HASTY) | dict.fromkeys((*OF_OTHERS, "endpoints"), OFTEN)


@pytest.fixture
async def cloud() -> AsyncIterator[Apart]:
    async with apart() as running:
        yield running


def novas_age(seen: Seen) -> None:
    seen.check_shown_while_young("servers", "vm_info")
    seen.check_shown_while_young("hypervisors", "host_info")


async def test_a_nova_that_is_gone_fails_its_own_collectors_alone_and_they_recover(
    cloud: Apart, tmp_path: Path
) -> None:
    async with watching(cloud.clouds_yaml(tmp_path), EVERYTHING) as exporter:
        vms = len((await exporter.page()).all("vm_info"))
        await cloud.stop("compute")
        page = await exporter.until(
            lambda page: (
                failing(page, OF_NOVA)
                and not page.all("vm_info")
                and not page.all("host_info")
                and all(page.errors(name, "unavailable") for name in OF_NOVA)
            ),
            "what was seen vanishes",
            always=novas_age,
        )
        assert page.errors(reason="internal") == 0
        assert not page.all("vms")
        await exporter.until(
            lambda page: page.value("endpoint_up", service="compute") == 0, "its endpoint is down"
        )
        await exporter.refreshed(OF_OTHERS)
        await cloud.start("compute")
        await exporter.recovered(OF_NOVA)
        page = await exporter.until(
            lambda page: page.value("endpoint_up", service="compute"), "it is up again"
        )
        assert abs(len(page.all("vm_info")) - vms) <= 5, "some come and go"
        assert cloud.asked("identity", "/v3/auth/tokens", method="POST") == 1


async def test_a_nova_that_hangs_delays_nobody_else_and_its_collectors_recover(
    cloud: Apart, tmp_path: Path
) -> None:
    budget = {"concurrency": 4, "requests_per_second": 1000}
    async with watching(cloud.clouds_yaml(tmp_path), EVERYTHING, budget=budget) as exporter:
        others = {
            "/volumes/detail": "block-storage",
            "/get_pools": "block-storage",
            "/resource_providers": "placement",
        }
        before = {end: cloud.asked(service, end) for end, service in others.items()}
        cloud.demo.cloud.faults.add({"fault": "hang", "service": "compute"})
        page = await exporter.until(
            lambda page: all(page.errors(name, "timeout") >= 2 for name in OF_NOVA),
            "its collectors give up twice",
            always=novas_age,
        )
        for end, asked in before.items():
            assert cloud.asked(others[end], end) > asked, "others go on being asked"
        page = await exporter.until(
            lambda page: page.value("endpoint_up", service="compute") == 0, "its endpoint is down"
        )
        assert page.value("endpoint_up", service="block-storage") != 0
        in_flight = page.value("stratoscope_cloud_requests_in_flight")
        assert in_flight is not None
        assert in_flight <= 4, "no more than the budget has"
        await exporter.refreshed(OF_OTHERS)
        cloud.demo.cloud.faults.clear()
        page = await exporter.recovered((*OF_NOVA, "endpoints"))
        assert page.all("vm_info")
        await exporter.until(lambda page: page.value("endpoint_up", service="compute"), "it is up again")


async def test_other_services_that_are_gone_do_not_matter_to_nova(cloud: Apart, tmp_path: Path) -> None:
    gone = {
        "network": ("ports", "network_agents", "network_quotas", "addresses"),
        "block-storage": ("volumes", "volume_backends", "volume_quotas"),
        "image": ("images",),
        "placement": ("inventories",),
    }
    theirs = [name for names in gone.values() for name in names]
    async with watching(cloud.clouds_yaml(tmp_path), dict.fromkeys((*OF_NOVA, *theirs), OFTEN)) as exporter:
        for service in gone:
            await cloud.stop(service)
        page = await exporter.until(lambda page: failing(page, theirs), "their collectors fail")
        assert all(page.errors(name, "unavailable") == page.errors(name) for name in theirs)
        await exporter.refreshed(OF_NOVA)
        for service in gone:
            await cloud.start(service)
        await exporter.recovered(theirs)
