"""What hosts have and have promised, read a little at a time."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.model import Inventories, Resource, Spread
from stratoscope.clouds.openstack.placement.inventories import MOST, Placement
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.cloud_vms import vm
from support.fake_api import Answer
from support.openstack_answers import answer
from support.patience import FAR_S
from support.placement import (
    FAKE1,
    FAKE2,
    FAKE3,
    FAKE4,
    HOSTS,
    Cloud,
    changed_rows,
    generation_of,
    inventories,
    usages,
)

GIB, MIB = 2**30, 2**20
DOWN = CollectError(Reason.UNAVAILABLE, "503")


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    token = DEADLINE.set(time.monotonic() + 25)
    yield
    DEADLINE.reset(token)


def candidates_without(*uuids: str) -> dict[str, Any]:
    """The list of candidates when these have no memory left."""
    body = answer("allocation_candidates")
    for uuid in uuids:
        del body["provider_summaries"][uuid]
    return body


async def after(cloud: Cloud, seconds: float = 30.0) -> Inventories:
    cloud.now += seconds
    return await cloud.placement.read()


async def test_hosts_have_what_their_providers_have() -> None:
    cloud = Cloud()
    read = await cloud.placement.read()
    assert read.malformed == 0
    assert read.resources.keys() == set(HOSTS.values())
    assert read.resources["fake1"] == {
        "vcpus": Resource(64, 0, 4.0, 6, allocatable=256),
        "memory": Resource(262144 * MIB, 0, 1.0, 384 * MIB, allocatable=262144 * MIB),
        "disk": Resource(4096 * GIB, 0, 1.0, 5 * GIB, allocatable=4096 * GIB),
    }
    assert read.zones == {"fake1": "az1", "fake2": "az1", "fake3": "small", "fake4": "broken"}
    assert read.spread == Spread("inventories", 4, 4, cloud.now, 1.0)


async def test_lists_are_asked_for_once_and_inventories_for_each_provider() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    lists = [
        call for call in cloud.api.calls if call.path in ("/resource_providers", "/allocation_candidates")
    ]
    assert [(call.operation, dict(call.params), call.version) for call in lists] == [
        ("resource_providers", {}, "1.39"),
        ("allocation_candidates", {"resources": "MEMORY_MB:1"}, "1.39"),
    ]
    assert cloud.asked() == [f"{host} inventories" for host in ("fake3", "fake4", "fake1", "fake2")]


async def test_provider_that_did_not_change_is_not_read_again_and_stays_fresh() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    cloud.asked()
    read = await after(cloud)
    assert cloud.asked() == []
    assert read.spread.oldest == cloud.now


async def test_provider_that_changed_is_read_again() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    cloud.asked()
    cloud.api.answers["placement", "/resource_providers"] = changed_rows(FAKE1)
    cloud.part(FAKE1, "inventories", inventories(FAKE1, generation_of(FAKE1) + 1))
    await after(cloud)
    assert cloud.asked() == ["fake1 inventories"]
    await after(cloud)
    assert cloud.asked() == []


async def test_usages_are_read_only_of_hosts_without_memory_left() -> None:
    cloud = Cloud(allocation_candidates=candidates_without(FAKE3))
    cloud.part(FAKE3, "usages", usages(FAKE3, VCPU=7, MEMORY_MB=8192, DISK_GB=1))
    read = await cloud.placement.read()
    assert cloud.asked().count("fake3 usages") == 1
    assert read.resources["fake3"]["vcpus"].allocated == 7
    assert read.resources["fake3"]["memory"].allocated == 8192 * MIB


async def test_host_that_has_memory_no_more_has_its_usages_read_at_once() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    cloud.asked()
    cloud.api.answers["placement", "/allocation_candidates"] = candidates_without(FAKE3)
    cloud.part(FAKE3, "usages", usages(FAKE3, VCPU=9, MEMORY_MB=8192))
    read = await after(cloud)
    assert cloud.asked() == ["fake3 usages"]
    assert read.resources["fake3"]["vcpus"].allocated == 9
    await after(cloud)
    assert cloud.asked() == []


async def test_no_more_is_read_than_the_rate_allows() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    cloud.asked()
    cloud.api.answers["placement", "/resource_providers"] = changed_rows(*HOSTS)
    await after(cloud, 2.5)
    assert len(cloud.asked()) == 2
    await after(cloud, 0.1)
    assert len(cloud.asked()) == 1


async def test_first_refresh_of_a_large_cloud_reads_a_batch() -> None:
    rows = [
        {"uuid": f"00000000-0000-0000-0000-{number:012}", "name": f"n{number}", "generation": 1}
        for number in range(100)
    ]
    cloud = Cloud(
        resource_providers={"resource_providers": rows}, allocation_candidates={"provider_summaries": {}}
    )
    for row in rows:
        cloud.part(row["uuid"], "inventories", {"inventories": {}, "resource_provider_generation": 1})
        cloud.part(row["uuid"], "usages", {"usages": {}, "resource_provider_generation": 1})
        cloud.part(row["uuid"], "traits", {"traits": [], "resource_provider_generation": 1})
    read = await cloud.placement.read()
    assert len(cloud.asked()) == MOST
    assert (read.spread.items, read.spread.known) == (100, 15)


async def test_pieces_of_a_host_add_up_and_what_is_not_read_is_not_shown() -> None:
    numa0, numa1 = "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"
    rows, candidates = answer("resource_providers"), answer("allocation_candidates")
    for number, uuid in enumerate((numa0, numa1)):
        rows["resource_providers"].append(
            {"uuid": uuid, "name": f"numa{number}", "generation": 1, "root_provider_uuid": FAKE1}
        )
        candidates["provider_summaries"][uuid] = {
            "resources": {
                "PCPU": {"capacity": 16, "used": 4 + number},
                "CUSTOM_FPGA": {"capacity": 2, "used": 1},
            }
        }
    cloud = Cloud(resource_providers=rows, allocation_candidates=candidates)
    parts = {
        "PCPU": {"total": 17, "reserved": 1, "allocation_ratio": 1.0, "max_unit": 16},
        "CUSTOM_FPGA": {"total": 2},
    }
    cloud.part(numa0, "inventories", {"inventories": parts, "resource_provider_generation": 1})
    cloud.part(numa1, "inventories", DOWN)
    read = await cloud.placement.read()
    assert "fake1" not in read.resources
    cloud.part(numa1, "inventories", {"inventories": parts, "resource_provider_generation": 1})
    of_host = (await after(cloud)).resources["fake1"]
    assert of_host["pcpus"] == Resource(34, 2, 1.0, 9, allocatable=32)
    assert of_host["CUSTOM_FPGA"].total == 4
    assert of_host["vcpus"].total == 64


async def test_provider_that_is_no_hypervisors_goes_by_its_own_name() -> None:
    storage = "00000000-0000-0000-0000-000000000000"
    rows = answer("resource_providers")
    rows["resource_providers"].append({"uuid": storage, "name": "nfs", "generation": 1})
    cloud = Cloud(resource_providers=rows)
    cloud.part(
        storage, "inventories", {"inventories": {"DISK_GB": {"total": 9}}, "resource_provider_generation": 1}
    )
    cloud.part(storage, "usages", {"usages": {"DISK_GB": 3}, "resource_provider_generation": 1})
    read = await cloud.placement.read()
    assert read.resources["nfs"]["disk"].allocated == 3 * GIB
    assert "nfs" not in read.zones


async def test_provider_that_is_gone_is_dropped() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    rows = answer("resource_providers")
    rows["resource_providers"] = [row for row in rows["resource_providers"] if row["uuid"] != FAKE4]
    cloud.api.answers["placement", "/resource_providers"] = rows
    read = await after(cloud)
    assert read.resources.keys() == {"fake1", "fake2", "fake3"}
    assert read.spread.items == 3


async def test_provider_that_vanishes_while_it_is_read_costs_nothing() -> None:
    cloud = Cloud()
    cloud.part(FAKE1, "inventories", NotThereError("404"))
    read = await cloud.placement.read()
    assert (read.resources.keys(), read.malformed) == ({"fake2", "fake3", "fake4"}, 0)


@pytest.mark.parametrize("changed", [{"state": "down"}, {"status": "disabled"}])
async def test_host_that_takes_no_vms_has_no_zone(changed: dict[str, str]) -> None:
    """So that it does not count as a part of the zone's capacity."""
    body = answer("hypervisors")
    (fake1,) = [one for one in body["hypervisors"] if one["service"]["host"] == "fake1"]
    fake1 |= changed
    read = await Cloud(hypervisors=body).placement.read()
    assert (read.zones["fake2"], "fake1" in read.zones, "fake1" in read.resources) == ("az1", False, True)


