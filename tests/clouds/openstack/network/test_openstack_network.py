"""Neutron's agents, and its objects counted."""

import time

import pytest

from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.model import Count, Service
from stratoscope.clouds.openstack.network.objects import Network
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import Answer, FakeApi
from support.openstack_answers import answer, spoilt

PROJECT1 = "f0940456145b4fdf82c3a013b30c907c"
ADMIN = "9151fbaa1f3f487dbfa32f505693c489"
PLAIN = frozenset({"member"})
LISTS = {
    "ports": "ports",
    "routers": "routers",
    "floating_ips": "floatingips",
    "networks": "networks",
}
"""The key and the path of each sort's list."""


def neutron(**changed: Answer) -> FakeApi:
    """For an admin. Args: changed: Answers by the last part of their path."""
    answers: dict[str, Answer] = {name: answer(name) for name in ("agents", *LISTS.values())} | changed
    return FakeApi({("network", f"/v2.0/{name}"): body for name, body in answers.items()})


async def test_agents_come_with_their_heartbeat_and_what_was_meant() -> None:
    agents = answer("agents")
    agents["agents"][0] |= {
        "binary": "neutron-l3-agent", "host": "fake9", "admin_state_up": False, "alive": False,
        "availability_zone": None, "heartbeat_timestamp": "2026-11-22 00:00:00", "description": "moved",
    }  # fmt: skip
    read = await Network(neutron(agents=agents)).agents()
    assert len(read.services) == 7
    assert read.services[0] == Service(
        "network", "neutron-l3-agent", "fake9", "", False, False, "moved", 1795305600.0
    )
    assert {agent.zone for agent in read.services[1:]} == {"nova"}
    assert all(agent.is_up and agent.is_enabled and not agent.reason for agent in read.services[1:])


async def test_description_of_an_agent_that_is_enabled_is_no_reason() -> None:
    agents = spoilt("agents", "agents", field="description", value="rack 7")
    assert (await Network(neutron(agents=agents)).agents()).services[0].reason == ""


async def test_agent_without_heartbeat_has_none() -> None:
    agents = answer("agents")
    del agents["agents"][0]["heartbeat_timestamp"]
    assert (await Network(neutron(agents=agents)).agents()).services[0].heartbeat is None


async def test_no_agents_without_the_role_is_no_right_to_see_them() -> None:
    api = neutron(agents={"agents": []})
    api.be(roles=frozenset({"reader"}))
    with pytest.raises(LeftOutError) as caught:
        await Network(api).agents()
    assert caught.value.reason is LeftOut.UNAUTHORIZED


async def test_no_agents_for_an_admin_are_none() -> None:
    assert (await Network(neutron(agents={"agents": []})).agents()).services == ()


async def test_no_agents_but_ports_bound_to_hosts_is_no_right_to_see_them() -> None:
    network = Network(neutron(agents={"agents": []}))
    await network.ports()
    with pytest.raises(LeftOutError, match="ports are bound to hosts") as caught:
        await network.agents()
    assert caught.value.reason is LeftOut.UNAUTHORIZED


async def test_agents_that_all_make_no_sense_are_malformed_not_none() -> None:
    api = neutron(agents={"agents": [{"host": 7}]})
    api.be(roles=PLAIN)
    with pytest.raises(CollectError) as caught:
        await Network(api).agents()
    assert caught.value.reason is Reason.MALFORMED


async def test_ports_are_counted_by_state_and_project_and_orphans_apart() -> None:
    read = await Network(neutron()).ports()
    assert read.by_state == {"DOWN": Count(11), "N/A": Count(4)}
    assert read.by_project == {PROJECT1: Count(9), "": Count(6)}
    assert read.orphans == Count(1)
    assert read.is_whole


async def test_port_with_an_owner_alone_is_no_orphan() -> None:
    ports = spoilt("ports", "ports", field="device_owner", value="trunk:subport")
    assert (await Network(neutron(ports=ports)).ports()).orphans == Count(0)


async def test_floating_ip_without_port_is_bound_to_nothing() -> None:
    read = await Network(neutron()).floating_ips()
    assert read.sort == "floating_ips"
    assert sum(count.number for count in read.by_state.values()) == 4
    assert read.orphans == Count(2)


async def test_routers_and_networks_are_counted_and_cannot_be_orphans() -> None:
    network = Network(neutron())
    routers, networks = await network.routers(), await network.networks()
    assert routers.by_state == {"ACTIVE": Count(2)}
    assert networks.by_project == {ADMIN: Count(3), PROJECT1: Count(2)}
    assert (routers.orphans, networks.orphans) == (None, None)


