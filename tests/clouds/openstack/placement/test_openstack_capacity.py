"""How many more VMs of each flavor fit, by all that Nova and Placement tell."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from stratoscope.clouds import flavors as vocabulary
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.openstack.placement.capacity import Capacity
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason
from support.fake_api import Answer
from support.openstack_answers import answer
from support.placement import FAKE1, FAKE2, FAKE3, FAKE4, Cloud, changed_rows, generation_of, inventories

GIB, MIB = 2**30, 2**20
DOWN = CollectError(Reason.UNAVAILABLE, "503")
STORAGE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    token = DEADLINE.set(time.monotonic() + 25)
    yield
    DEADLINE.reset(token)


def flavor(name: str, flavor_id: str = "", /, **changes: Any) -> dict[str, Any]:
    """A flavor with 1 vCPU and 1 GiB of memory, but for these changes."""
    plain = {"id": flavor_id or name, "name": name, "vcpus": 1, "ram": 1024, "disk": 0, "extra_specs": {}}
    return plain | changes


def of(*flavors: dict[str, Any]) -> dict[str, Any]:
    return {"flavors": list(flavors)}


async def read(cloud: Cloud) -> vocabulary.Capacity:
    """When everything has been read."""
    await cloud.placement.read()
    return await cloud.capacity.read()


def room(answered: vocabulary.Capacity, name: str) -> dict[str, int]:
    """By zone; an upper bound is negative."""
    rooms = [one for one in answered.room if one.flavor == name]
    return {one.zone: -one.vms if one.is_upper_bound else one.vms for one in rooms}


def largest(answered: vocabulary.Capacity) -> dict[str, str]:
    """By zone; one whose room is an upper bound in brackets."""
    found = answered.largest.items()
    return {zone: f"({one.flavor})" if one.is_upper_bound else one.flavor for zone, one in found}


async def test_room_of_the_recorded_cloud_is_what_it_had() -> None:
    answered = await read(Cloud())
    assert answered.malformed == 0
    # The real cloud took 3 servers of m1.small into `small` when it was so, and refused the fourth.
    assert room(answered, "m1.small") == {"az1": 255 - 2, "broken": 390, "small": 3}
    assert room(answered, "probe.tiny") == {"az1": 252 + 250, "broken": 4000, "small": 39}
    assert room(answered, "m1.large") == {"az1": 31 + 31, "broken": 97, "small": 0}
    assert room(answered, "m1.huge") == {"az1": 0, "broken": 0, "small": 0}
    assert largest(answered) == {"az1": "m1.large", "broken": "m1.large", "small": "m1.small"}


async def test_until_inventories_are_read_room_is_an_upper_bound() -> None:
    answered = await Cloud(flavors=of(flavor("wide", vcpus=100))).capacity.read()
    assert room(answered, "wide") == {"az1": -4, "broken": -40, "small": 0}
    answered = await read(Cloud(flavors=of(flavor("wide", vcpus=100))))
    assert room(answered, "wide") == {"az1": 0, "broken": 40, "small": 0}


async def test_room_of_a_host_whose_use_makes_no_sense_is_not_said_to_be_exact() -> None:
    candidates = answer("allocation_candidates")
    del candidates["provider_summaries"][FAKE1]
    cloud = Cloud(allocation_candidates=candidates, flavors=of(flavor("slim")))
    told = {"usages": {"VCPU": "six"}, "resource_provider_generation": generation_of(FAKE1)}
    cloud.part(FAKE1, "usages", told | {"usages": {"VCPU": "six", "MEMORY_MB": 0}})
    assert room(await read(cloud), "slim")["az1"] < 0


@pytest.mark.parametrize("change", [{"state": "down"}, {"status": "disabled"}])
async def test_host_that_is_down_or_taken_out_has_no_room(change: dict[str, str]) -> None:
    hypervisors = answer("hypervisors")
    for hypervisor in hypervisors["hypervisors"]:
        hypervisor.update(change if hypervisor["hypervisor_hostname"] == "fake1" else {})
    answered = await read(Cloud(hypervisors=hypervisors))
    assert room(answered, "m1.large")["az1"] == 31


async def test_traits_of_a_host_whose_summary_makes_no_sense_are_read_before_it_is_said_to_lack_them() -> (
    None
):
    candidates = answer("allocation_candidates")
    candidates["provider_summaries"][FAKE3]["resources"]["VCPU"]["used"] = "x"
    body = of(flavor("ssd", extra_specs={"trait:CUSTOM_SSD": "required"}))
    cloud = Cloud(allocation_candidates=candidates, flavors=body)
    cloud.part(FAKE3, "usages", {"usages": {}, "resource_provider_generation": generation_of(FAKE3)})
    cloud.part(FAKE3, "traits", DOWN)
    await cloud.placement.read()
    assert room(await cloud.capacity.read(), "ssd")["small"] < 0
    cloud.part(
        FAKE3, "traits", {"traits": ["CUSTOM_SSD"], "resource_provider_generation": generation_of(FAKE3)}
    )
    cloud.now += 60
    await cloud.placement.read()
    assert room(await cloud.capacity.read(), "ssd")["small"] < 0


async def test_host_that_placement_knows_as_disabled_has_no_room() -> None:
    candidates = answer("allocation_candidates")
    candidates["provider_summaries"][FAKE1]["traits"].append("COMPUTE_STATUS_DISABLED")
    answered = await read(Cloud(allocation_candidates=candidates))
    assert room(answered, "m1.large")["az1"] == 31


async def test_host_without_memory_left_has_no_room() -> None:
    candidates = answer("allocation_candidates")
    del candidates["provider_summaries"][FAKE3]
    cloud = Cloud(allocation_candidates=candidates)
    cloud.part(
        FAKE3, "usages", {"usages": {"MEMORY_MB": 8192}, "resource_provider_generation": generation_of(FAKE3)}
    )
    assert room(await read(cloud), "probe.tiny")["small"] == 0


async def test_host_that_a_limit_cut_off_the_list_has_the_room_that_was_read() -> None:
    candidates = answer("allocation_candidates")
    del candidates["provider_summaries"][FAKE3]
    cloud = Cloud(allocation_candidates=candidates)
    cloud.part(
        FAKE3, "usages", {"usages": {"MEMORY_MB": 4096}, "resource_provider_generation": generation_of(FAKE3)}
    )
    assert room(await read(cloud), "m1.small")["small"] == -2
    rows = answer("resource_providers")
    for row in rows["resource_providers"]:
        row["generation"] += 1
    cloud.api.answers["placement", "/resource_providers"] = rows
    cloud.now += 60
    assert room(await cloud.capacity.read(), "m1.small")["small"] == 0  # it may have changed since


def before_1_27(**changed: Answer) -> Cloud:
    """A Placement whose list of candidates tells of memory alone."""
    candidates = answer("allocation_candidates")
    for summary in candidates["provider_summaries"].values():
        summary["resources"] = {"MEMORY_MB": summary["resources"]["MEMORY_MB"]}
    cloud = Cloud(allocation_candidates=candidates, **changed)
    cloud.api.newest["placement"] = "1.26"
    for uuid in (FAKE1, FAKE2, FAKE3, FAKE4):
        used = answer("allocation_candidates")["provider_summaries"][uuid]["resources"]
        body = {"usages": {name: use["used"] for name, use in used.items()}}
        cloud.part(uuid, "usages", body | {"resource_provider_generation": generation_of(uuid)})
    return cloud


async def test_room_of_an_older_placement_is_that_of_a_new_one_when_all_usages_are_read() -> None:
    new, old = await read(Cloud()), await read(before_1_27())
    assert (old.room, old.largest) == (new.room, new.largest)


async def test_room_of_an_older_placement_is_bound_by_memory_alone_until_usages_are_read() -> None:
    answered = await before_1_27().capacity.read()
    assert all(one.is_upper_bound for one in answered.room if one.vms)
    assert room(answered, "probe.tiny")["small"] < 0  # never an invented zero
    whole = {(one.flavor, one.zone): one.vms for one in (await read(Cloud())).room}
    assert all(one.vms >= whole[one.flavor, one.zone] for one in answered.room)


async def test_room_by_usages_that_changed_since_they_were_read_is_an_upper_bound() -> None:
    cloud = before_1_27()
    assert room(await read(cloud), "m1.large")["az1"] == 62
    rows = answer("resource_providers")
    for row in rows["resource_providers"]:
        row["generation"] += row["uuid"] == FAKE1
    cloud.api.answers["placement", "/resource_providers"] = rows
    cloud.now += 60
    assert room(await cloud.capacity.read(), "m1.large")["az1"] == -62


async def test_room_by_usages_that_changed_since_they_were_read_is_never_lower_than_the_truth() -> None:
    """VMs were deleted; their host's usages are read again when it is their turn, or cannot be read."""
    cloud = before_1_27(flavors=of(flavor("slim")))
    full = {"usages": {"VCPU": 255, "MEMORY_MB": 0}, "resource_provider_generation": generation_of(FAKE1)}
    cloud.part(FAKE1, "usages", full)
    before = room(await read(cloud), "slim")["az1"]
    cloud.api.answers["placement", "/resource_providers"] = changed_rows(FAKE1)
    cloud.part(FAKE1, "usages", DOWN)
    cloud.now += 60
    assert room(await cloud.capacity.read(), "slim")["az1"] == -(
        before - 1 + 255
    )  # as many as its memory takes