async def test_hosts_of_a_silent_nova_keep_their_names_and_zones() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    cloud.api.answers["compute", "/os-hypervisors/detail"] = DOWN
    assert (await after(cloud, 301)).zones["fake1"] == "az1"


@pytest.mark.parametrize(("patience_s", "left_s"), [(0.05, 60.0), (5.0, 0.1)])
async def test_nova_that_hangs_costs_hosts_neither_their_names_nor_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch, patience_s: float, left_s: float
) -> None:
    monkeypatch.setattr(
        "stratoscope.clouds.openstack.placement.inventories._PATIENCE_S", patience_s
    )  # 5 s are long
    cloud = Cloud()
    await cloud.placement.read()

    async def hang(*_: object) -> Any:
        await asyncio.Event().wait()

    cloud.hypervisors.nodes = hang  # type: ignore[method-assign]  # Nova hangs
    DEADLINE.set(time.monotonic() + left_s)
    async with asyncio.timeout(FAR_S):
        assert (await after(cloud, 301)).zones["fake1"] == "az1"


async def test_hosts_keep_their_names_while_nova_tells_other_ids() -> None:
    known = answer("hypervisors")
    for hypervisor in known["hypervisors"]:
        hypervisor["service"]["host"] += ".nova"
    cloud = Cloud(hypervisors=known)
    hosts = (await cloud.placement.read()).resources.keys()
    without_microversions = answer("hypervisors")
    for number, hypervisor in enumerate(without_microversions["hypervisors"]):
        hypervisor["id"] = number + 1
    cloud.api.answers["compute", "/os-hypervisors/detail"] = without_microversions
    assert (await after(cloud, 301)).resources.keys() == hosts == {f"{host}.nova" for host in HOSTS.values()}
    cloud.api.answers["compute", "/os-hypervisors/detail"] = answer("hypervisors")
    assert (await after(cloud, 301)).resources.keys() == set(HOSTS.values())