async def test_only_the_fields_that_are_shown_are_asked_for() -> None:
    api = neutron()
    await Network(api).floating_ips()
    fields = [("fields", name) for name in ("id", "status", "project_id", "port_id")]
    fields += [("fields", name) for name in ("floating_ip_address", "updated_at")]
    assert api.calls[0].params == [("limit", "1000"), *fields]


@pytest.mark.parametrize(("question", "path"), LISTS.items())
async def test_pages_are_counted_together(question: str, path: str) -> None:
    first, second = answer(path), answer(path)
    second[path] = [item | {"id": f"another-{item['id']}"} for item in second[path]]
    api = neutron(**{path: [first, second]})
    read = await getattr(Network(api), question)()
    once = await getattr(Network(neutron()), question)()
    assert sum(count.number for count in read.by_state.values()) == 2 * sum(
        count.number for count in once.by_state.values()
    )
    assert len(api.calls) == 2


@pytest.mark.parametrize(("question", "path"), LISTS.items())
async def test_what_stands_on_two_pages_is_counted_once(question: str, path: str) -> None:
    read = await getattr(Network(neutron(**{path: [answer(path), answer(path)]})), question)()
    assert read == await getattr(Network(neutron()), question)()


@pytest.mark.parametrize(("question", "path"), LISTS.items())
async def test_no_objects_are_zero(question: str, path: str) -> None:
    read = await getattr(Network(neutron(**{path: {path: []}})), question)()
    assert (read.by_state, read.by_project, read.malformed) == ({}, {}, 0)
    assert read.orphans in (None, Count(0))


@pytest.mark.parametrize(("question", "path"), LISTS.items())
async def test_object_that_makes_no_sense_costs_itself(question: str, path: str) -> None:
    read = await getattr(Network(neutron(**{path: spoilt(path, path, field="id", value=7)})), question)()
    assert read.malformed == 1
    assert sum(count.number for count in read.by_state.values()) == len(answer(path)[path]) - 1


@pytest.mark.parametrize(("value", "malformed"), [(None, 0), (7, 1)])
@pytest.mark.parametrize(("question", "path"), LISTS.items())
async def test_object_without_a_state_is_counted_without_one(
    question: str, path: str, value: object, malformed: int
) -> None:
    body = spoilt(path, path, field="status", value=value)
    read = await getattr(Network(neutron(**{path: body})), question)()
    assert (read.by_state[""], read.malformed) == (Count(1), malformed)
    assert sum(count.number for count in read.by_state.values()) == len(answer(path)[path])


@pytest.mark.parametrize("question", ["ports", "routers", "networks"])
async def test_what_is_taken_down_on_purpose_is_counted_apart_whatever_its_state(question: str) -> None:
    body = answer(question)
    for one in body[question]:
        one["admin_state_up"] = True
    before = await getattr(Network(neutron(**{question: body})), question)()
    assert before.admin_down == 0
    body[question][0]["admin_state_up"] = False
    api = neutron(**{question: body})
    after = await getattr(Network(api), question)()
    assert (after.admin_down, after.by_state) == (1, before.by_state)
    assert ("fields", "admin_state_up") in api.calls[0].params


@pytest.mark.parametrize(("value", "malformed"), [(None, 0), ("perhaps", 1)])
@pytest.mark.parametrize("question", ["ports", "routers", "networks"])
async def test_how_many_are_taken_down_is_not_known_where_one_does_not_tell(
    question: str, value: object, malformed: int
) -> None:
    body = answer(question)
    for one in body[question]:
        one["admin_state_up"] = False
    body[question][0]["admin_state_up"] = value
    read = await getattr(Network(neutron(**{question: body})), question)()
    assert (read.admin_down, read.malformed) == (None, malformed)
    assert sum(count.number for count in read.by_state.values()) == len(body[question])


@pytest.mark.parametrize(
    ("told", "is_known"),
    [
        ({"device_id": None, "device_owner": None}, False),
        ({"device_id": None, "device_owner": ""}, False),
        ({"device_id": "", "device_owner": 7}, False),
        ({"device_id": None, "device_owner": "network:dhcp"}, True),
        ({"device_id": "vm", "device_owner": None}, True),
    ],
)
async def test_how_many_ports_are_bound_to_nothing_is_not_known_where_one_does_not_tell(
    told: dict[str, object], is_known: bool
) -> None:
    ports = answer("ports")
    for port in ports["ports"]:
        port |= {"device_id": "vm", "device_owner": "compute:nova"}
    ports["ports"][0] |= told
    assert (await Network(neutron(ports=ports)).ports()).orphans == (Count(0) if is_known else None)


