"""Objects one by one: what each service's list is read as, what is asked, what the bound and errors do."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stratoscope.clouds import objects
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.each import object_list
from stratoscope.clouds.openstack.each.table import LISTS, EachObject
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import PROJECT, Answer, FakeApi

GIB = 2**30
RECORDED = Path(__file__).parents[2] / "fixtures" / "openstack" / "recorded"
OTHER = "33333333333333333333333333333333"
BY_NAME = {one.name: one for one in LISTS}
LEAST: Mapping[str, dict[str, Any]] = {
    "each_router": {"id": "r", "status": "ACTIVE"},
    "each_port": {"id": "o", "status": "DOWN", "network_id": "n"},
    "each_floating_ip": {
        "id": "f", "status": "DOWN", "floating_ip_address": "198.51.100.7", "floating_network_id": "n",
    },
    "each_network": {"id": "n", "status": "ACTIVE"},
    "each_subnet": {"id": "s", "network_id": "n", "ip_version": 4, "cidr": "10.0.0.0/24"},
    "each_subnet_pool": {"id": "p", "ip_version": 4, "prefixes": ["10.0.0.0/24"]},
    "each_volume": {"id": "v", "status": "error"},
    "each_image": {"id": "i", "status": "queued"},
    "each_keystone_domain": {"id": "d", "name": "D"},
    "each_project": {"id": "p", "name": "P"},
}  # fmt: skip
"""The least that an item of each list can say."""


def cloud(name: str, *pages: Answer) -> FakeApi:
    """Args: pages: Of the list that the question asks for; the same for each of its queries."""
    listing = BY_NAME[name].listing
    return FakeApi({(listing.service, listing.path): pages if len(pages) > 1 else pages[0]})


async def told(name: str, *items: dict[str, Any]) -> objects.Each:
    """The answer for these items, on one page; hidden images are no others."""
    body = {BY_NAME[name].listing.key: [LEAST[name] | item for item in items]}
    api = cloud(name, body)
    if name == "each_image":
        api.answers["image", "/v2/images?os_hidden=true"] = {"images": []}
    return await BY_NAME[name].read(api)


async def test_router_has_its_external_network_and_whether_it_is_switched_on() -> None:
    body = {
        "id": "r1", "name": "edge", "project_id": "p1", "admin_state_up": False, "status": "ACTIVE",
        "external_gateway_info": {"network_id": "n9", "external_fixed_ips": []}, "ha": True,
        "distributed": False,
    }  # fmt: skip
    assert (await told("each_router", body, {"id": "r2", "external_gateway_info": None})).objects == (
        objects.Router("r1", "edge", "p1", "n9", True, False, "ACTIVE", False),
        objects.Router("r2", "", "", "", None, None, "ACTIVE", None),
    )


async def test_port_of_a_vm_has_its_id_and_that_of_another_device_has_none() -> None:
    vm = {
        "id": "o1", "name": "eth0", "project_id": "p1", "admin_state_up": True, "status": "ACTIVE",
        "device_owner": "compute:az1", "device_id": "vm-1", "mac_address": "fa:16:3e:00:00:01",
        "fixed_ips": [
            {"subnet_id": "s1", "ip_address": "10.0.0.5"}, {"subnet_id": "s2", "ip_address": "::5"},
        ],
        "binding:host_id": "node1", "binding:vif_type": "ovs",
    }  # fmt: skip
    router = {"id": "o2", "device_owner": "network:router_gateway", "device_id": "r1", "fixed_ips": []}
    first, second = (await told("each_port", vm, router)).objects
    assert first == objects.Port(
        "o1", "eth0", "p1", "n", "vm-1", "compute:az1", "vm-1", "fa:16:3e:00:00:01", "node1", "ovs", "ACTIVE",
        True, (objects.PortAddress("s1", "10.0.0.5"), objects.PortAddress("s2", "::5")),
    )  # fmt: skip
    assert isinstance(second, objects.Port)
    assert (second.vm_id, second.device_owner, second.device_id) == ("", "network:router_gateway", "r1")


async def test_floating_ip_tells_where_it_leads() -> None:
    body = {"router_id": "r1", "port_id": "o1", "fixed_ip_address": "10.0.0.5", "project_id": "p1"}
    assert (await told("each_floating_ip", body, {"id": "g", "port_id": None})).objects == (
        objects.FloatingIP("f", "198.51.100.7", "p1", "n", "r1", "o1", "10.0.0.5", "DOWN"),
        objects.FloatingIP("g", "198.51.100.7", "", "n", "", "", "", "DOWN"),
    )


async def test_network_has_mtu_and_what_its_provider_calls_it() -> None:
    body = {
        "name": "inside", "project_id": "p1", "admin_state_up": False, "shared": True,
        "router:external": False,
        "mtu": 1450, "provider:network_type": "vlan", "provider:physical_network": "physnet1",
        "provider:segmentation_id": 0,
    }  # fmt: skip
    assert (await told("each_network", body)).objects == (
        objects.Network("n", "inside", "p1", True, False, "vlan", "physnet1", "0", "ACTIVE", False, 1450),
    )


@pytest.mark.parametrize(("segment", "shown"), [(183, "183"), ("183", "183"), (None, "")])
async def test_segment_of_a_network_is_shown_as_it_is(segment: object, shown: str) -> None:
    (one,) = (await told("each_network", {"provider:segmentation_id": segment})).objects
    assert isinstance(one, objects.Network)
    assert one.provider_segmentation_id == shown


@pytest.mark.parametrize("gateway", [None, {}, {"network_id": None}])
async def test_router_that_leads_nowhere_has_no_external_network(gateway: object) -> None:
    (one,) = (await told("each_router", {"external_gateway_info": gateway})).objects
    assert isinstance(one, objects.Router)
    assert one.network_id == ""


@pytest.mark.parametrize(
    ("name", "field", "unknown"),
    [
        ("each_port", "fixed_ips", objects.PortAddress("", "")),
        ("each_subnet", "dns_nameservers", objects.Nameserver("")),
        ("each_volume", "attachments", objects.Attachment("", "", "")),
    ],
)
async def test_parts_that_are_not_told_are_not_said_to_be_none(
    name: str, field: str, unknown: object
) -> None:
    """Else a port of which nothing is known would be one without an address."""
    for value, parts in ((None, (unknown,)), (7, (unknown,)), ([], ())):
        read = await told(name, {field: value})
        (one,) = read.objects
        assert (one.parts, read.malformed) == (parts, int(value == 7))  # type: ignore[attr-defined]  # each of them has


async def test_volume_whose_size_is_not_told_has_none() -> None:
    (one,) = (await told("each_volume", {"size": None})).objects
    assert isinstance(one, objects.Volume)
    assert one.size is None


async def test_subnet_has_its_prefix_and_how_many_addresses_that_has() -> None:
    first = {
        "name": "v4", "project_id": "p1", "subnetpool_id": "sp", "gateway_ip": "10.0.0.1",
        "enable_dhcp": False,
        "dns_nameservers": ["10.0.0.2", "10.0.0.3"],
    }  # fmt: skip
    second = {
        "id": "t", "ip_version": 6, "cidr": "2001:db8::/64", "gateway_ip": None, "dns_nameservers": [],
    }  # fmt: skip
    servers = (objects.Nameserver("10.0.0.2"), objects.Nameserver("10.0.0.3"))
    assert (await told("each_subnet", first, second)).objects == (
        objects.Subnet(
            "s", "v4", "p1", "n", "sp", "4", "10.0.0.0/24", "10.0.0.1", False, 256.0, servers
        ),
        objects.Subnet("t", "", "", "n", "", "6", "2001:db8::/64", "", None, 2.0**64, ()),
    )  # fmt: skip


@pytest.mark.parametrize(("length", "shown"), [(26, "26"), ("26", "26"), (None, "")])
async def test_subnet_pool_adds_up_its_prefixes(length: object, shown: str) -> None:
    body = {
        "name": "tens",
        "shared": True,
        "prefixes": ["10.0.0.0/24", "10.1.0.0/23"],
        "default_prefixlen": length,
    }
    prefixes = (objects.Prefix("10.0.0.0/24"), objects.Prefix("10.1.0.0/23"))
    assert (await told("each_subnet_pool", body)).objects == (
        objects.SubnetPool("p", "tens", "", "4", True, shown, 768.0, prefixes),
    )


async def test_volume_has_its_size_in_bytes_its_backend_and_its_vms() -> None:
    body = {
        "name": "data", "os-vol-tenant-attr:tenant_id": "p1", "user_id": "u1", "availability_zone": "nova",
        "os-vol-host-attr:host": "store1@thin#hdd", "volume_type": "ssd", "bootable": "true",
        "encrypted": False,
        "multiattach": True, "size": 2, "created_at": "2026-11-22T00:00:00.000000",
        "attachments": [
            {"server_id": "vm-1", "host_name": "node1", "device": "/dev/vdb"}, {"server_id": "vm-2"},
        ],
    }  # fmt: skip
    attached = (objects.Attachment("vm-1", "node1", "/dev/vdb"), objects.Attachment("vm-2", "", ""))
    assert (await told("each_volume", body)).objects == (
        objects.Volume(
            "v", "data", "p1", "u1", "nova", "store1@thin#hdd", "ssd", True, False, True, "error", 2 * GIB,
            1795305600.0, attached,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("word", "is_bootable"), [("true", True), ("false", False), (True, True), (None, None)]
)
async def test_volume_says_as_text_whether_it_boots(word: object, is_bootable: bool | None) -> None:
    (one,) = (await told("each_volume", {"bootable": word})).objects
    assert isinstance(one, objects.Volume)
    assert one.is_bootable is is_bootable


async def test_images_are_of_every_visibility_the_hidden_ones_too() -> None:
    community, old = (
        {"id": "c", "status": "active", "visibility": "community"},
        {"id": "o", "status": "active"},
    )
    api = cloud("each_image", {"images": [community]})
    api.answers["image", "/v2/images?os_hidden=true"] = {"images": [old | {"os_hidden": True, "size": 7}]}
    assert (await BY_NAME["each_image"].read(api)).objects == (
        objects.Image("c", "", "", "community", None, None, "", "", "active", None, None),
        objects.Image("o", "", "", "", True, None, "", "", "active", 7, None),
    )
    assert [dict(call.params).get("visibility") for call in api.calls] == ["all", "all"]


async def test_image_that_is_hidden_while_the_lists_are_read_is_told_once() -> None:
    api = cloud("each_image", {"images": [LEAST["each_image"] | {"os_hidden": False}]})
    api.answers["image", "/v2/images?os_hidden=true"] = {
        "images": [LEAST["each_image"] | {"os_hidden": True}]
    }
    (one,) = (await BY_NAME["each_image"].read(api)).objects
    assert isinstance(one, objects.Image)
    assert one.is_hidden


async def test_domain_and_project_have_their_descriptions_and_tags() -> None:
    domain = {"description": "Everybody", "enabled": True}
    assert (await told("each_keystone_domain", domain, {"id": "e", "enabled": None})).objects == (
        objects.KeystoneDomain("d", "D", "Everybody", "enabled"),
        objects.KeystoneDomain("e", "D", "", ""),
    )
    project = {
        "domain_id": "d",
        "parent_id": "d",
        "description": "x" * 5000,
        "enabled": False,
        "tags": ["a", "b"],
    }
    assert (await told("each_project", project)).objects == (
        objects.Project("p", "P", "d", "d", "x" * 5000, "disabled", (objects.Tag("a"), objects.Tag("b"))),
    )


@pytest.mark.parametrize("name", LEAST)
async def test_object_that_says_the_least_is_told(name: str) -> None:
    read = await told(name, {})
    assert len(read.objects) == 1
    assert (read.malformed, read.beyond) == (0, 0)
    assert type(read.objects[0]) is read.kind is BY_NAME[name].fields.kind
    assert read.collector == name


@pytest.mark.parametrize("name", LEAST)
async def test_object_that_makes_no_sense_costs_itself_alone(name: str) -> None:
    read = await told(name, {"id": None}, {})
    assert (len(read.objects), read.malformed) == (1, 1)


@pytest.mark.parametrize("name", LEAST)
async def test_a_list_of_which_nothing_makes_sense_fails(name: str) -> None:
    with pytest.raises(CollectError) as caught:
        await told(name, {"id": None})
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("name", LEAST)
async def test_no_objects_are_none(name: str) -> None:
    assert (await told(name)).objects == ()


async def test_subnet_whose_prefix_is_none_costs_itself() -> None:
    read = await told("each_subnet", {"id": "a", "cidr": "10.0.0/33"}, {})
    assert (len(read.objects), read.malformed) == (1, 1)


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize("error", [ForbiddenError("403"), CollectError(Reason.UNAVAILABLE, "503")])
async def test_source_that_refuses_or_is_down_says_so(name: str, error: Exception) -> None:
    with pytest.raises(type(error)):
        await BY_NAME[name].read(cloud(name, error))


async def test_objects_beyond_the_bound_are_counted_and_those_told_first_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_list, "MOST", 2)
    read = await told("each_router", *({"id": f"r{number}"} for number in range(5)))
    assert [one.router_id for one in read.objects if isinstance(one, objects.Router)] == ["r0", "r1"]
    assert read.beyond == 3


async def test_pages_are_put_together() -> None:
    pages = [{"routers": [LEAST["each_router"] | {"id": one}]} for one in ("a", "b")]
    assert len((await BY_NAME["each_router"].read(cloud("each_router", *pages))).objects) == 2


@pytest.mark.parametrize(
    ("name", "own", "others"),
    [
        ("each_router", {"project_id": PROJECT}, {"project_id": OTHER}),
        ("each_floating_ip", {"project_id": PROJECT}, {"project_id": OTHER}),
        ("each_port", {"project_id": OTHER}, {"project_id": OTHER, "binding:host_id": ""}),
        ("each_network", {"project_id": OTHER, "shared": True}, {"project_id": OTHER, "shared": False}),
        ("each_network", {"project_id": OTHER, "router:external": True}, {"project_id": OTHER}),
        ("each_volume", {"os-vol-tenant-attr:tenant_id": PROJECT}, {"os-vol-tenant-attr:tenant_id": OTHER}),
        ("each_image", {"owner": OTHER, "visibility": "shared"}, {"owner": OTHER, "visibility": "private"}),
    ],
)
async def test_what_is_hidden_from_others_tells_that_all_are_seen(
    name: str, own: dict[str, Any], others: dict[str, Any]
) -> None:
    for item, is_whole in ((own, False), (others, True)):
        api = cloud(name, {BY_NAME[name].listing.key: [LEAST[name] | item]})
        api.be(roles=frozenset({"member"}))
        assert (await BY_NAME[name].read(api)).is_whole is is_whole


@pytest.mark.parametrize("is_truncated", [True, False])
async def test_projects_that_keystone_cuts_are_not_all(is_truncated: bool) -> None:
    body = {"projects": [LEAST["each_project"]], "links": {"next": None}, "truncated": is_truncated}
    read = await BY_NAME["each_project"].read(cloud("each_project", body))
    assert (len(read.objects), read.is_whole) == (1, not is_truncated)


@pytest.mark.parametrize("name", ["each_project", "each_keystone_domain"])
@pytest.mark.parametrize(
    ("access", "is_whole"),
    [
        ({"domain_id": "default"}, False),
        ({"is_system": True, "roles": frozenset({"reader"})}, True),
        ({"roles": frozenset({"manager"}), "project_id": PROJECT}, False),
    ],
    ids=["domain", "system", "manager"],
)
async def test_what_keystone_lists_is_all_by_the_scope_of_the_token(
    name: str, access: dict[str, Any], is_whole: bool
) -> None:
    api = cloud(name, {BY_NAME[name].listing.key: [LEAST[name]]})
    api.be(**{"project_id": ""} | access)
    assert (await BY_NAME[name].read(api)).is_whole is is_whole


EXTENSIONS = {
    "each_router": "router", "each_floating_ip": "router", "each_subnet_pool": "subnet_allocation",
    "router_agents": "agent",
}  # fmt: skip


@pytest.mark.parametrize("name", EXTENSIONS)
async def test_what_neutron_has_no_extension_for_is_absent_and_else_a_404_is_a_failure(name: str) -> None:
    DEADLINE.set(time.monotonic() + 60)
    path = "/v2.0/agents" if name == "router_agents" else BY_NAME[name].listing.path
    for aliases, expected in (((EXTENSIONS[name],), NotThereError), (("quotas",), LeftOutError)):
        loaded = {"extensions": [{"alias": alias} for alias in aliases]}
        api = FakeApi({("network", path): NotThereError("404"), ("network", "/v2.0/extensions"): loaded})
        with pytest.raises(expected) as caught:
            await EachObject(api).fetches()[name]()
        if isinstance(caught.value, LeftOutError):
            assert caught.value.reason is LeftOut.ABSENT


async def test_neutron_without_a_scheduler_of_routers_has_no_agents_to_ask() -> None:
    api = of_agents(a1=NotThereError("404"), a2=NotThereError("404"))
    api.answers["network", "/v2.0/extensions"] = {"extensions": [{"alias": "agent"}]}
    with pytest.raises(LeftOutError) as caught:
        await router_agents(api)
    assert caught.value.reason is LeftOut.ABSENT


async def test_neutron_is_asked_for_what_is_shown_alone() -> None:
    api = cloud("each_subnet_pool", {"subnetpools": []})
    await BY_NAME["each_subnet_pool"].read(api)
    assert api.calls[0].params == [
        ("limit", "1000"),
        *(
            ("fields", name)
            for name in ("id", "ip_version", "prefixes", "name", "project_id", "shared", "default_prefixlen")
        ),
    ]


def test_nothing_is_asked_unless_the_configuration_says_so() -> None:
    questions = EachObject.questions()
    assert [question.name for question in questions] == [*BY_NAME, "router_agents"]
    assert not any(question.is_on for question in questions)


AGENTS = {"agents": [{"id": "a1", "host": "net1"}, {"id": "a2", "host": "net2"}]}


def of_agents(**answers: Answer) -> FakeApi:
    """Neutron with two agents; `answers` is what they have."""
    api = FakeApi({("network", "/v2.0/agents"): AGENTS})
    for agent in ("a1", "a2"):
        api.answers["network", f"/v2.0/agents/{agent}/l3-routers"] = answers.get(agent, {"routers": []})
    return api


async def router_agents(api: FakeApi) -> objects.Each:
    DEADLINE.set(time.monotonic() + 60)
    read: objects.Each = await EachObject(api).fetches()["router_agents"]()
    return read


async def test_agents_are_asked_one_by_one_for_their_routers() -> None:
    api = of_agents(a1={"routers": [{"id": "r1"}, {"id": "r2"}]}, a2={"routers": [{"id": "r1"}]})
    read = await router_agents(api)
    assert sorted(read.objects, key=str) == [
        objects.RouterAgent("r1", "net1"),
        objects.RouterAgent("r1", "net2"),
        objects.RouterAgent("r2", "net1"),
    ]
    assert read.spread is not None
    assert (read.spread.items, read.spread.known) == (2, 2)
    assert [call.path for call in api.calls] == [
        "/v2.0/agents", "/v2.0/agents/a1/l3-routers", "/v2.0/agents/a2/l3-routers",
    ]  # fmt: skip
    assert ("agent_type", "L3 agent") in api.calls[0].params


async def test_agent_that_fails_costs_itself() -> None:
    api = of_agents(a1=CollectError(Reason.MALFORMED, "no JSON"), a2={"routers": [{"id": "r1"}]})
    read = await router_agents(api)
    assert (read.objects, read.malformed) == ((objects.RouterAgent("r1", "net2"),), 1)


async def test_no_agents_are_none_for_an_admin_and_no_right_to_see_them_for_others() -> None:
    api = FakeApi({("network", "/v2.0/agents"): {"agents": []}})
    assert (await router_agents(api)).objects == ()
    api.be(roles=frozenset({"reader"}))
    with pytest.raises(LeftOutError) as caught:
        await router_agents(api)
    assert caught.value.reason is LeftOut.UNAUTHORIZED


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("each_router", "network_v2.0_agents_AGENT_l3-routers"),
        ("each_port", "network_v2.0_ports"),
        ("each_network", "network_v2.0_networks"),
        ("each_subnet", "network_v2.0_subnets"),
        ("each_image", "image_v2_images_limit_1000"),
        ("each_keystone_domain", "identity_domains"),
        ("each_project", "identity_projects"),
    ],
)
async def test_whole_items_of_a_real_cloud_make_sense(name: str, file: str) -> None:
    body: dict[str, Any] = msgspec.json.decode((RECORDED / f"{file}.json").read_bytes())["body"]
    read = await BY_NAME[name].read(cloud(name, body))
    items = body[BY_NAME[name].listing.key]
    assert (read.malformed, len(read.objects)) == (0, len(items))
    assert items