async def test_hosts_that_nova_has_not_told_yet_are_not_shown_by_other_names() -> None:
    cloud = Cloud(hypervisors=DOWN)
    with pytest.raises(CollectError, match="503"):
        await cloud.placement.read()
    assert len(cloud.asked()) == len(HOSTS)
    hypervisors = answer("hypervisors")
    for hypervisor in hypervisors["hypervisors"]:
        hypervisor["service"]["host"] += ".nova"
    cloud.api.answers["compute", "/os-hypervisors/detail"] = hypervisors
    assert (await after(cloud)).resources.keys() == {f"{host}.nova" for host in HOSTS.values()}
    assert cloud.asked() == []


async def test_hosts_that_nova_may_not_tell_go_by_their_providers() -> None:
    cloud = Cloud(hypervisors=ForbiddenError("403"))
    read = await cloud.placement.read()
    assert (read.resources.keys(), read.zones) == (set(HOSTS.values()), {})


async def test_part_that_makes_no_sense_costs_itself_alone() -> None:
    cloud = Cloud()
    cloud.part(
        FAKE4, "inventories", {"inventories": {"VCPU": {"total": -1}}, "resource_provider_generation": 1}
    )
    read = await cloud.placement.read()
    assert (read.resources.keys(), read.malformed) == ({"fake1", "fake2", "fake3"}, 1)


async def test_provider_of_a_host_before_it_was_renamed_counts_for_nothing() -> None:
    hypervisors = answer("hypervisors")
    for row in hypervisors["hypervisors"]:
        row["hypervisor_type"] = "QEMU"
        if row["id"] == FAKE1:
            row["service"]["host"] = "fake2"
    read = await Cloud(hypervisors=hypervisors).placement.read()
    assert read.resources.keys() == {"fake2", "fake3", "fake4"}
    assert read.resources["fake2"]["vcpus"].total == 64