async def test_floating_ip_that_does_not_tell_its_port_is_not_said_to_have_none() -> None:
    addresses = answer("floatingips")
    del addresses["floatingips"][0]["port_id"]
    assert (await Network(neutron(floatingips=addresses)).floating_ips()).orphans is None
    addresses["floatingips"][0]["port_id"] = 7
    read = await Network(neutron(floatingips=addresses)).floating_ips()
    assert (sum(one.number for one in read.by_state.values()), read.malformed) == (3, 1)


async def test_agent_that_does_not_tell_whether_it_is_enabled_is_not_said_to_be() -> None:
    agents = spoilt("agents", "agents", field="admin_state_up", value=None)
    agents["agents"][0]["description"] = "rack 7"
    read = await Network(neutron(agents=agents)).agents()
    assert (read.services[0].is_enabled, read.services[0].reason, read.malformed) == (None, "", 0)


async def test_floating_ip_cannot_be_taken_down() -> None:
    assert (await Network(neutron()).floating_ips()).admin_down is None


async def test_agent_that_is_told_twice_is_up_if_one_row_is_with_the_newest_report() -> None:
    agents = answer("agents")
    first = agents["agents"][0]
    old = first | {"alive": False, "heartbeat_timestamp": "2020-01-01 00:00:00", "admin_state_up": False}
    for rows in ([old, first], [first, old]):
        (read,) = (await Network(neutron(agents={"agents": rows})).agents()).services
        assert (read.is_up, read.is_enabled) == (True, True)
        assert read.heartbeat is not None
        assert read.heartbeat > 1_700_000_000


@pytest.mark.parametrize("question", LISTS)
async def test_plain_credential_sees_its_own_and_says_so(question: str) -> None:
    api = neutron()
    api.be(roles=PLAIN, project_id=PROJECT1)
    assert not (await getattr(Network(api), question)()).is_whole


@pytest.mark.parametrize(("question", "path"), LISTS.items())
async def test_object_that_only_those_are_shown_who_see_all_tells_that_all_are_seen(
    question: str, path: str
) -> None:
    body = answer(path)
    body[path][0] |= {"shared": False, "router:external": False}
    api = neutron(**{path: body})
    api.be(roles=frozenset({"cloud_admin"}))
    assert (await getattr(Network(api), question)()).is_whole


@pytest.mark.parametrize(
    "told", [{"shared": True, "router:external": False}, {"shared": False, "router:external": True}, {}]
)
async def test_network_that_is_shown_to_other_projects_does_not_tell_that_all_are_seen(
    told: dict[str, bool],
) -> None:
    networks = {"networks": [network | told for network in answer("networks")["networks"]]}
    api = neutron(networks=networks)
    api.be(roles=PLAIN)
    assert not (await Network(api).networks()).is_whole


async def test_other_projects_ports_on_an_own_network_do_not_tell_that_all_are_seen() -> None:
    ports = answer("ports")
    for port in ports["ports"]:
        del port["binding:host_id"]
    api = neutron(ports=ports)
    api.be(roles=PLAIN)
    assert not (await Network(api).ports()).is_whole


@pytest.mark.parametrize(("question", "path"), LISTS.items())
async def test_list_that_takes_too_long_says_how_far_it_came_and_what_helps(question: str, path: str) -> None:
    late = CollectError(Reason.TIMEOUT, f"network: {path}: no answer within 3 s")
    api = neutron(**{path: [answer(path), answer(path), late]})
    DEADLINE.set(time.monotonic() + 0.05)
    with pytest.raises(CollectError, match=r"2 pages read in \d+ s, and there are more") as caught:
        await getattr(Network(api), question)()
    assert caught.value.reason is Reason.TIMEOUT
    assert f"raise management.collectors.{question}.timeout" in str(caught.value)


@pytest.mark.parametrize(
    ("left_s", "error"),
    [
        (60, CollectError(Reason.TIMEOUT, "no answer within 30 s")),
        (0.05, CollectError(Reason.UNAVAILABLE, "503")),
    ],
)
async def test_failure_that_more_time_would_not_have_helped_is_told_as_it_is(
    left_s: float, error: CollectError
) -> None:
    DEADLINE.set(time.monotonic() + left_s)
    with pytest.raises(CollectError) as caught:
        await Network(neutron(ports=[answer("ports"), error])).ports()
    assert caught.value is error


@pytest.mark.parametrize("question", ["agents", *LISTS])
@pytest.mark.parametrize(
    "error", [CollectError(Reason.UNAVAILABLE, "network: 503"), ForbiddenError("network: 403")]
)
async def test_neutron_that_is_down_or_forbids_is_told_as_it_is(question: str, error: Exception) -> None:
    api = neutron(**dict.fromkeys(("agents", *LISTS.values()), error))
    with pytest.raises(type(error)):
        await getattr(Network(api), question)()
