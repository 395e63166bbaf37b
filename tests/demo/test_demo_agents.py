"""Agents of layer 3 and the routers that they have; what the embedded cloud has none of."""

import pytest

from demo.client import client
from support.demo_cloud import demo_cloud

AGENTS = "/network/v2.0/agents"


async def test_each_router_is_with_one_agent_of_the_host_that_its_ports_are_on() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        found = {}
        for agent in (await admin.get(f"{AGENTS}?agent_type=L3 agent"))["agents"]:
            for router in (await admin.get(f"{AGENTS}/{agent['id']}/l3-routers"))["routers"]:
                assert router["id"] not in found
                found[router["id"]] = agent["host"]
        assert found == {one.id: one.gateway.host for one in cloud.world.routers}
        assert len(set(found.values())) == 2


async def test_agent_of_another_kind_has_no_routers() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        (agent, *_) = (await admin.get(f"{AGENTS}?agent_type=DHCP agent"))["agents"]
        assert (await admin.get(f"{AGENTS}/{agent['id']}/l3-routers")) == {"routers": []}


async def test_no_agent_and_no_administrator_have_no_routers_to_list() -> None:
    async with demo_cloud() as cloud, client(cloud) as admin, client(cloud, "user1") as user:
        (agent, *_) = (await admin.get(f"{AGENTS}?agent_type=L3 agent"))["agents"]
        assert (await admin.ask(f"{AGENTS}/nope/l3-routers")).status == 404
        assert (await user.ask(f"{AGENTS}/{agent['id']}/l3-routers")).status == 404


@pytest.mark.parametrize(
    ("path", "key"), [("/identity/v3/groups", "groups"), ("/network/v2.0/subnetpools", "subnetpools")]
)
async def test_lists_of_what_it_has_none_of_are_empty(path: str, key: str) -> None:
    async with demo_cloud() as cloud, client(cloud) as admin:
        assert (await admin.get(path))[key] == []


async def test_groups_are_for_administrators_alone() -> None:
    async with demo_cloud() as cloud, client(cloud, "user1") as user:
        assert (await user.ask("/identity/v3/groups")).status == 403