@pytest.mark.parametrize("newest", ["1.26", "1.28"])
async def test_children_of_a_host_that_were_not_read_yet_are_no_upper_bound(newest: str) -> None:
    """Before 1.29 the list of candidates does not tell of them."""
    children = [f"00000000-0000-0000-0000-00000000000{number}" for number in range(2)]
    rows, candidates = answer("resource_providers"), answer("allocation_candidates")
    of_host = candidates["provider_summaries"][FAKE3]["resources"]
    candidates["provider_summaries"][FAKE3]["resources"] = {"MEMORY_MB": of_host["MEMORY_MB"]}
    rows["resource_providers"] += [
        {"uuid": uuid, "name": uuid, "generation": 1, "root_provider_uuid": FAKE3} for uuid in children
    ]
    cloud = before_1_27(resource_providers=rows, flavors=of(flavor("slim")))
    cloud.api.answers["placement", "/allocation_candidates"] = candidates
    cloud.api.newest["placement"] = newest
    whole = inventories(FAKE3)
    del whole["inventories"]["VCPU"]
    cloud.part(FAKE3, "inventories", whole)
    generation = {"resource_provider_generation": 1}
    for uuid in children:
        cloud.part(uuid, "traits", {"traits": []} | generation)
        cloud.part(uuid, "inventories", {"inventories": {"VCPU": {"total": 4}}} | generation)
        cloud.part(uuid, "usages", {"usages": {"VCPU": 3}} | generation)
    by_memory = of_host["MEMORY_MB"]["capacity"] - of_host["MEMORY_MB"]["used"]
    assert room(await cloud.capacity.read(), "slim")["small"] == -(by_memory // 1024)
    cloud.part(children[0], "usages", DOWN)
    cloud.part(children[1], "inventories", DOWN)
    assert room(await read(cloud), "slim")["small"] == -(by_memory // 1024)
    cloud.part(children[1], "inventories", {"inventories": {"VCPU": {"total": 4}}} | generation)
    cloud.now += 60
    assert room(await read(cloud), "slim")["small"] == -(4 + 1)
    cloud.part(children[0], "usages", {"usages": {"VCPU": 3}} | generation)
    for _ in range(2):
        cloud.now += 60
        await cloud.placement.read()
    assert room(await cloud.capacity.read(), "slim")["small"] == 1 + 1


async def test_bare_metal_whose_use_changed_since_it_was_read_is_no_zero() -> None:
    candidates = answer("allocation_candidates")
    del candidates["provider_summaries"][FAKE3]
    specs = {"resources:CUSTOM_BAREMETAL": "1", "resources:VCPU": "0", "resources:MEMORY_MB": "0"}
    cloud = Cloud(allocation_candidates=candidates, flavors=of(flavor("metal", extra_specs=specs)))
    generation = {"resource_provider_generation": generation_of(FAKE3)}
    cloud.part(FAKE3, "inventories", {"inventories": {"CUSTOM_BAREMETAL": {"total": 1}}} | generation)
    cloud.part(FAKE3, "usages", {"usages": {"CUSTOM_BAREMETAL": 1}} | generation)
    cloud.part(FAKE3, "traits", {"traits": []} | generation)
    await cloud.placement.read()
    cloud.now += 30
    assert room(await read(cloud), "metal")["small"] == 0
    cloud.api.answers["placement", "/resource_providers"] = changed_rows(FAKE3)
    cloud.part(FAKE3, "usages", DOWN)
    cloud.now += 60
    assert room(await cloud.capacity.read(), "metal")["small"] == -1


async def test_resource_class_of_a_child_that_makes_no_sense_is_no_upper_bound() -> None:
    child = "00000000-0000-0000-0000-000000000001"
    rows = answer("resource_providers")
    row = {"uuid": child, "name": "numa1", "generation": 1, "root_provider_uuid": FAKE3}
    rows["resource_providers"].append(row)
    cloud = before_1_27(resource_providers=rows, flavors=of(flavor("slim", vcpus=1, ram=1)))
    generation = {"resource_provider_generation": 1}
    classes = {"VCPU": {"total": -4}, "PCPU": {"total": 1}}
    cloud.part(child, "inventories", {"inventories": classes} | generation)
    cloud.part(child, "usages", {"usages": {}} | generation)
    cloud.part(child, "traits", {"traits": []} | generation)
    memory = answer("allocation_candidates")["provider_summaries"][FAKE3]["resources"]["MEMORY_MB"]
    assert room(await read(cloud), "slim")["small"] == -(memory["capacity"] - memory["used"])


async def test_traits_that_are_not_read_yet_make_an_upper_bound() -> None:
    candidates = answer("allocation_candidates")
    for summary in candidates["provider_summaries"].values():
        del summary["traits"]
    metal = flavor("gold", extra_specs={"trait:CUSTOM_GOLD": "required"})
    cloud = before_1_27(flavors=of(metal))
    cloud.api.answers["placement", "/allocation_candidates"] = candidates
    assert room(await cloud.capacity.read(), "gold")["small"] < 0
    for uuid in (FAKE1, FAKE2, FAKE3, FAKE4):
        traits = {"traits": ["CUSTOM_GOLD"] if uuid == FAKE3 else []}
        cloud.part(uuid, "traits", traits | {"resource_provider_generation": generation_of(uuid)})
    assert {zone: vms > 0 for zone, vms in room(await read(cloud), "gold").items()} == {
        "az1": False, "broken": False, "small": True,
    }  # fmt: skip


async def test_placement_without_a_list_of_what_is_left_has_no_room_and_is_named() -> None:
    cloud = Cloud()
    cloud.api.newest["placement"] = "1.9"
    with pytest.raises(CollectError, match=r"placement: too old: microversion 1\.10 is needed") as caught:
        await cloud.capacity.read()
    assert caught.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("odd", [{"metadata": {"ssd": 7}}, {"hosts": [7]}], ids=str)
async def test_aggregate_whose_metadata_or_hosts_make_no_sense_leaves_an_upper_bound(
    odd: dict[str, object],
) -> None:
    aggregates = answer("aggregates")
    aggregates["aggregates"][0] |= odd
    ssd = flavor("ssd", extra_specs={"aggregate_instance_extra_specs:ssd": "fast"})
    answered = await read(Cloud(aggregates=aggregates, flavors=of(ssd)))
    assert answered.malformed == 1
    assert room(answered, "ssd")["small"] < 0


async def test_bare_metal_has_the_room_of_its_own_class() -> None:
    candidates, rows = answer("allocation_candidates"), answer("resource_providers")
    del candidates["provider_summaries"][FAKE3]
    metal = flavor(
        "metal",
        extra_specs={
            "resources:CUSTOM_BAREMETAL": "1", "resources:VCPU": "0", "resources:MEMORY_MB": "0",
            "trait:CUSTOM_GOLD": "required",
        },
    )  # fmt: skip
    cloud = Cloud(allocation_candidates=candidates, resource_providers=rows, flavors=of(metal))
    generation = {"resource_provider_generation": generation_of(FAKE3)}
    cloud.part(FAKE3, "inventories", {"inventories": {"CUSTOM_BAREMETAL": {"total": 1}}} | generation)
    cloud.part(FAKE3, "usages", {"usages": {"CUSTOM_BAREMETAL": 0}} | generation)
    cloud.part(FAKE3, "traits", {"traits": ["CUSTOM_GOLD"]} | generation)
    assert room(await read(cloud), "metal")["small"] == -1  # its traits are not read yet
    cloud.now += 30
    assert room(await read(cloud), "metal") == {"az1": 0, "broken": 0, "small": 1}


async def test_pinned_cpus_are_counted_apart_where_told_and_are_an_upper_bound() -> None:
    candidates = answer("allocation_candidates")
    candidates["provider_summaries"][FAKE1]["resources"]["PCPU"] = {"capacity": 32, "used": 4}
    pinned = flavor("pinned", vcpus=8, extra_specs={"hw:cpu_policy": "dedicated"})
    answered = await read(Cloud(allocation_candidates=candidates, flavors=of(pinned)))
    assert room(answered, "pinned") == {"az1": -3, "broken": 0, "small": 0}


async def test_pinned_cpus_are_any_where_no_host_tells_which_and_are_an_upper_bound() -> None:
    pinned = flavor("pinned", vcpus=8, extra_specs={"hw:cpu_policy": "dedicated"})
    shared = room(await read(Cloud(flavors=of(flavor("shared", vcpus=8)))), "shared")
    assert room(await read(Cloud(flavors=of(pinned))), "pinned") == {
        zone: -vms for zone, vms in shared.items()
    }


async def test_pieces_for_one_vm_may_come_from_several_providers_of_the_host() -> None:
    rows, candidates = answer("resource_providers"), answer("allocation_candidates")
    for number in range(2):
        gpu = f"00000000-0000-0000-0000-00000000000{number}"
        row = {"uuid": gpu, "name": f"gpu{number}", "generation": 1, "root_provider_uuid": FAKE1}
        rows["resource_providers"].append(row)
        candidates["provider_summaries"][gpu] = {"resources": {"VGPU": {"capacity": 1, "used": 0}}}
    specs = {"resources1:VGPU": "1", "resources2:VGPU": "1", "group_policy": "isolate"}
    cloud = Cloud(
        resource_providers=rows,
        allocation_candidates=candidates,
        flavors=of(flavor("two", extra_specs=specs)),
    )
    assert room(await cloud.capacity.read(), "two") == {"az1": -2, "broken": 0, "small": 0}


async def test_flavor_for_an_aggregate_fits_only_there() -> None:
    aggregates = answer("aggregates")
    aggregates["aggregates"] += [
        {"name": "one", "hosts": ["fake1", "gone"], "metadata": {"ssd": "true, fast"}},
        {"name": "two", "hosts": ["fake1"], "metadata": {"ssd": "new"}},
    ]
    ssd = flavor("ssd", ram=100 * 1024, extra_specs={"aggregate_instance_extra_specs:ssd": "fast"})
    answered = await read(Cloud(aggregates=aggregates, flavors=of(ssd)))
    assert room(answered, "ssd") == {"az1": 2, "broken": 0, "small": 0}


async def test_storage_that_hosts_share_makes_an_upper_bound() -> None:
    candidates, rows = answer("allocation_candidates"), answer("resource_providers")
    for uuid in (FAKE1, FAKE2, FAKE3, FAKE4):
        del candidates["provider_summaries"][uuid]["resources"]["DISK_GB"]
    rows["resource_providers"].append({"uuid": STORAGE, "name": "nfs", "generation": 1})
    cloud = Cloud(
        allocation_candidates=candidates, resource_providers=rows, flavors=of(flavor("m1", disk=10))
    )
    cloud.part(
        STORAGE, "inventories", {"inventories": {"DISK_GB": {"total": 9}}, "resource_provider_generation": 1}
    )
    cloud.part(STORAGE, "usages", {"usages": {}, "resource_provider_generation": 1})
    assert room(await read(cloud), "m1")["small"] == -7


async def test_flavor_that_is_disabled_has_no_room() -> None:
    flavors = of(flavor("old", **{"OS-FLV-DISABLED:disabled": True}), flavor("m1"))
    answered = await read(Cloud(flavors=flavors))
    assert {one.flavor for one in answered.room} == {"m1"}


async def test_flavors_with_one_name_are_told_apart() -> None:
    flavors = of(flavor("m1", "a"), flavor("m1", "b", ram=2048), flavor("m2"))
    answered = await read(Cloud(flavors=flavors))
    assert {one.flavor for one in answered.room} == {"m1 (a)", "m1 (b)", "m2"}


async def test_largest_is_the_one_with_the_most_memory_then_the_most_vcpus() -> None:
    flavors = of(flavor("a", ram=4096), flavor("b", ram=4096, vcpus=2), flavor("c", ram=2048, vcpus=8))
    assert largest(await read(Cloud(flavors=flavors)))["small"] == "b"


async def test_largest_is_one_that_certainly_fits_and_that_all_may_use_where_there_is_one() -> None:
    pages = flavor("pages", ram=4096, extra_specs={"hw:mem_page_size": "large"})
    private = flavor("private", ram=2048, **{"os-flavor-access:is_public": False})
    assert largest(await read(Cloud(flavors=of(pages, private, flavor("m1")))))["small"] == "m1"
    assert largest(await read(Cloud(flavors=of(pages, private))))["small"] == "private"
    assert largest(await read(Cloud(flavors=of(pages))))["small"] == "(pages)"


async def test_largest_that_does_not_fit_is_none() -> None:
    flavors = of(flavor("huge", ram=10**9))
    assert (await read(Cloud(flavors=flavors))).largest == {}


async def test_items_that_make_no_sense_cost_themselves_alone() -> None:
    aggregates = answer("aggregates")
    aggregates["aggregates"].append({"hosts": 7})
    flavors = answer("flavors")
    flavors["flavors"][0]["ram"] = None
    answered = await read(Cloud(aggregates=aggregates, flavors=flavors))
    assert (len({one.flavor for one in answered.room}), answered.malformed) == (3, 2)
    assert room(answered, "m1.small")["small"] == 3


async def test_no_flavors_have_no_room() -> None:
    answered = await read(Cloud(flavors=of()))
    assert (answered.room, answered.largest) == ((), {})


async def test_room_cannot_be_told_without_hypervisors() -> None:
    with pytest.raises(CollectError, match="no hypervisor") as caught:
        await Cloud(hypervisors={"hypervisors": []}).capacity.read()
    assert caught.value.reason is Reason.UNAVAILABLE


async def test_room_cannot_be_told_while_no_hypervisor_is_a_provider() -> None:
    hypervisors = answer("hypervisors")
    for number, hypervisor in enumerate(hypervisors["hypervisors"]):
        hypervisor["id"] = number + 1
    with pytest.raises(CollectError, match="Placement's providers") as caught:
        await read(Cloud(hypervisors=hypervisors))
    assert caught.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("name", ["flavors", "hypervisors", "allocation_candidates"])
@pytest.mark.parametrize("error", [ForbiddenError("403"), DOWN], ids=["403", "503"])
async def test_source_that_refuses_or_is_down_says_so(name: str, error: Answer) -> None:
    with pytest.raises(type(error)):
        await Cloud(**{name: error}).capacity.read()


async def test_aggregates_that_are_down_say_so() -> None:
    with pytest.raises(CollectError, match="503"):
        await Cloud(aggregates=DOWN).capacity.read()


async def test_aggregates_that_may_not_be_read_leave_an_upper_bound_to_flavors_that_ask_for_one() -> None:
    ssd = flavor("ssd", extra_specs={"aggregate_instance_extra_specs:ssd": "fast"})
    answered = await read(Cloud(aggregates=ForbiddenError("403"), flavors=of(ssd, flavor("m1"))))
    assert room(answered, "m1") == {"az1": 502, "broken": 781, "small": 7}
    assert room(answered, "ssd") == {"az1": -502, "broken": -781, "small": -7}
    assert largest(answered)["small"] == "m1"


async def test_lists_that_others_have_just_asked_for_are_not_asked_for_again() -> None:
    cloud = Cloud()
    await cloud.placement.read()
    await cloud.capacity.flavors.read()
    cloud.api.calls.clear()
    cloud.now += 20
    await cloud.capacity.read()
    assert [(call.operation, dict(call.params)) for call in cloud.api.calls] == [("aggregates", {})]


async def test_credential_without_the_right_is_refused_by_one_request() -> None:
    cloud = Cloud(hypervisors=ForbiddenError("403"))
    with pytest.raises(ForbiddenError):
        await cloud.capacity.read()
    assert len(cloud.api.calls) == 1


def test_question_says_what_it_costs() -> None:
    (question,) = Capacity.questions()
    assert (question.name, question.answer, question.role) == ("capacity", vocabulary.Capacity, "admin")
