"""Floating addresses of users in Neutron, and in Nova's view of a server."""

from typing import Any

import pytest

from demo.client import Client, client, server_request
from demo.worlds import assert_consistent
from stratoscope.demo.world.models import VM, Project
from support.demo_cloud import DemoCloud, demo_cloud

ADDRESSES = "/network/v2.0/floatingips"
SERVERS = "/compute/v2.1/servers"
NOBODYS = "00000000-0000-4000-a000-000000000000"


async def vm_of(cloud: DemoCloud, user: Client, **more: object) -> VM:
    """A server that runs."""
    made = await (await user.post(SERVERS, server_request(cloud, **more))).json()
    cloud.after(15)
    vm = cloud.world.vms.get(made["server"]["id"])
    assert vm is not None
    return vm


def outside(cloud: DemoCloud) -> str:
    """The id of the external network."""
    assert cloud.world.external is not None
    return cloud.world.external.id


def astronomy(cloud: DemoCloud) -> Project:
    return next(project for project in cloud.world.projects if project.name == "astronomy")


async def addresses(user: Client, vm: VM) -> list[tuple[str, str]]:
    """The addresses of a server by type, as Nova shows them."""
    shown: dict[str, Any] = (await user.get(f"{SERVERS}/{vm.id}"))["server"]["addresses"]
    return [(one["OS-EXT-IPS:type"], one["addr"]) for of_one in shown.values() for one in of_one]


async def test_floating_address_leads_to_a_port_and_nova_knows_it_a_moment_later() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user, client(cloud) as admin:
        vm = await vm_of(cloud, user)
        fixed = await addresses(user, vm)
        assert [kind for kind, _ in fixed] == ["fixed"]
        wanted = {"floating_network_id": outside(cloud), "port_id": vm.ports[0].id, "description": "run=7"}
        response = await user.post(ADDRESSES, {"floatingip": wanted})
        assert response.status == 201
        made = (await response.json())["floatingip"]
        assert (made["status"], made["description"], made["port_id"]) == ("DOWN", "run=7", vm.ports[0].id)
        assert made["fixed_ip_address"] == fixed[0][1]
        assert made["router_id"] in {router.id for router in cloud.world.routers}
        for one in (user, admin):
            assert await addresses(one, vm) == fixed
        cloud.after(2)
        for one in (user, admin):
            assert await addresses(one, vm) == [*fixed, ("floating", made["floating_ip_address"])]
        shown = (await user.get(f"{ADDRESSES}/{made['id']}"))["floatingip"]
        assert shown["status"] == "ACTIVE"
        assert_consistent(cloud.world)
        assert (await user.ask(f"{ADDRESSES}/{made['id']}", method="DELETE")).status == 204
        assert await addresses(user, vm) == fixed
        assert (await user.ask(f"{ADDRESSES}/{made['id']}")).status == 404
        assert_consistent(cloud.world)


async def test_floating_address_stays_without_a_port_when_its_server_is_deleted() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        vm = await vm_of(cloud, user)
        wanted = {"floating_network_id": outside(cloud), "port_id": vm.ports[0].id}
        made = (await (await user.post(ADDRESSES, {"floatingip": wanted})).json())["floatingip"]
        await user.ask(f"{SERVERS}/{vm.id}", method="DELETE")
        cloud.after(5)
        shown = (await user.get(f"{ADDRESSES}/{made['id']}"))["floatingip"]
        assert (shown["status"], shown["port_id"], shown["router_id"]) == ("DOWN", None, None)
        assert_consistent(cloud.world)


async def test_quota_of_floating_addresses_binds_in_neutrons_words() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        project = astronomy(cloud)
        project.limits["floatingip"] = project.used["floatingip"] + 1
        body = {"floatingip": {"floating_network_id": outside(cloud)}}
        made = await user.post(ADDRESSES, body)
        assert made.status == 201
        refused = await user.post(ADDRESSES, body)
        error = (await refused.json())["NeutronError"]
        assert refused.status == 409
        assert error["message"] == "Quota exceeded for resources: ['floatingip']."
        address = (await made.json())["floatingip"]["id"]
        await user.ask(f"{ADDRESSES}/{address}", method="DELETE")
        assert (await user.post(ADDRESSES, body)).status == 201


@pytest.mark.parametrize(
    ("wanted", "status", "text"),
    [
        ({}, 400, "missing required field `floating_network_id`"),
        ({"floating_network_id": NOBODYS}, 400, "is not a valid external network."),
        ({"floating_network_id": "own"}, 400, "is not a valid external network."),
        ({"port_id": NOBODYS}, 404, f"Port {NOBODYS} could not be found."),
        ({"port_id": "taken"}, 409, "already has a floating IP on"),
        ({"port_id": "shared"}, 404, "is not reachable from subnet"),
    ],
)
async def test_request_for_a_floating_address_is_checked(
    wanted: dict[str, str], status: int, text: str
) -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        own, shared = astronomy(cloud).network, cloud.world.shared
        assert own is not None
        assert shared is not None
        taken = (await vm_of(cloud, user)).ports[0].id
        network = {"floating_network_id": outside(cloud)}
        await user.post(ADDRESSES, {"floatingip": {**network, "port_id": taken}})
        of_shared = (await vm_of(cloud, user, networks=[{"uuid": shared.id}])).ports[0].id
        ids = {"own": own.id, "taken": taken, "shared": of_shared}
        body = {key: ids.get(value, value) for key, value in wanted.items()}
        body = {**network, **body} if body else body
        before = astronomy(cloud).used["floatingip"]
        refused = await user.post(ADDRESSES, {"floatingip": body})
        error = (await refused.json())["NeutronError"]
        assert refused.status == status
        assert text in error["message"]
        assert astronomy(cloud).used["floatingip"] == before


async def test_network_without_a_free_address_gives_none() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        assert cloud.world.external is not None
        subnet = cloud.world.external.subnets[0]
        subnet.taken |= set(range(1, subnet.total + 2))
        refused = await user.post(ADDRESSES, {"floatingip": {"floating_network_id": outside(cloud)}})
        assert refused.status == 409
        assert "No more IP addresses available on network" in await refused.text()


async def test_floating_address_of_others_is_unknown_and_readers_may_make_none() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user, client(cloud, "reader") as reader:
        others = next(one for one in cloud.world.floating_ips if one.project.name != "astronomy")
        refused = await user.ask(f"{ADDRESSES}/{others.id}", method="DELETE")
        assert refused.status == 404
        assert f"Floating IP {others.id} could not be found" in await refused.text()
        assert (await user.post(ADDRESSES, {})).status == 400
        refused = await reader.post(ADDRESSES, {"floatingip": {"floating_network_id": outside(cloud)}})
        assert refused.status == 403
        assert "rule:create_floatingip is disallowed by policy" in await refused.text()


async def test_reader_may_not_delete_a_floating_address_of_the_project() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin, client(cloud, "reader") as reader:
        body = {"floatingip": {"floating_network_id": outside(cloud)}}
        made = (await (await admin.post(ADDRESSES, body)).json())["floatingip"]
        refused = await reader.ask(f"{ADDRESSES}/{made['id']}", method="DELETE")
        assert (refused.status, made["id"] in cloud.world.floating_ips) == (403, True)


async def test_churn_goes_on_when_a_user_deletes_the_addresses_that_it_uses() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        cloud.after(1800)
        for one in list(cloud.world.floating_ips):
            assert (await admin.ask(f"{ADDRESSES}/{one.id}", method="DELETE")).status == 204
        for _ in range(12):
            cloud.after(600)
            assert_consistent(cloud.world)