async def test_failure_of_one_provider_does_not_cost_the_others() -> None:
    cloud = Cloud()
    cloud.part(FAKE3, "inventories", DOWN)
    read = await cloud.placement.read()
    assert read.resources.keys() == {"fake1", "fake2", "fake4"}
    assert (await after(cloud)).resources.keys() == read.resources.keys()
    assert cloud.asked()[-1] == "fake3 inventories"


async def test_provider_that_cannot_be_read_for_hours_is_shown_no_longer() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    broken = CollectError(Reason.MALFORMED, "no inventory")
    cloud.part(FAKE3, "inventories", broken)
    for number in range(1, 14):
        cloud.api.answers["placement", "/resource_providers"] = changed_rows(*HOSTS, by=number)
        for uuid in {*HOSTS} - {FAKE3}:
            cloud.part(uuid, "inventories", inventories(uuid, generation_of(uuid) + number))
        read = await after(cloud, 300)
        assert ("fake3" in read.resources) is (number < 13)
    assert read.resources.keys() == {"fake1", "fake2", "fake4"}
    assert (read.spread.items, read.spread.known) == (4, 3)
    cloud.part(FAKE3, "inventories", inventories(FAKE3, generation_of(FAKE3) + 13))
    assert "fake3" in (await after(cloud)).resources


async def test_usages_that_cannot_be_read_for_hours_are_shown_no_longer() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    cloud.api.answers["placement", "/allocation_candidates"] = candidates_without(FAKE3)
    cloud.part(FAKE3, "usages", DOWN)
    assert "fake3" in (await after(cloud, 1800)).resources
    await after(cloud, 1800)
    assert "fake3" not in (await after(cloud, 30)).resources


async def test_what_could_not_be_tried_for_hours_is_shown_until_its_turn() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    cloud.api.answers["placement", "/resource_providers"] = changed_rows(*HOSTS)
    for uuid in HOSTS:
        cloud.part(uuid, "inventories", inventories(uuid, generation_of(uuid) + 1))
    DEADLINE.set(time.monotonic())  # there is time for one of them
    read = await after(cloud, 7200)
    assert (len(cloud.asked()), len(read.resources)) == (4 + 1, 4)


async def test_providers_that_cannot_be_read_do_not_hold_up_the_others() -> None:
    cloud = Cloud()
    broken = [uuid for uuid in HOSTS if uuid != FAKE2]
    for uuid in broken:
        cloud.part(uuid, "inventories", DOWN)
    for number in range(1, 6):
        cloud.api.answers["placement", "/resource_providers"] = changed_rows(FAKE2, by=number)
        cloud.part(FAKE2, "inventories", inventories(FAKE2, generation_of(FAKE2) + number))
        with suppress(CollectError):
            await after(cloud)
    assert cloud.asked().count("fake2 inventories") >= 2


async def test_parts_that_make_no_sense_are_no_sign_that_the_source_is_down() -> None:
    cloud = Cloud()
    for uuid in (FAKE3, FAKE4, FAKE1):
        cloud.part(uuid, "inventories", {"inventories": 7})
    read = await cloud.placement.read()
    assert (read.resources.keys(), read.malformed) == ({"fake2"}, 3)


async def test_clock_that_is_set_back_a_day_stops_nothing() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    cloud.asked()
    cloud.ahead_s = -86400.0
    cloud.api.answers["placement", "/resource_providers"] = changed_rows(*HOSTS)
    read = await after(cloud)
    assert cloud.asked().count("fake1 inventories") == 1
    assert read.spread.oldest == cloud.now - 86400
    assert len(read.resources) == 4


async def test_source_that_is_down_is_not_asked_for_every_provider() -> None:
    cloud = Cloud()
    for uuid in HOSTS:
        cloud.part(uuid, "inventories", DOWN)
    with pytest.raises(CollectError, match="503"):
        await cloud.placement.read()
    assert len(cloud.asked()) == 3


