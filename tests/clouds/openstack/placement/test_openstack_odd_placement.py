"""What of Placement's answers makes no sense costs itself, and is never a zero."""

import time
from collections.abc import Iterator

import pytest

from stratoscope.clouds.model import Resource
from stratoscope.clouds.overcommit import promised
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason
from support.cloud_vms import vm
from support.openstack_answers import answer
from support.placement import FAKE1, FAKE3, Cloud, generation_of, inventories, usages

GIB, MIB = 2**30, 2**20


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    token = DEADLINE.set(time.monotonic() + 25)
    yield
    DEADLINE.reset(token)


@pytest.mark.parametrize(("field", "value"), [("total", -1), ("allocation_ratio", 1e308)])
async def test_resource_class_that_makes_no_sense_costs_itself_alone(field: str, value: float) -> None:
    cloud = Cloud()
    of_one = inventories(FAKE1)
    of_one["inventories"]["VCPU"][field] = value
    cloud.part(FAKE1, "inventories", of_one)
    read = await cloud.placement.read()
    of_host = read.resources["fake1"]
    assert (of_host["vcpus"], read.malformed) == (Resource(None, None, None, None), 1)
    assert (of_host["memory"].total, of_host["disk"].total) == (262144 * MIB, 4096 * GIB)


async def test_what_is_promised_of_cpus_is_not_said_where_a_sort_of_them_makes_no_sense() -> None:
    cloud = Cloud()
    of_one = inventories(FAKE1)
    of_one["inventories"]["PCPU"] = of_one["inventories"]["VCPU"] | {"total": "many"}
    cloud.part(FAKE1, "inventories", of_one)
    read = await cloud.placement.read()
    assert promised(read.resources["fake1"], "vcpus") is None
    assert promised(read.resources["fake1"], "memory")[1] == 262144 * MIB


async def test_project_has_no_overprovisioning_where_one_of_its_hosts_does_not_tell() -> None:
    cloud = Cloud()
    of_one = inventories(FAKE1)
    of_one["inventories"]["VCPU"]["total"] = -1
    cloud.part(FAKE1, "inventories", of_one)
    put = cloud.servers.index.put
    put(vm("a", project_id="p1", host="fake1", vcpus=1, memory=MIB, disk=0))
    put(vm("b", project_id="p1", host="fake2", vcpus=1, memory=MIB, disk=0))
    put(vm("c", project_id="p2", host="fake2", vcpus=1, memory=MIB, disk=0))
    read = await cloud.placement.read()
    assert {name: sorted(of_it) for name, of_it in read.by_project.items()} == {
        "p1": ["disk", "memory"], "p2": ["disk", "memory", "vcpus"],
    }  # fmt: skip


@pytest.mark.parametrize("generation", [None, "x", {}], ids=str)
async def test_provider_whose_generation_makes_no_sense_is_read_anew_each_time(generation: object) -> None:
    rows = answer("resource_providers")
    (row,) = [one for one in rows["resource_providers"] if one["uuid"] == FAKE1]
    row["generation"] = generation
    cloud = Cloud(resource_providers=rows)
    read = await cloud.placement.read()
    assert (read.resources["fake1"]["vcpus"].total, read.malformed) == (64, int(generation is not None))
    cloud.asked()
    cloud.now += 30
    await cloud.placement.read()
    assert cloud.asked() == ["fake1 inventories"]


async def test_summaries_of_which_none_makes_sense_are_no_room() -> None:
    candidates = answer("allocation_candidates")
    for summary in candidates["provider_summaries"].values():
        summary["resources"]["VCPU"]["capacity"] = -1
    with pytest.raises(CollectError, match=r"all \d+ providers' summaries are malformed") as caught:
        await Cloud(allocation_candidates=candidates).placement.read()
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("used", [None, "6", -1])
async def test_use_that_makes_no_sense_is_no_zero(used: object) -> None:
    candidates = answer("allocation_candidates")
    del candidates["provider_summaries"][FAKE1]  # it has no memory left
    cloud = Cloud(allocation_candidates=candidates)
    told = {"usages": {"VCPU": used, "MEMORY_MB": 5}, "resource_provider_generation": generation_of(FAKE1)}
    cloud.part(FAKE1, "usages", told)
    read = await cloud.placement.read()
    assert read.malformed == 1
    of_host = read.resources["fake1"]
    assert (of_host["vcpus"].allocated, of_host["memory"].allocated) == (None, 5 * MIB)
    assert (of_host["vcpus"].total, of_host["disk"].allocated) == (64, 0)


async def test_summary_that_makes_no_sense_costs_itself_alone() -> None:
    candidates = answer("allocation_candidates")
    candidates["provider_summaries"][FAKE3]["resources"]["VCPU"]["used"] = None
    cloud = Cloud(allocation_candidates=candidates)
    cloud.part(FAKE3, "usages", usages(FAKE3, VCPU=1))
    traits = {"traits": [], "resource_provider_generation": generation_of(FAKE3)}
    cloud.part(FAKE3, "traits", traits)
    read = await cloud.placement.read()
    assert read.malformed == 1
    assert read.resources["fake3"]["vcpus"].allocated == 1


@pytest.mark.parametrize("uuid", ["../traits", 7])
async def test_provider_with_an_id_that_is_none_is_never_asked_for(uuid: object) -> None:
    rows = answer("resource_providers")
    rows["resource_providers"][0]["uuid"] = uuid
    cloud = Cloud(resource_providers=rows)
    read = await cloud.placement.read()
    assert (len(read.resources), read.malformed) == (3, 1)
