"""Lists: pages, filters, who sees what, and that all services agree."""

from urllib.parse import urlsplit

import pytest

from demo.client import NOVA, PLACEMENT, Client, client
from support.demo_cloud import demo_cloud


async def paged(user: Client, path: str, key: str) -> list[dict[str, object]]:
    """All items of a list, by its own links."""
    found: list[dict[str, object]] = []
    for _ in range(200):
        body = await user.get(path)
        found += body[key]
        links = [link["href"] for link in body.get(f"{key}_links", ()) if link["rel"] == "next"]
        if key == "images" and "next" in body:
            links = [f"http://any/image{body['next']}"]
        if not links or not body[key]:
            return found
        parts = urlsplit(links[0])
        path = f"{parts.path}?{parts.query}"
    raise AssertionError("it has no end")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/compute/v2.1/servers/detail?all_tenants=1", "servers"),
        ("/compute/v2.1/servers?all_tenants=1", "servers"),
        ("/compute/v2.1/flavors/detail?is_public=None", "flavors"),
        ("/compute/v2.1/os-hypervisors/detail?x", "hypervisors"),
        ("/network/v2.0/ports?fields=id", "ports"),
        ("/network/v2.0/networks?x", "networks"),
        ("/network/v2.0/floatingips?x", "floatingips"),
        ("/volume/v3/volumes/detail?all_tenants=1", "volumes"),
        ("/volume/v3/snapshots/detail?all_tenants=1", "snapshots"),
        ("/image/v2/images?visibility=all", "images"),
    ],
)
async def test_pages_together_are_the_whole(path: str, key: str) -> None:
    path = path.removesuffix("x")
    async with demo_cloud() as cloud:
        cloud.after(1800)
        async with client(cloud) as admin:
            whole = (await admin.get(path))[key]
            assert len(whole) > 1
            joined = path if path.endswith("?") else f"{path}&"
            for limit in (1, 7, len(whole), 1000):
                assert await paged(admin, f"{joined}limit={limit}", key) == whole


async def test_all_services_say_the_same_of_hosts() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        for _ in range(10):
            cloud.after(7)
            old = {"OpenStack-API-Version": "compute 2.53"}
            hypervisors = (await admin.get("/compute/v2.1/os-hypervisors/detail", old))["hypervisors"]
            servers = (await admin.get("/compute/v2.1/servers/detail?all_tenants=1"))["servers"]
            for one in hypervisors:
                where = f"/placement/resource_providers/{one['id']}"
                used = (await admin.get(f"{where}/usages", PLACEMENT))["usages"]
                has = (await admin.get(f"{where}/inventories", PLACEMENT))["inventories"]
                assert used["VCPU"] + used.get("PCPU", 0) == one["vcpus_used"]
                assert has["MEMORY_MB"]["reserved"] + used["MEMORY_MB"] == one["memory_mb_used"]
                assert used["DISK_GB"] == one["local_gb_used"]
                held = (await admin.get(f"{where}/allocations", PLACEMENT))["allocations"].values()
                assert sum(part["resources"].get("MEMORY_MB", 0) for part in held) == used["MEMORY_MB"]
                name = one["hypervisor_hostname"]
                here = [server for server in servers if server["OS-EXT-SRV-ATTR:host"] == name]
                assert len(here) == one["running_vms"]


async def test_nova_counts_shared_cpus_alone_but_pinned_virtual_ones_too() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        old = {"OpenStack-API-Version": "compute 2.53"}
        pinned = 0
        for one in (await admin.get("/compute/v2.1/os-hypervisors/detail", old))["hypervisors"]:
            where = f"/placement/resource_providers/{one['id']}"
            has = (await admin.get(f"{where}/inventories", PLACEMENT))["inventories"]
            used = (await admin.get(f"{where}/usages", PLACEMENT))["usages"]
            assert one["vcpus"] == has["VCPU"]["total"]
            assert one["vcpus_used"] == used["VCPU"] + used.get("PCPU", 0)
            pinned += used.get("PCPU", 0)
        assert pinned > 0


async def test_all_services_say_the_same_of_projects() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        cloud.after(300)
        servers = (await admin.get("/compute/v2.1/servers/detail?all_tenants=1"))["servers"]
        ports = (await admin.get("/network/v2.0/ports"))["ports"]
        volumes = (await admin.get("/volume/v3/volumes/detail?all_tenants=1"))["volumes"]
        for project in (await admin.get("/identity/v3/projects"))["projects"]:
            identity = project["id"]
            theirs = [one["flavor"] for one in servers if one["tenant_id"] == identity]
            compute = (await admin.get(f"/compute/v2.1/os-quota-sets/{identity}/detail"))["quota_set"]
            assert compute["instances"]["in_use"] == len(theirs)
            assert compute["cores"]["in_use"] == sum(one["vcpus"] for one in theirs)
            assert compute["ram"]["in_use"] == sum(one["ram"] for one in theirs)
            network = (await admin.get(f"/network/v2.0/quotas/{identity}/details.json"))["quota"]
            assert network["port"]["used"] == sum(one["project_id"] == identity for one in ports)
            volume = (await admin.get(f"/volume/v3/os-quota-sets/{identity}?usage=True"))["quota_set"]
            own = [one for one in volumes if one["os-vol-tenant-attr:tenant_id"] == identity]
            assert volume["volumes"]["in_use"] == len(own)
            assert volume["volumes___DEFAULT__"]["in_use"] == sum(
                one["volume_type"] == "__DEFAULT__" for one in own
            )


