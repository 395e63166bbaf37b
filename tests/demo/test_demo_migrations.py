"""The embedded Nova's migrations, as its API lists them."""

from typing import Any

from demo.client import Client, client
from demo.worlds import assert_consistent
from stratoscope.demo.world.models import VM
from stratoscope.demo.world.operations import Operations
from support.demo_cloud import DemoCloud, demo_cloud

NOVA = "/compute/v2.1"
NEW = {"OpenStack-API-Version": "compute 2.80"}


def moving(cloud: DemoCloud) -> VM:
    """A VM that has begun to migrate."""
    for vm in cloud.world.vms:
        if vm.vm_state == "active" and vm.task_state is None:
            Operations(cloud.world).migrate(vm)
            if vm.id in cloud.world.migrations:
                return vm
    raise LookupError("no VM can be migrated")


async def listed(user: Client, query: str = "", path: str = "/os-migrations") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await user.get(f"{NOVA}{path}{query}", headers=NEW))["migrations"]
    return found


async def test_a_live_migration_is_listed_with_its_progress_until_it_is_completed() -> None:
    async with demo_cloud() as cloud, client(cloud, "admin") as admin:
        vm = moving(cloud)
        source = vm.host
        cloud.after(1)
        (one,) = await listed(admin, f"?instance_uuid={vm.id}")
        assert (one["status"], one["migration_type"]) == ("running", "live-migration")
        assert source is not None
        assert one["source_compute"] == source.name != one["dest_compute"]
        (progress,) = await listed(admin, path=f"/servers/{vm.id}/migrations")
        assert progress["id"] == one["id"]
        assert 0 < progress["memory_remaining_bytes"] < progress["memory_total_bytes"]
        cloud.after(15)
        (one,) = await listed(admin, f"?instance_uuid={vm.id}")
        assert one["status"] == "completed"
        assert await listed(admin, path=f"/servers/{vm.id}/migrations") == []
        assert_consistent(cloud.world)


async def test_the_list_is_filtered_and_paged_the_newest_first() -> None:
    async with demo_cloud() as cloud, client(cloud, "admin") as admin:
        for _ in range(4):
            moving(cloud)
            cloud.after(15)
        every = await listed(admin)
        assert len(every) >= 3
        assert [one["id"] for one in every] == sorted((one["id"] for one in every), reverse=True)
        first = await listed(admin, "?limit=2")
        rest = await listed(admin, f"?limit=1000&marker={first[-1]['uuid']}")
        assert [one["id"] for one in first + rest] == [one["id"] for one in every]
        newest = max(one["updated_at"] for one in every)
        since = await listed(admin, f"?changes-since={newest.partition('.')[0]}Z")
        assert 0 < len(since) < len(every)
        done = await listed(admin, "?status=completed&migration_type=live-migration")
        assert {one["status"] for one in done} == {"completed"}


async def test_users_may_not_list_them_and_old_versions_have_no_progress() -> None:
    async with demo_cloud() as cloud, client(cloud, "admin") as admin, client(cloud, "user1") as user:
        vm = moving(cloud)
        assert (await user.ask(f"{NOVA}/os-migrations", headers=NEW)).status == 403
        assert (await admin.ask(f"{NOVA}/servers/{vm.id}/migrations", headers={})).status == 404
