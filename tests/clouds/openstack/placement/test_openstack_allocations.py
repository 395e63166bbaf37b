"""What Placement has allocated, against Nova's servers, over many refreshes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.disagreements import DisagreementReason
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.compute.hypervisors import Hypervisors
from stratoscope.clouds.openstack.compute.migration_list import PAGES, MigrationList
from stratoscope.clouds.openstack.compute.servers import Servers
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.clouds.openstack.placement.allocations import MOST, PlacementAllocations
from stratoscope.clouds.openstack.placement.consumers import CHECKED
from stratoscope.clouds.openstack.placement.inventories import Placement
from stratoscope.clouds.openstack.placement.providers import Providers
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOutError, Reason
from support.allocated import HOSTS, Cloud
from support.demo_cloud import DemoCloud, demo_cloud
from support.openstack_answers import answer
from support.openstack_vms import opened

OF_NOBODY = ForbiddenError("403")
WITHOUT_VM, WITHOUT_ALLOCATION, OTHER_HOST, ENDED = (
    DisagreementReason.ALLOCATION_WITHOUT_VM,
    DisagreementReason.VM_WITHOUT_ALLOCATION,
    DisagreementReason.OTHER_HOST,
    DisagreementReason.ENDED_MIGRATION,
)
CHANGED, WHOLE = 3, 11
"""Requests for the migrations that changed, and at the start."""
OF_A_SERVER = {
    "allocations": {
        "e2f8f2f9-f31b-47fe-8f30-f8d1b43935c0": {
            "resources": {"DISK_GB": 1, "MEMORY_MB": 64, "VCPU": 1}, "generation": 15
        },
    },
    "project_id": "f094045614", "user_id": "4d35f4f99c", "consumer_generation": 1,
    "consumer_type": "unknown",
}  # fmt: skip
"""What Placement of 2025.1 answered for a server that Nova had made."""
DOWN = CollectError(Reason.UNAVAILABLE, "503")


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    token = DEADLINE.set(time.monotonic() + 50)
    yield
    DEADLINE.reset(token)


async def test_nothing_is_found_where_both_say_the_same() -> None:
    cloud = Cloud()
    assert await cloud.found(60, 60) == []
    read = await cloud.read(60)
    assert read.counts == dict.fromkeys(DisagreementReason, 0)
    assert (read.spread.items, read.spread.known, read.malformed) == (2, 2, 0)


async def test_providers_are_read_again_only_once_they_have_changed() -> None:
    cloud = Cloud()
    await cloud.read()
    assert cloud.asked("/resource_providers/") == 2
    await cloud.read(60)
    assert cloud.asked("/resource_providers/") == 0
    cloud.hold("h1", "a", "c")
    await cloud.read(60)
    assert cloud.asked("/resource_providers/") == 1


async def test_one_provider_is_read_in_two_seconds() -> None:
    cloud = Cloud()
    uuids = [f"00000000-0000-0000-0000-{number:012}" for number in range(MOST + 5)]
    rows = [{"uuid": uuid, "name": uuid, "generation": 1} for uuid in uuids]
    held = {"allocations": {}, "resource_provider_generation": 1}
    cloud.changed = {("placement", "/resource_providers"): {"resource_providers": rows}} | {
        ("placement", f"/resource_providers/{uuid}/allocations"): held for uuid in uuids
    }
    assert (await cloud.read()).spread.known == MOST
    assert (await cloud.read(2)).spread.known == MOST + 1
    assert (await cloud.read(60)).spread.known == MOST + 5


async def test_allocation_of_a_vm_that_nobody_knows_is_found_after_a_minute() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "gone")
    assert await cloud.found(59) == []
    assert await cloud.found(60) == [(WITHOUT_VM, "gone", "", "h2")]
    assert cloud.asked("/os-migrations") == WHOLE + 1  # and the newest
    assert cloud.asked("/servers/gone") == 1


async def test_what_was_found_is_not_asked_for_again_and_vanishes_with_its_allocation() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "gone")
    assert await cloud.found(60, 60, 60)
    assert await cloud.found(60) == [(WITHOUT_VM, "gone", "", "h2")]
    assert cloud.asked("/os-migrations") + cloud.asked("/servers/gone") == 0
    cloud.hold("h2", "b")
    assert await cloud.found(60) == []


async def test_vm_that_is_deleted_softly_keeps_its_allocation() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "soft")
    cloud.changed = {("compute", "/servers/soft"): {"server": {"status": "SOFT_DELETED"}}}
    assert await cloud.found(60, 60, 60) == []
    assert await cloud.found(3000) == []
    assert cloud.asked("/servers/soft") == 0
    cloud.changed = {}
    assert await cloud.found(900) == [(WITHOUT_VM, "soft", "", "h2")]


async def test_vm_that_is_being_deleted_has_no_allocation_to_lose() -> None:
    cloud = Cloud()
    await cloud.found(60)
    cloud.servers["b"]["status"] = "DELETED"
    assert await cloud.found() == []
    cloud.hold("h2")
    assert await cloud.found(30, 60, 60) == []


async def test_vm_without_allocation_is_found() -> None:
    cloud = Cloud()
    cloud.hold("h1")
    assert await cloud.found(60, 60, 60) == [(WITHOUT_ALLOCATION, "a", "a", "h1")]


@pytest.mark.parametrize(
    "said",
    [
        {"OS-EXT-STS:task_state": "resize_prep"},
        {"status": "BUILD"},
        {"OS-EXT-SRV-ATTR:host": None, "status": "SHELVED_OFFLOADED"},
        {"OS-EXT-SRV-ATTR:host": "h3"},
        {"status": "UNKNOWN"},
    ],
)
async def test_vm_that_needs_no_allocation_or_is_in_transition_is_right(said: dict[str, Any]) -> None:
    """Placement may know no such host."""
    cloud = Cloud()
    cloud.servers["a"] |= said
    cloud.hold("h1")
    assert await cloud.found(60, 60, 60) == []


async def test_what_differs_must_differ_in_later_readings_of_both_sides() -> None:
    """Of the servers no list comes any more, or none of the allocations."""
    cloud = Cloud()
    cloud.hold("h1")
    assert await cloud.found() == []
    assert await cloud.without_new_servers(120) == []
    cloud = Cloud()
    cloud.hold("h1")
    assert await cloud.found() == []
    cloud.hold("h1")
    path = f"/resource_providers/{HOSTS['h1']}/allocations"
    cloud.changed = {("placement", path): CollectError(Reason.UNAVAILABLE, "503")}
    assert await cloud.found(60, 60) == []
    cloud.changed = {}
    assert await cloud.found() == [(WITHOUT_ALLOCATION, "a", "a", "h1")]


async def test_vm_is_not_without_allocation_before_all_providers_of_its_host_were_read() -> None:
    child = "00000000-0000-0000-0000-000000000007"
    path = ("placement", f"/resource_providers/{child}/allocations")

    class Nested(Cloud):
        def _answers(self) -> dict[tuple[str, str], Any]:
            answers: dict[tuple[str, str], Any] = {
                path: {"allocations": {"a": {}}, "resource_provider_generation": 1}, **super()._answers(),
            }  # fmt: skip
            of_child = {"parent_provider_uuid": HOSTS["h1"], "root_provider_uuid": HOSTS["h1"]}
            row = {"uuid": child, "name": "h1_numa0", "generation": 1, **of_child}
            answers["placement", "/resource_providers"]["resource_providers"].append(row)
            return answers

    cloud = Nested()
    cloud.hold("h1")
    cloud.changed = {path: CollectError(Reason.UNAVAILABLE, "503")}
    assert await cloud.found(60, 60, 60) == []
    cloud.changed = {}
    assert await cloud.found(60, 60, 60) == []


async def test_allocation_on_a_host_where_the_vm_is_not_is_found() -> None:
    cloud = Cloud()
    cloud.hold("h2", "a", "b")
    assert await cloud.found(60, 60, 60) == [(OTHER_HOST, "a", "a", "h2")]
    cloud.servers["a"]["OS-EXT-STS:task_state"] = "migrating"
    assert await cloud.found(60) == []


async def test_migration_in_progress_holds_what_it_needs_until_it_has_ended() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "m")
    cloud.migrate("finished")
    assert await cloud.found(60, 60, 60) == []
    assert await cloud.found(600) == []
    cloud.migrate("confirmed")
    assert await cloud.found(60) == [(ENDED, "m", "a", "h2")]
    assert cloud.asked("/servers/m") == 0
    assert await cloud.found(60) == [(ENDED, "m", "a", "h2")]
    assert cloud.asked("/os-migrations") == 0


async def test_resize_that_waits_is_found_behind_many_newer_migrations() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "m")
    cloud.migrate("finished", days_ago=30)
    _newer_than_those_looked_through(cloud)
    assert await cloud.found(60, 60, 60) == []


async def test_migration_that_ended_before_the_day_that_is_read_is_found_among_the_newest() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "m")
    cloud.migrate("completed", days_ago=30)
    assert await cloud.found(60, 60, 60) == [(ENDED, "m", "a", "h2")]


async def test_of_a_migration_behind_many_newer_ones_only_the_allocation_is_seen() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "m")
    cloud.migrate("completed", days_ago=30)
    _newer_than_those_looked_through(cloud)
    assert await cloud.found(60, 60, 60) == [(WITHOUT_VM, "m", "", "h2")]


def _newer_than_those_looked_through(cloud: Cloud) -> None:
    """Two a page."""
    for number in range(2, 2 * PAGES + 2):
        cloud.api.put(number, "completed", created=0, updated=9)


async def test_migrations_are_requested_once_for_both_questions() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "m")
    cloud.migrate("running")
    await cloud.read()
    await cloud.read(60)
    await cloud.migrations.read()
    shared = cloud.asked("/os-migrations")
    assert shared > 0
    await cloud.read(30)
    assert cloud.asked("/os-migrations") == 0
    assert [one.vm_id for one in (await cloud.migrations.read()).running] == ["a"]
    assert cloud.asked("/os-migrations") == CHANGED


async def test_consumer_of_another_service_is_no_disagreement_and_is_counted_apart() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "zun1", "zun2", "gone", "moved")
    cloud.types = {"zun1": "CONTAINER", "zun2": "CONTAINER", "gone": "INSTANCE", "moved": "MIGRATION"}
    assert await cloud.found(60, 60, 60) == [
        (WITHOUT_VM, "gone", "", "h2"), (WITHOUT_VM, "moved", "", "h2"),
    ]  # fmt: skip
    read = await cloud.read(60)
    assert read.of_others == {"CONTAINER": 2}
    assert cloud.asked("/allocations/") + cloud.asked("/servers/zun1") == 0
    cloud.hold("h2", "b")
    assert (await cloud.read(60)).of_others == {}


@pytest.mark.parametrize(
    "answer",
    [OF_NOBODY, NotThereError("404"), {"allocations": {}}],
    ids=["403", "404", "released meanwhile"],
)
async def test_consumer_whose_type_is_not_to_be_had_is_looked_up_as_a_server(answer: Any) -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "zun")
    cloud.changed = {("placement", "/allocations/zun"): answer}
    assert await cloud.found(60, 60, 60) == [(WITHOUT_VM, "zun", "", "h2")]


async def test_placement_before_xena_knows_no_types() -> None:
    cloud = Cloud()
    cloud.api.newest = {"placement": "1.37"}
    cloud.hold("h2", "b", "zun")
    cloud.types = {"zun": "CONTAINER"}
    assert await cloud.found(60, 60, 60) == [(WITHOUT_VM, "zun", "", "h2")]
    assert cloud.asked("/allocations/") == 0


async def test_consumer_that_a_real_nova_made_has_no_type_and_is_looked_up_as_a_server() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "gone")
    cloud.changed = {("placement", "/allocations/gone"): OF_A_SERVER}
    assert await cloud.found(60, 60, 60) == [(WITHOUT_VM, "gone", "", "h2")]
    assert cloud.asked("/servers/gone") == 0
    assert (await cloud.read(60)).of_others == {}


async def test_nova_before_queens_has_no_ids_of_migrations() -> None:
    cloud = Cloud()
    cloud.api.newest = {"compute": "2.53"}
    cloud.hold("h2", "b", "gone")
    assert await cloud.found(60, 60, 60) == [(WITHOUT_VM, "gone", "", "h2")]
    assert cloud.asked("/os-migrations") == 0


async def test_few_consumers_are_asked_for_at_once() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", *(f"gone{number}" for number in range(CHECKED + 1)))
    assert len(await cloud.found(81)) == CHECKED
    assert len(await cloud.found()) == CHECKED + 1


async def test_nothing_is_said_before_all_servers_are_known() -> None:
    cloud = Cloud()
    cloud.changed = {("compute", "/servers/detail?all_tenants=1"): OF_NOBODY}
    read = await cloud.read()
    assert read.disagreements is None
    assert read.spread.known == 2


async def test_nothing_is_said_where_nova_numbers_its_hypervisors() -> None:
    cloud = Cloud()
    rows = [{**answer("hypervisors")["hypervisors"][0], "id": 7}]
    cloud.changed = {("compute", "/os-hypervisors/detail"): {"hypervisors": rows}}
    read = await cloud.read()
    assert (read.disagreements, read.unjudged_hosts) == (None, 1)


async def test_host_that_placement_knows_by_another_id_is_not_judged_and_counted() -> None:
    cloud = Cloud()
    assert (await cloud.read()).unjudged_hosts == 0
    cloud.hold("h1")
    cloud.hold("h2", "b", "gone")
    other = "00000000-0000-0000-0000-00000000000f"
    rows = [
        {"uuid": uuid, "name": name, "generation": 9} for name, uuid in (("h1", other), ("h2", HOSTS["h2"]))
    ]
    cloud.changed = {
        ("placement", "/resource_providers"): {"resource_providers": rows},
        ("placement", f"/resource_providers/{other}/allocations"): {
            "allocations": {}, "resource_provider_generation": 9
        },
    }  # fmt: skip
    assert await cloud.found(60, 60, 60) == [(WITHOUT_VM, "gone", "", "h2")]
    assert (await cloud.read()).unjudged_hosts == 1


async def test_host_that_cannot_be_read_does_not_hide_the_other() -> None:
    cloud = Cloud()
    cloud.hold("h2", "b", "gone")
    cloud.changed = {("placement", f"/resource_providers/{HOSTS['h1']}/allocations"): DOWN}
    await cloud.read(60)
    assert await cloud.found(60, 60, 60) == [(WITHOUT_VM, "gone", "", "h2")]


async def test_malformed_answer_is_counted() -> None:
    cloud = Cloud()
    await cloud.read()
    cloud.hold("h2", "b", "c")
    cloud.changed = {
        ("placement", f"/resource_providers/{HOSTS['h2']}/allocations"): CollectError(Reason.MALFORMED, "?")
    }
    assert (await cloud.read(60)).malformed == 1


async def test_provider_that_is_gone_meanwhile_is_no_failure() -> None:
    cloud = Cloud()
    await cloud.read()
    cloud.hold("h2", "b", "c")
    cloud.changed = {("placement", f"/resource_providers/{HOSTS['h2']}/allocations"): NotThereError("404")}
    read = await cloud.read(60)
    assert (read.spread.items, read.malformed) == (1, 0)


async def test_without_the_right_the_question_is_left_out() -> None:
    cloud = Cloud()
    cloud.changed = {
        ("placement", f"/resource_providers/{uuid}/allocations"): OF_NOBODY for uuid in HOSTS.values()
    }
    with pytest.raises(LeftOutError):
        await cloud.read()


@pytest.mark.parametrize("reason", [*DisagreementReason])
async def test_the_embedded_cloud_can_have_each_of_them(reason: DisagreementReason, tmp_path: Path) -> None:
    async with demo_cloud() as cloud, opened(cloud, tmp_path, os_cloud="admin") as openstack:
        now = time.monotonic()
        session = openstack.session()
        servers = Servers(session, Names(session), Clock(monotonic=lambda: now, now=time.time))
        clock = Clock(monotonic=lambda: now, now=time.time)
        hypervisors = Hypervisors(session, servers, Providers(), clock)
        placement, migrations = Placement(session, hypervisors, clock), MigrationList(session, clock)
        reader = PlacementAllocations(session, hypervisors, placement, migrations, clock)
        await servers.read()
        host = _host_that_rests(cloud)
        cloud.cloud.faults.add({"fault": "misallocate", "what": reason, "host": host})
        for _ in range(4):
            now += 61
            await servers.read()
            read = await reader.read()
        assert [(one.reason, read.counts[reason]) for one in read.disagreements or ()] == [(reason, 1)]
        cloud.cloud.faults.clear()
        for _ in range(2):
            now += 61
            await servers.read()
            read = await reader.read()
        assert read.disagreements == ()


def _host_that_rests(cloud: DemoCloud) -> str:
    return next(
        host.name
        for host in cloud.world.hosts.values()
        if any(vm.task_state is None for vm in host.vms.values())
    )


LEFT = "00000000-0000-0000-0000-000000000009"


class WithLeftProvider(Cloud):
    """Beside them `gone`, whose compute service was deleted; `ghost` and `b` have allocations there."""

    def _answers(self) -> dict[tuple[str, str], Any]:
        answers = super()._answers()
        row = {"uuid": LEFT, "name": "gone", "generation": 5}
        answers["placement", "/resource_providers"]["resource_providers"].append(row)
        answers["placement", f"/resource_providers/{LEFT}/allocations"] = {
            "allocations": {one: {"resources": {"DISK_GB": 1}} for one in ("ghost", "b")},
            "resource_provider_generation": 5,
        }
        answers["placement", "/allocations/ghost"] = {
            "allocations": {LEFT: {"resources": {"DISK_GB": 1}, "generation": 5}},
            "consumer_type": "unknown",
        }
        return answers | {("compute", "/servers/ghost"): NotThereError("404")}


async def test_allocations_at_a_provider_of_no_host_are_without_vm_if_no_server_has_them() -> None:
    cloud = WithLeftProvider()
    assert await cloud.found(0, 120, 120) == [(WITHOUT_VM, "ghost", "", "gone")]


async def test_a_provider_left_behind_with_the_name_of_a_host_is_looked_through_beside_it() -> None:
    class Restored(WithLeftProvider):
        def _answers(self) -> dict[tuple[str, str], Any]:
            answers = super()._answers()
            answers["placement", "/resource_providers"]["resource_providers"][-1]["name"] = "h1"
            return answers

    assert await Restored().found(0, 120, 120) == [(WITHOUT_VM, "ghost", "", "h1")]
