"""Placement before 1.27, whose list of candidates tells of memory alone."""

import time
from collections.abc import Iterator

import pytest

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.model import Inventories, Resource, Spread
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import Answer
from support.openstack_answers import answer
from support.placement import FAKE1, HOSTS, Cloud, changed_rows, generation_of, inventories, usages

GIB = 2**30


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    token = DEADLINE.set(time.monotonic() + 25)
    yield
    DEADLINE.reset(token)


async def after(cloud: Cloud, seconds: float = 30.0) -> Inventories:
    cloud.now += seconds
    return await cloud.placement.read()


def before_1_27(**changed: Answer) -> Cloud:
    """A Placement whose list of candidates tells of memory alone, and before 1.17 of no traits."""
    candidates = answer("allocation_candidates")
    for summary in candidates["provider_summaries"].values():
        summary["resources"] = {"MEMORY_MB": summary["resources"]["MEMORY_MB"]}
    cloud = Cloud(**{"allocation_candidates": candidates} | changed)
    cloud.api.newest["placement"] = "1.26"
    for uuid in HOSTS:
        cloud.part(uuid, "usages", usages(uuid, VCPU=7, MEMORY_MB=512, DISK_GB=3))
    return cloud


async def test_usages_of_an_older_placement_are_read_provider_by_provider() -> None:
    cloud = before_1_27()
    read = await cloud.placement.read()
    assert read.spread == Spread("inventories", 4, 4, cloud.now, 1.0)
    assert read.resources["fake1"]["vcpus"] == Resource(64, 0, 4.0, 7, allocatable=256)
    assert read.resources["fake1"]["disk"].allocated == 3 * GIB
    assert sorted(cloud.asked()) == sorted(
        f"{host} {part}" for host in HOSTS.values() for part in ("inventories", "usages")
    )
    await after(cloud)
    assert cloud.asked() == []


async def test_usages_of_an_older_placement_that_changed_are_read_again() -> None:
    cloud = before_1_27()
    await cloud.placement.read()
    cloud.asked()
    cloud.api.answers["placement", "/resource_providers"] = changed_rows(FAKE1)
    cloud.part(FAKE1, "inventories", inventories(FAKE1, generation_of(FAKE1) + 1))
    cloud.part(FAKE1, "usages", usages(FAKE1, generation_of(FAKE1) + 1, VCPU=9))
    assert (await after(cloud)).resources["fake1"]["vcpus"].allocated == 9
    assert cloud.asked() == ["fake1 usages", "fake1 inventories"]


async def test_hosts_of_an_older_placement_have_no_zero_before_their_usages_are_read() -> None:
    cloud = before_1_27()
    for uuid in HOSTS:
        cloud.part(uuid, "usages", CollectError(Reason.MALFORMED, "no usages"))
    read = await cloud.placement.read()
    assert (read.resources, read.by_project) == ({}, {})


@pytest.mark.parametrize(("newest", "is_asked"), [("1.16", True), ("1.6", True), ("1.5", False)])
async def test_traits_that_no_list_tells_are_read_too_where_there_are_any(
    newest: str, is_asked: bool
) -> None:
    candidates = answer("allocation_candidates")
    for summary in candidates["provider_summaries"].values():
        del summary["traits"]
        summary["resources"] = {"MEMORY_MB": summary["resources"]["MEMORY_MB"]}
    cloud = before_1_27(allocation_candidates=candidates)
    cloud.api.newest["placement"] = newest
    for uuid in HOSTS:
        cloud.part(uuid, "traits", {"traits": ["X"], "resource_provider_generation": generation_of(uuid)})
    await cloud.placement.read()
    assert {provider.traits for provider in cloud.providers} == {frozenset({"X"} if is_asked else ())}
    assert cloud.asked().count("fake1 traits") == is_asked
    await after(cloud)
    assert cloud.asked() == []


@pytest.mark.parametrize(
    "error", [ForbiddenError("403"), LeftOutError(LeftOut.UNAUTHORIZED, "refuses (401) a new token")]
)
async def test_traits_that_are_denied_cost_themselves(error: Exception) -> None:
    candidates = answer("allocation_candidates")
    for summary in candidates["provider_summaries"].values():
        del summary["traits"]
    cloud = before_1_27(allocation_candidates=candidates)
    cloud.api.newest["placement"] = "1.16"
    for uuid in HOSTS:
        cloud.part(uuid, "traits", error)
    assert (await cloud.placement.read()).resources["fake1"]["vcpus"].allocated == 7


async def test_inventories_that_are_all_denied_are_left_out() -> None:
    cloud = before_1_27()
    for uuid in HOSTS:
        cloud.part(uuid, "inventories", ForbiddenError("403"))
    with pytest.raises(ForbiddenError):
        await cloud.placement.read()


async def test_list_of_candidates_that_is_not_there_yet_is_none() -> None:
    cloud = before_1_27(allocation_candidates=NotThereError("404"))
    for uuid in HOSTS:
        cloud.part(uuid, "traits", {"traits": [], "resource_provider_generation": generation_of(uuid)})
    assert (await cloud.placement.read()).resources["fake1"]["vcpus"].allocated == 7
    cloud.api.newest["placement"] = "1.39"
    with pytest.raises(NotThereError):
        await after(cloud)