async def test_what_is_known_is_shown_while_no_more_can_be_read() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    cloud.asked()
    cloud.api.answers["placement", "/resource_providers"] = changed_rows(*HOSTS)
    for uuid in HOSTS:
        cloud.part(uuid, "inventories", CollectError(Reason.TIMEOUT, "late"))
    before = cloud.now
    read = await after(cloud)
    assert len(cloud.asked()) == 1
    assert (len(read.resources), read.spread.oldest) == (4, before)


async def test_turn_ends_when_the_refresh_is_about_to() -> None:
    cloud = Cloud()
    DEADLINE.set(time.monotonic())
    assert (await cloud.placement.read()).spread.known == 1


@pytest.mark.parametrize("name", ["resource_providers", "allocation_candidates"])
@pytest.mark.parametrize("error", [ForbiddenError("403"), DOWN], ids=["403", "503"])
async def test_source_that_refuses_or_is_down_says_so(name: str, error: Answer) -> None:
    with pytest.raises(type(error)):
        await Cloud(**{name: error}).placement.read()


async def test_right_to_the_lists_alone_is_no_right() -> None:
    cloud = Cloud()
    for uuid in HOSTS:
        cloud.part(uuid, "inventories", ForbiddenError("403"))
    with pytest.raises(ForbiddenError):
        await cloud.placement.read()


async def test_no_providers_are_none_for_an_admin_unless_servers_are_on_hosts() -> None:
    cloud = Cloud(
        resource_providers={"resource_providers": []}, allocation_candidates={"provider_summaries": {}}
    )
    assert (await cloud.placement.read()).resources == {}
    cloud.servers.index.put(vm(host="node1"))
    with pytest.raises(LeftOutError, match="servers are on hosts") as caught:
        await after(cloud)
    assert caught.value.reason is LeftOut.UNAUTHORIZED
    cloud.servers.index.drop("vm-1")
    cloud.api.be(roles=frozenset({"reader"}))
    with pytest.raises(LeftOutError, match="without the role admin"):
        await after(cloud)


async def test_projects_share_a_host_in_proportion_to_what_they_were_promised() -> None:
    candidates = answer("allocation_candidates")
    candidates["provider_summaries"][FAKE1]["resources"]["VCPU"]["used"] = 128  # of 64: twice
    candidates["provider_summaries"][FAKE2]["resources"]["VCPU"]["used"] = 16  # of 64: a quarter
    cloud = Cloud(allocation_candidates=candidates)
    put = cloud.servers.index.put
    put(vm("a", project_id="p1", host="fake1", vcpus=32, memory=MIB, disk=0))
    put(vm("b", project_id="p1", host="fake2", vcpus=4, memory=MIB, disk=0))
    put(vm("c", project_id="p2", host="fake1", vcpus=96, memory=MIB, disk=0))
    put(vm("d", project_id="p3", host="elsewhere"))
    put(vm("e", project_id="p4", host=""))
    read = await cloud.placement.read()
    assert read.by_project["p1"]["vcpus"] == (36, 16 + 16)
    assert read.by_project["p2"]["vcpus"] == (96, 48)
    assert read.by_project.keys() == {"p1", "p2"}


async def test_lists_that_another_has_just_asked_for_are_not_asked_for_again() -> None:
    cloud = Cloud()
    await cloud.placement.refresh(20)
    calls = len(cloud.api.calls)
    cloud.now += 19
    await cloud.placement.refresh(20)
    assert len(cloud.api.calls) == calls
    cloud.now += 2
    await cloud.placement.refresh(20)
    assert len(cloud.api.calls) == calls + 2


async def test_lists_are_asked_for_once_by_all_who_ask_at_once() -> None:
    cloud = Cloud()
    await asyncio.gather(cloud.placement.refresh(20), cloud.placement.refresh(20))
    assert len(cloud.api.calls) == 2


def test_question_says_what_it_costs() -> None:
    (question,) = Placement.questions()
    assert (question.name, question.answer, question.role) == ("inventories", Inventories, "admin")
    assert "at most 30 in a refresh and 1 a second" in question.cost
