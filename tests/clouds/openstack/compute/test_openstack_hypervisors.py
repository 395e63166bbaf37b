"""Nova's hosts."""

import asyncio
from typing import Any

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.model import Host, Hosts, Resource
from stratoscope.clouds.openstack.compute.hypervisors import Hypervisors, Node
from stratoscope.clouds.openstack.compute.servers import Servers
from stratoscope.clouds.openstack.placement.providers import Inventory, Part, Providers, Row
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.cloud_vms import vm
from support.fake_api import Answer, FakeApi
from support.openstack_answers import answer, spoilt
from support.owners import owners

GIB, MIB = 2**30, 2**20
FAKE2 = "e2f8f2f9-f31b-47fe-8f30-f8d1b43935c0"


def nova(hypervisors: Answer, services: Answer | None = None) -> FakeApi:
    return FakeApi(
        {
            ("compute", "/os-hypervisors/detail"): hypervisors,
            ("compute", "/os-services"): services or answer("compute_services"),
        }
    )


def reader(api: FakeApi, providers: Providers | None = None) -> Hypervisors:
    return Hypervisors(api, Servers(api, owners()), providers or Providers())


def one_of(hosts: Hosts, name: str) -> Host:
    return next(host for host in hosts.hosts if host.host == name)


async def test_host_comes_with_what_nova_counts_of_it() -> None:
    api = nova(answer("hypervisors"))
    read = await reader(api).read()
    assert (read.states, read.malformed) == (("up", "down"), 0)
    assert one_of(read, "fake2") == Host(
        "fake2", "az1", "up", True, "", "fake", "1000", 4, 0, 0,
        {
            "vcpus": Resource(64, None, None, 4),
            "memory": Resource(262144 * MIB, None, None, 2240 * MIB),
            "disk": Resource(4096 * GIB, None, None, 23 * GIB),
        },
    )  # fmt: skip
    assert {host.host: host.zone for host in read.hosts} == {
        "fake1": "az1", "fake2": "az1", "fake3": "small", "fake4": "broken",
    }  # fmt: skip


async def test_list_is_asked_for_in_the_version_that_asks_no_host() -> None:
    api = nova(answer("hypervisors"))
    await reader(api).read()
    assert [(call.operation, call.version, dict(call.params)) for call in api.calls] == [
        ("hypervisors", "2.53", {"limit": "1000"}),
        ("services", "2.96", {}),
    ]


async def test_host_that_is_down_and_taken_out_tells_why() -> None:
    hypervisors = spoilt("hypervisors", "hypervisors", field="state", value="down")
    hypervisors["hypervisors"][0] |= {"status": "disabled", "disk_available_least": None}
    hypervisors["hypervisors"][0]["service"]["disabled_reason"] = "new memory"
    host = one_of(await reader(nova(hypervisors)).read(), "fake2")
    assert (host.state, host.is_enabled, host.reason, host.disk_available_least) == (
        "down", False, "new memory", None,
    )  # fmt: skip


async def test_host_keeps_its_state_however_much_an_administrator_wrote() -> None:
    hypervisors = answer("hypervisors")
    hypervisors["hypervisors"][0]["service"]["disabled_reason"] = "why " * 1000
    read = await reader(nova(hypervisors)).read()
    assert (read.malformed, one_of(read, "fake2").reason) == (0, "why " * 1000)


async def test_host_with_several_nodes_is_all_of_them() -> None:
    hypervisors = answer("hypervisors")
    for hypervisor in hypervisors["hypervisors"]:
        hypervisor["service"]["host"] = "ironic"
    (host,) = (await reader(nova(hypervisors)).read()).hosts
    assert host.resources["vcpus"].total == 64 + 64 + 10 + 1000
    assert host.vms == sum(hypervisor["running_vms"] for hypervisor in hypervisors["hypervisors"])


async def test_node_that_a_host_had_before_it_was_renamed_counts_for_nothing() -> None:
    hypervisors = answer("hypervisors")
    old, new = hypervisors["hypervisors"][:2]
    hypervisors["hypervisors"] = [old, new]
    for row in (old, new):
        row |= {"hypervisor_type": "QEMU", "service": new["service"]}
    hosts = reader(nova(hypervisors))
    read = await hosts.read()
    assert [host.host for host in read.hosts] == [new["service"]["host"]]
    assert (read.hosts[0].resources["vcpus"].total, read.malformed) == (new["vcpus"], 1)
    nodes = await hosts.nodes(60)
    assert (nodes[old["id"]].is_left_over, nodes[new["id"]].is_left_over) == (True, False)


@pytest.mark.parametrize(("states", "counts"), [(("up", "down"), 0), (("down", "up"), 1), (("up", "up"), 1)])
async def test_of_two_rows_of_a_host_that_counts_which_is_up_or_else_the_last(
    states: tuple[str, str], counts: int
) -> None:
    """Several cells are listed one after the other, whichever row was added last."""
    hypervisors = answer("hypervisors")
    rows = hypervisors["hypervisors"] = hypervisors["hypervisors"][:2]
    service = rows[0]["service"]
    for row, state in zip(rows, states, strict=True):
        row |= {"hypervisor_type": "QEMU", "service": service, "state": state}
    hosts = reader(nova(hypervisors))
    read = await hosts.read()
    assert ([host.state for host in read.hosts], read.malformed) == (["up"], 1)
    nodes = await hosts.nodes(60)
    assert [nodes[row["id"]].is_left_over for row in rows] == [counts == 1, counts == 0]


