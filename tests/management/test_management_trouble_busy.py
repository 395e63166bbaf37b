"""What the exporter does to a service that says 429, and what it shows meanwhile; over HTTP."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from support.apart import Apart, apart
from support.series import Page
from support.watching import HASTY, OFTEN, Seen, failing, watching

pytestmark = pytest.mark.no_cover  # a whole exporter, traced, is slow; each part has tests of its own

OF_NOVA: Final = ("servers", "compute_services", "hypervisors")
OF_OTHERS: Final = ("volumes", "ports", "images")
AT_ONCE: Final = 4
"""Requests to one service: half the concurrency."""
BUDGET: Final = {"concurrency": 2 * AT_ONCE, "requests_per_second": 1000}
RETRIES: Final = "stratoscope_cloud_retries_total"
PAUSED: Final = "stratoscope_cloud_paused_until_timestamp_seconds"


@pytest.fixture
async def cloud() -> AsyncIterator[Apart]:
    async with apart() as running:
        yield running


def refused(cloud: Apart) -> int:
    return cloud.asked("compute", status=429)


def busy(times: int) -> Callable[[Page], bool]:
    return lambda page: all(page.errors(name, "busy") >= times for name in OF_NOVA)


def novas_age(seen: Seen) -> None:
    seen.check_shown_while_young("servers", "vm_info")


@pytest.mark.parametrize("told", [{}, {"retry_after": 3}], ids=["without Retry-After", "with it"])
async def test_429_for_long_is_hardly_asked_and_old_data_vanish(
    cloud: Apart, tmp_path: Path, told: Mapping[str, int]
) -> None:
    collectors = dict.fromkeys(OF_NOVA, HASTY) | dict.fromkeys(OF_OTHERS, OFTEN)
    async with watching(cloud.clouds_yaml(tmp_path), collectors, budget=BUDGET) as exporter:
        cloud.demo.cloud.faults.add({"fault": "429", "service": "compute", **told})
        began, added = time.monotonic(), time.time()
        page = await exporter.until(
            lambda page: busy(1)(page) and page.all(PAUSED), "its collectors fail as busy", always=novas_age
        )
        (pause,) = page.all(PAUSED)
        assert pause[0]["service"] == "compute"
        assert pause[1] >= added + told.get("retry_after", 1)
        page = await exporter.until(
            lambda page: failing(page, OF_NOVA) and not page.all("vm_info"),
            "old data vanish",
            always=novas_age,
        )
        lasted_s = time.monotonic() - began
        assert refused(cloud) <= AT_ONCE + lasted_s, "each pause of a second or more is ended by one request"
        for name in OF_NOVA:  # a try that began just before, or on a busy machine, ends late
            errors, late = page.errors(name), page.errors(name, "timeout")
            assert page.errors(name, "busy") == errors - late > 0
        assert not page.all("vms"), "no invented zero"
        await exporter.refreshed(OF_OTHERS, 1)
        cloud.demo.cloud.faults.clear()
        page = await exporter.recovered(OF_NOVA)
        counted, late = (page.requests(service="compute", code=code) for code in ("429", "timeout"))
        assert counted <= refused(cloud) <= counted + late
        assert page.all("vm_info")
        assert not page.all(PAUSED)


@pytest.mark.parametrize("told", [{}, {"retry_after": 1}], ids=["without Retry-After", "with it"])
async def test_429_that_passes_in_time_is_outlasted_without_a_failure(
    cloud: Apart, tmp_path: Path, told: Mapping[str, int]
) -> None:
    def no_gap(seen: Seen) -> None:
        assert seen.page.errors() == 0
        assert seen.page.all("vm_info")

    collectors = dict.fromkeys((*OF_NOVA, *OF_OTHERS), OFTEN)
    async with watching(cloud.clouds_yaml(tmp_path), collectors, budget=BUDGET) as exporter:
        cloud.demo.cloud.faults.add({"fault": "429", "service": "compute", "count": 2, **told})
        await exporter.refreshed(OF_OTHERS, 1)
        await exporter.until(lambda _: refused(cloud) == 2, "it says 429 no more", always=no_gap)
        page = await exporter.refreshed(OF_NOVA)
        assert page.total(RETRIES, service="compute", code="429") == page.requests(code="429") == 2
        assert page.all("vm_info")