async def test_addresses_left_are_those_that_ports_have_not() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        cloud.after(120)
        ports = (await admin.get("/network/v2.0/ports"))["ports"]
        left = (await admin.get("/network/v2.0/network-ip-availabilities"))["network_ip_availabilities"]
        for network in left:
            used = sum(port["network_id"] == network["network_id"] for port in ports)
            assert sum(one["used_ips"] for one in network["subnet_ip_availability"]) == used


async def test_reader_of_the_admin_project_is_refused_or_shown_nothing() -> None:
    async with demo_cloud() as cloud, client(cloud, "reader") as reader:
        for path in (
            "/compute/v2.1/servers/detail?all_tenants=1",
            "/compute/v2.1/os-services",
            "/compute/v2.1/os-hypervisors/detail",
            "/placement/resource_providers",
            "/volume/v3/os-services",
            "/identity/v3/projects",
        ):
            assert (await reader.ask(path)).status == 403
        assert await reader.get("/network/v2.0/agents") == {"agents": []}
        assert await reader.get("/compute/v2.1/servers/detail") == {"servers": []}
        assert await reader.get("/volume/v3/volumes/detail?all_tenants=1") == {"volumes": []}


async def test_member_sees_what_is_of_his_project_alone() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        own = next(project.id for project in cloud.world.projects if project.name == "astronomy")
        servers = (await user.get("/compute/v2.1/servers/detail"))["servers"]
        assert {one["tenant_id"] for one in servers} == {own}
        assert not any(
            key.startswith("OS-EXT-SRV-ATTR:host") and key != "OS-EXT-SRV-ATTR:hostname" for key in servers[0]
        )
        ports = (await user.get("/network/v2.0/ports"))["ports"]
        assert {one["project_id"] for one in ports} == {own}
        assert "binding:host_id" not in ports[0]
        others = next(vm for vm in cloud.world.vms if vm.project.id != own)
        assert (await user.ask(f"/compute/v2.1/servers/{others.id}")).status == 404


@pytest.mark.parametrize(
    ("query", "test"),
    [
        ("status=SHUTOFF", lambda one: one["status"] == "SHUTOFF"),
        ("status=ERROR&status=BUILD", lambda one: one["status"] in ("ERROR", "BUILD")),
        ("name=-web-", lambda one: "-web-" in one["name"]),
    ],
)
async def test_filter_leaves_what_it_says(query: str, test: object) -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        everything = (await admin.get("/compute/v2.1/servers/detail?all_tenants=1"))["servers"]
        found = (await admin.get(f"/compute/v2.1/servers/detail?all_tenants=1&{query}"))["servers"]
        assert callable(test)
        assert found == [one for one in everything if test(one)]


async def test_answers_follow_changes_though_their_bytes_are_cached() -> None:
    """A server's bytes are cached until the server or its host's status changes."""
    async with demo_cloud() as cloud, client(cloud) as admin:
        path = "/compute/v2.1/servers/detail?all_tenants=1"
        for _ in range(40):
            cloud.after(30)
            kept = {one["id"]: one for one in (await admin.get(path))["servers"]}
            assert kept == {one["id"]: one for one in (await admin.get(path))["servers"]}
            for vm in cloud.world.vms:
                vm.json_view = None
            assert kept == {one["id"]: one for one in (await admin.get(path))["servers"]}
            ports = (await admin.get("/network/v2.0/ports"))["ports"]
            for port in cloud.world.ports:
                port.json_view = None
            assert ports == (await admin.get("/network/v2.0/ports"))["ports"]
            if cloud.clock.now % 3 < 1:
                continue
            cloud.after(0)
            await admin.get(path, {**NOVA, "OpenStack-API-Version": "compute 2.1"})


async def test_page_of_candidates_is_what_has_room() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        path = "/placement/allocation_candidates?resources=VCPU:1,MEMORY_MB:1024"
        body = await admin.get(path, PLACEMENT)
        assert set(body["provider_summaries"]) == {
            next(iter(one["allocations"])) for one in body["allocation_requests"]
        }
        assert len(body["allocation_requests"]) > 1


async def test_migration_under_way_has_claims_on_both_hosts() -> None:
    async with demo_cloud(vms=200) as cloud, client(cloud) as admin:
        moving = None
        while moving is None:
            cloud.after(0.5)
            moving = next((vm for vm in cloud.world.vms if vm.status == "MIGRATING"), None)
            assert cloud.world.now < cloud.world.began + 3600
        migration = cloud.world.migrations[moving.id]
        shown = [
            await admin.get(f"/placement/resource_providers/{one.id}/allocations", PLACEMENT)
            for one in (migration.source, migration.target)
        ]
        # The server has a claim on the new host, the migration has its claim on the old one.
        consumers = [{moving.id, migration.id} & set(one["allocations"]) for one in shown]
        assert consumers == [{migration.id}, {moving.id}]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/compute/v2.1/flavors/detail?marker=nope", 400),
        ("/compute/v2.1/os-hypervisors/detail?marker=nope", 400),
        ("/compute/v2.1/os-quota-sets/nope/detail", 200),
        ("/volume/v3/volumes/detail?limit=-1", 400),
        ("/volume/v3", 200),
        ("/image/v2/images?status=queued", 200),
        ("/network/v2.0/quotas/nope/details.json", 200),
        ("/network/v2.0/security-groups/nope", 404),
    ],
)
async def test_odd_request_is_answered_as_the_services_do(path: str, status: int) -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        assert (await admin.ask(path)).status == status
