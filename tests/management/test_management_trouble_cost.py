"""What a refresh of everything costs the cloud: requests that it counts itself, at two sizes; over HTTP."""

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from support.demo_cloud import DemoCloud, demo_cloud
from support.watching import watching

pytestmark = pytest.mark.no_cover  # a whole exporter, traced, is slow; each part has tests of its own

SPREAD: Final = frozenset({"os-quota-sets", "quotas", "inventories", "usages", "traits", "allocations"})
"""What no list tells is asked for project by project or host by host, a few at each refresh."""
MOST: Final = 60
PAGE: Final = 1000
"""Items that one request brings at most."""


def is_spread(path: str) -> bool:
    return "{" in path and not SPREAD.isdisjoint(path.split("/"))


def asked(cloud: DemoCloud) -> Counter[tuple[str, str, str]]:
    """Requests that the cloud has answered, those aside that are spread: by service, method and path."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for (service, method, path, _), number in cloud.cloud.request_counts.items():
        if not is_spread(path):
            counts[service, method, path] += number
    return counts


def pages(cloud: DemoCloud) -> Counter[tuple[str, str, str]]:
    """Requests for pages after the first, by the lists that have them."""
    world = cloud.world
    sizes = {
        ("compute", "GET", "/v2.1/servers/detail"): world.live,
        ("network", "GET", "/v2.0/ports"): len(world.ports),
        ("network", "GET", "/v2.0/floatingips"): len(world.floating_ips),
        ("network", "GET", "/v2.0/networks"): len(world.networks),
        ("network", "GET", "/v2.0/routers"): len(world.routers),
        ("block-storage", "GET", "/v3/volumes/detail"): len(world.volumes),
        ("block-storage", "GET", "/v3/snapshots/detail"): len(world.snapshots),
    }
    return +Counter({path: -(-number // PAGE) - 1 for path, number in sizes.items()})


async def refreshed(folder: Path, *, vms: int, hosts: int, projects: int) -> Counter[tuple[str, str, str]]:
    """What one refresh of all collectors costs such a cloud, log-in and versions among it."""
    async with demo_cloud(vms, hosts, projects) as cloud, watching(cloud.clouds_yaml(folder)) as exporter:
        page = await exporter.page()
        assert page.errors() == 0
        assert page.total("vms") == cloud.world.live
        assert page.requests() == cloud.cloud.request_counts.total(), (
            "the exporter tells what the cloud was asked"
        )
        return asked(cloud) - pages(cloud)


async def test_a_refresh_of_everything_costs_at_most_60_requests(tmp_path: Path) -> None:
    async with demo_cloud(1000, 50, 100) as cloud, watching(cloud.clouds_yaml(tmp_path)) as exporter:
        page = await exporter.page()
        assert page.errors() == 0
        assert page.total("projects") >= 100
        assert len(page.all("host_info")) == 50
        assert asked(cloud).total() <= MOST, sorted(asked(cloud).items())
        assert page.requests() == cloud.cloud.request_counts.total(), (
            "the exporter tells what the cloud was asked"
        )


async def test_no_request_is_one_more_for_more_vms_hosts_and_projects(tmp_path: Path) -> None:
    small = await refreshed(tmp_path, vms=100, hosts=5, projects=10)
    large = await refreshed(tmp_path, vms=900, hosts=50, projects=100)
    assert small == large