async def test_sizes_that_nova_does_not_tell_are_placements_where_they_are_known() -> None:
    providers = Providers()
    providers.found([Row(FAKE2, "fake2", 7)], 1.0)
    providers[FAKE2].inventories = {"VCPU": Inventory(64, 2, allocation_ratio=4.0)}
    providers[FAKE2].usages = {"VCPU": 4}
    for part in Part:
        providers[FAKE2].was_read(part, 7, 1.0)
    read = await reader(nova(answer("hypervisors_2_96")), providers).read()
    resources = one_of(read, "fake2").resources
    assert {name: (one.total, one.allocated) for name, one in resources.items()} == {"vcpus": (64, 4)}
    assert one_of(read, "fake1").resources == {}
    assert one_of(read, "fake2").vms is None


async def test_host_without_a_service_in_the_list_has_no_zone() -> None:
    read = await reader(nova(answer("hypervisors"), {"services": []})).read()
    assert {host.zone for host in read.hosts} == {""}


async def test_hosts_are_shown_without_a_zone_where_services_may_not_be_read() -> None:
    hosts = reader(nova(answer("hypervisors"), ForbiddenError("403")))
    read = await hosts.read()
    assert ({host.zone for host in read.hosts}, len(read.hosts)) == ({""}, 4)
    assert (await hosts.nodes(60))[FAKE2] == Node("fake2", "", takes_vms=True)


async def test_hypervisor_that_makes_no_sense_costs_itself_alone() -> None:
    hypervisors = spoilt("hypervisors", "hypervisors", field="service", value=None)
    read = await reader(nova(hypervisors)).read()
    assert (len(read.hosts), read.malformed) == (3, 1)


async def test_fewer_than_none_are_not_shown_of_a_host_but_of_what_may_be_overdrawn() -> None:
    body = spoilt("hypervisors", "hypervisors", field="vcpus_used", value=-1)
    first = body["hypervisors"][0]
    first |= {"running_vms": -1, "disk_available_least": -1}
    read = await reader(nova(body)).read()
    host = one_of(read, first["service"]["host"])
    assert (host.resources["vcpus"].allocated, host.vms, read.malformed) == (None, None, 2)
    assert (host.resources["vcpus"].total, host.disk_available_least) == (first["vcpus"], -GIB)


async def test_no_hypervisors_for_an_admin_are_none() -> None:
    assert (await reader(nova({"hypervisors": []})).read()).hosts == ()


async def test_no_hypervisors_without_the_role_is_no_right_to_see_them() -> None:
    api = nova({"hypervisors": []})
    api.be(roles=frozenset({"reader"}))
    with pytest.raises(LeftOutError) as caught:
        await reader(api).read()
    assert caught.value.reason is LeftOut.UNAUTHORIZED


async def test_no_hypervisors_but_servers_on_hosts_is_no_right_to_see_them() -> None:
    api = nova({"hypervisors": []})
    servers = Servers(api, owners())
    servers.index.put(vm(host="node1"))
    with pytest.raises(LeftOutError, match="servers are on hosts") as caught:
        await Hypervisors(api, servers, Providers()).read()
    assert caught.value.reason is LeftOut.UNAUTHORIZED


@pytest.mark.parametrize("error", [ForbiddenError("403"), CollectError(Reason.UNAVAILABLE, "503")])
async def test_source_that_refuses_or_is_down_says_so(error: Exception) -> None:
    with pytest.raises(type(error)):
        await reader(nova(error)).read()


async def test_nodes_are_read_once_for_all_who_ask_until_they_are_old() -> None:
    api, now = nova(answer("hypervisors")), [0.0]
    hypervisors = Hypervisors(
        api, Servers(api, owners()), Providers(), Clock(monotonic=lambda: now[0], now=lambda: 0.0)
    )
    nodes = await hypervisors.nodes(60)
    assert nodes[FAKE2] == Node("fake2", "az1", takes_vms=True)
    now[0] = 60.0
    assert await hypervisors.nodes(60) == nodes
    assert len(api.calls) == 2
    now[0] = 100.0
    await hypervisors.nodes(60)
    assert len(api.calls) == 4


async def test_list_of_services_is_read_once_for_both_questions() -> None:
    api = nova(answer("hypervisors"))
    hypervisors = reader(api)
    await asyncio.gather(hypervisors.services.read(), hypervisors.read())
    assert sorted(call.operation for call in api.calls) == ["hypervisors", "services"]


async def test_host_that_was_added_since_the_last_list_of_services_has_its_zone_at_once() -> None:
    services = answer("compute_services")
    fewer = [one for one in services["services"] if one["host"] != "fake2"]
    api = nova(answer("hypervisors"), {"services": fewer})
    now = [0.0]
    clock = Clock(monotonic=lambda: now[0])
    hypervisors = Hypervisors(api, Servers(api, owners()), Providers(), clock)
    await hypervisors.services.read()
    now[0], api.answers["compute", "/os-services"] = 30.0, services
    assert one_of(await hypervisors.read(), "fake2").zone == "az1"


async def test_zone_of_a_host_is_that_of_its_compute() -> None:
    services = answer("compute_services")
    services["services"].append({**services["services"][0], "host": "fake2"})
    assert one_of(await reader(nova(answer("hypervisors"), services)).read(), "fake2").zone == "az1"


@pytest.mark.parametrize("change", [{"state": "down"}, {"status": "disabled"}])
async def test_node_that_is_down_or_taken_out_takes_no_vms(change: dict[str, Any]) -> None:
    hypervisors = answer("hypervisors")
    hypervisors["hypervisors"][0] |= change
    assert not (await reader(nova(hypervisors)).nodes(60))[FAKE2].takes_vms


def test_question_says_what_it_costs() -> None:
    (question,) = Hypervisors.questions()
    assert (question.name, question.answer, question.role) == ("hypervisors", Hosts, "admin")
