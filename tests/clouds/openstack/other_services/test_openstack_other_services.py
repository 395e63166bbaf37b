"""The services that are not asked in depth, on answers of the shape that their API references have."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pytest

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.model import OtherService, Service
from stratoscope.clouds.openstack.other_services.table import OtherServices
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import Answer, FakeApi

FORBIDDEN = ForbiddenError("403")
GIB = 2**30

BALANCERS = {
    "loadbalancers": [
        {"id": "1", "provisioning_status": "ACTIVE", "operating_status": "ONLINE"},
        {
            "id": "2",
            "provisioning_status": "ACTIVE",
            "operating_status": "DEGRADED",
            "admin_state_up": True,
        },
        {
            "id": "3",
            "provisioning_status": "PENDING_UPDATE",
            "operating_status": "OFFLINE",
            "admin_state_up": False,
        },
    ]
}
AMPHORAE = {"amphorae": [{"id": "1", "status": "ALLOCATED"}, {"id": "2", "status": "ERROR"}]}
NODES = {
    "nodes": [
        {"uuid": "1", "provision_state": "active", "power_state": "power on", "maintenance": False},
        {"uuid": "2", "provision_state": "available", "power_state": "power off", "maintenance": True},
        {"uuid": "3", "provision_state": "enroll", "power_state": None, "maintenance": None},
    ]
}
CONDUCTORS = {
    "conductors": [
        {
            "hostname": "metal1",
            "conductor_group": "",
            "alive": True,
            "updated_at": "2018-12-05T07:03:21+00:00",
        },
        {"hostname": "metal2", "conductor_group": "rack2", "alive": False, "updated_at": None},
    ]
}
ZONES = {
    "zones": [{"id": "1", "status": "ACTIVE"}, {"id": "2", "status": "ERROR"}],
    "links": {"self": "http://dns/v2/zones"},
    "metadata": {"total_count": 2},
}
STATUSES = {
    "service_statuses": [
        {
            "hostname": "dns2", "status": "UP", "service_name": "worker",
            "heartbeated_at": "2016-07-20 12:14:41",
        }
    ],
    "links": {"self": "http://dns/v2/service_statuses"},
}  # fmt: skip
SHARES = {
    "shares": [
        {"id": "1", "status": "available", "size": 2, "project_id": "p"},
        {"id": "2", "status": "error", "size": 1, "project_id": "p"},
    ]
}
SHARE_SERVICES = {
    "services": [
        {
            "id": 1, "binary": "manila-share", "host": "files@generic", "zone": "nova", "status": "disabled",
            "state": "up", "updated_at": "2015-09-07T13:03:57.000000", "disabled_reason": "full",
        }
    ]
}  # fmt: skip
STACKS = {
    "stacks": [
        {"id": "1", "stack_status": "CREATE_COMPLETE", "links": [{"rel": "self", "href": "http://heat/1"}]},
        {"id": "2", "stack_status": "UPDATE_FAILED", "links": []},
    ]
}
ENGINES = {
    "services": [
        {
            "binary": "heat-engine",
            "host": "heat1",
            "status": "down",
            "updated_at": "2015-02-03T06:09:55.000000",
        },
        {
            "binary": "heat-engine",
            "host": "heat1",
            "status": "up",
            "updated_at": "2015-02-03T05:57:59.000000",
        },
        {"binary": "heat-engine", "host": "heat2", "status": "down", "updated_at": None},
    ]
}
CLUSTERS = {"clusters": [{"uuid": "1", "status": "CREATE_IN_PROGRESS"}, {"uuid": "2", "status": None}]}
MSERVICES = {
    "mservices": [
        {
            "binary": "magnum-conductor", "host": "magnum1", "state": "up", "disabled_reason": None,
            "updated_at": "2016-08-25T01:13:16+00:00",
        }
    ]
}  # fmt: skip
SECRETS = {"secrets": [{"name": "one", "status": "ACTIVE"}], "total": 17, "next": "http://barbican/x"}


class Case(NamedTuple):
    """One service. Attributes: answers: By path, its main list first; counts: By sort and state."""

    service: str
    answers: Mapping[str, Answer]
    counts: Mapping[str, Mapping[str, int]]
    agents: int


CASES: Final = {
    "load_balancer": Case(
        "load-balancer",
        {"/v2.0/lbaas/loadbalancers": BALANCERS, "/v2.0/octavia/amphorae": AMPHORAE},
        {
            "loadbalancers": {"ACTIVE": 2, "PENDING_UPDATE": 1},
            "loadbalancers_operating": {"ONLINE": 1, "DEGRADED": 1, "OFFLINE": 1},
            "loadbalancers_admin": {"": 1, "up": 1, "down": 1},
            "amphorae": {"ALLOCATED": 1, "ERROR": 1},
        },
        0,
    ),
    "baremetal": Case(
        "baremetal",
        {"/v1/nodes": NODES, "/v1/conductors": CONDUCTORS},
        {
            "nodes": {"active": 1, "available": 1, "enroll": 1},
            "nodes_power": {"power on": 1, "power off": 1, "": 1},
            "nodes_maintenance": {"true": 1, "false": 1, "": 1},
        },
        2,
    ),
    "dns": Case(
        "dns",
        {"/v2/zones": ZONES, "/v2/service_statuses": STATUSES},
        {"zones": {"ACTIVE": 1, "ERROR": 1}},
        1,
    ),
    "shared_file_system": Case(
        "shared-file-system",
        {"/shares/detail": SHARES, "/services": SHARE_SERVICES, "/shares/detail?offset=2": {"shares": []}},
        {"shares": {"available": 1, "error": 1}},
        1,
    ),
    "orchestration": Case(
        "orchestration",
        {"/stacks": STACKS, "/services": ENGINES},
        {"stacks": {"CREATE_COMPLETE": 1, "UPDATE_FAILED": 1}},
        2,
    ),
    "container_infra": Case(
        "container-infrastructure-management",
        {"/v1/clusters": CLUSTERS, "/v1/mservices": MSERVICES},
        {"clusters": {"CREATE_IN_PROGRESS": 1, "": 1}},
        1,
    ),
    "key_manager": Case("key-manager", {"/v1/secrets": SECRETS}, {"secrets": {"": 17}}, 0),
}
LISTED = sorted(set(CASES) - {"key_manager"})


def api_of(name: str, **changed: Answer) -> FakeApi:
    """For an admin. Args: changed: Of the main list (`main`) and of all others (`others`)."""
    case = CASES[name]
    main, *others = case.answers
    answers = dict(case.answers) | {main: changed.get("main", case.answers[main])}
    if "others" in changed:
        answers |= dict.fromkeys(others, changed["others"])
    return FakeApi({(case.service, path): body for path, body in answers.items()})


async def ask(api: FakeApi, name: str) -> OtherService:
    read: OtherService = await OtherServices(api).fetches()[name]()
    return read


def counts(read: OtherService) -> dict[str, dict[str, int]]:
    return {one.sort: {state: count.number for state, count in one.by_state.items()} for one in read.objects}


@pytest.mark.parametrize("name", CASES)
async def test_objects_are_counted_by_state_and_agents_listed(name: str) -> None:
    read = await ask(api_of(name), name)
    assert read.service == CASES[name].service
    assert counts(read) == CASES[name].counts
    assert len(read.agents) == CASES[name].agents
    assert all(agent.service == read.service for agent in read.agents)
    assert read.malformed == 0


@pytest.mark.parametrize("name", CASES)
async def test_service_that_the_catalogue_lacks_is_left_out(name: str) -> None:
    with pytest.raises(LeftOutError) as caught:
        await ask(FakeApi({}), name)
    assert caught.value.reason is LeftOut.ABSENT


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("error", [CollectError(Reason.UNAVAILABLE, "503"), FORBIDDEN])
async def test_service_that_is_down_or_forbids_is_told_as_it_is(name: str, error: Exception) -> None:
    with pytest.raises(type(error)):
        await ask(api_of(name, main=error), name)


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("error", [FORBIDDEN, NotThereError("404")])
async def test_what_not_everybody_may_see_is_absent_and_the_rest_is_shown(
    name: str, error: Exception
) -> None:
    api = api_of(name, others=error)
    if name == "shared_file_system":
        api.answers[CASES[name].service, "/shares/detail?offset=2"] = {"shares": []}
    api.be(roles=frozenset({"member"}))
    read = await ask(api, name)
    assert read.agents == ()
    assert read.are_agents_listed in (False, None)
    assert counts(read).items() <= (CASES[name].counts | {"amphorae": {}}).items()
    assert read.objects


@pytest.mark.parametrize("name", LISTED)
async def test_admin_who_may_not_list_agents_is_told_so_beside_the_rest(name: str) -> None:
    """Ironic's conductors need a token for the system, Heat's policy may name another role."""
    api = api_of(name, others=FORBIDDEN)
    if name == "shared_file_system":
        api.answers[CASES[name].service, "/shares/detail?offset=2"] = {"shares": []}
    read = await ask(api, name)
    has_amphorae = name == "load_balancer"
    assert read.are_agents_listed is (None if has_amphorae else False)
    assert [one.is_whole for one in read.objects if one.sort == "amphorae"] == [False] * has_amphorae
    assert counts(read).items() <= (CASES[name].counts | {"amphorae": {}}).items()
    assert (await ask(api_of(name), name)).are_agents_listed is (None if has_amphorae else True)


@pytest.mark.parametrize("name", LISTED)
async def test_agents_that_are_not_found_by_an_admin_are_out_of_order_and_not_gone(name: str) -> None:
    api = api_of(name, others=NotThereError("404"))
    if name == "shared_file_system":
        api.answers[CASES[name].service, "/shares/detail?offset=2"] = {"shares": []}
    with pytest.raises(NotThereError):
        await ask(api, name)


async def test_conductors_are_not_asked_of_an_ironic_that_has_no_list_of_them() -> None:
    api = api_of("baremetal", others=NotThereError("404"))
    api.newest["baremetal"] = "1.48"
    read = await ask(api, "baremetal")
    assert counts(read) == CASES["baremetal"].counts
    assert (read.agents, read.are_agents_listed) == ((), None)


@pytest.mark.parametrize("name", LISTED)
async def test_no_objects_are_zero(name: str) -> None:
    main = next(iter(CASES[name].answers.values()))
    assert isinstance(main, dict)
    key = next(iter(main))
    read = await ask(api_of(name, main={key: []}), name)
    assert read.objects[0].by_state == {}


@pytest.mark.parametrize("name", LISTED)
async def test_objects_of_which_none_makes_sense_are_no_zero(name: str) -> None:
    main = next(iter(CASES[name].answers.values()))
    assert isinstance(main, dict)
    api = api_of(name, main={next(iter(main)): [7, 8]})
    if name == "shared_file_system":
        api.answers[CASES[name].service, "/shares/detail?offset=2"] = {"shares": []}
    with pytest.raises(CollectError, match="all 2 are malformed"):
        await ask(api, name)


async def test_list_of_shares_without_pages_is_read_to_its_end_though_one_makes_no_sense() -> None:
    """Manila's answer is the same, whatever the offset: it is asked once more, and nothing counts twice."""
    (key, items) = next(iter(CASES["shared_file_system"].answers["/shares/detail"].items()))
    api = api_of("shared_file_system", main={key: [*items, 7]})
    read = await ask(api, "shared_file_system")
    assert read.malformed == 1
    assert counts(read) == CASES["shared_file_system"].counts
    assert sum(call.path == "/shares/detail" for call in api.calls) == 2


@pytest.mark.parametrize("name", LISTED)
async def test_item_that_makes_no_sense_costs_itself(name: str) -> None:
    main = next(iter(CASES[name].answers.values()))
    assert isinstance(main, dict)
    key, items = next(iter(main.items()))
    api = api_of(name, main=main | {key: [*items, 7]})
    if name == "shared_file_system":
        api.answers[CASES[name].service, "/shares/detail?offset=3"] = {"shares": []}
    read = await ask(api, name)
    assert read.malformed == 1
    assert counts(read) == CASES[name].counts


@pytest.mark.parametrize("name", CASES)
async def test_plain_credential_says_that_it_does_not_see_all(name: str) -> None:
    api = api_of(name)
    if name == "orchestration":
        api.answers["orchestration", "/stacks?global_tenant=true"] = FORBIDDEN
    api.be(roles=frozenset({"member"}))
    assert not any(one.is_whole for one in (await ask(api, name)).objects)


async def test_global_observer_of_load_balancers_sees_all() -> None:
    api = api_of("load_balancer", others=FORBIDDEN)
    api.be(roles=frozenset({"load-balancer_global_observer"}))
    wholes = {one.sort: one.is_whole for one in (await ask(api, "load_balancer")).objects}
    assert wholes == dict.fromkeys(CASES["load_balancer"].counts, True) | {"amphorae": False}


async def test_conductors_of_ironic_have_a_group_for_zone() -> None:
    first, second = (await ask(api_of("baremetal"), "baremetal")).agents
    assert first == Service("baremetal", "ironic-conductor", "metal1", "", True, True, "", 1543993401.0)
    assert (second.zone, second.is_up, second.heartbeat) == ("rack2", False, None)


async def test_conductor_of_magnum_is_disabled_only_where_it_says_so() -> None:
    (row,) = MSERVICES["mservices"]
    rows = [
        {**row, "host": host, "disabled": is_disabled, "disabled_reason": "old"}
        for host, is_disabled in (("a", False), ("b", True), ("c", None))
    ]
    read = await ask(api_of("container_infra", others={"mservices": rows}), "container_infra")
    assert [one.is_enabled for one in read.agents] == [True, False, None]
    assert {one.reason for one in read.agents} == {"old"}


async def test_engines_of_heat_are_one_for_each_host_and_up_if_any_is() -> None:
    first, second = (await ask(api_of("orchestration"), "orchestration")).agents
    assert (first.host, first.is_up, first.heartbeat) == ("heat1", True, 1422943795.0)
    assert (second.host, second.is_up, second.heartbeat) == ("heat2", False, None)


async def test_stacks_are_those_of_the_own_project_where_heat_denies_all() -> None:
    api = api_of("orchestration")
    api.answers["orchestration", "/stacks?global_tenant=true"] = FORBIDDEN
    read = await ask(api, "orchestration")
    assert counts(read) == CASES["orchestration"].counts
    assert not read.objects[0].is_whole


async def test_zones_of_all_projects_are_asked_for_by_an_admin_alone() -> None:
    api = api_of("dns")
    asked: list[Mapping[str, str]] = []
    pages = api.pages

    def noted(listing: Any, params: Any = ()) -> Any:
        asked.append(listing.headers)
        return pages(listing, params)

    api.pages = noted  # type: ignore[method-assign]  # FakeApi keeps no headers
    await ask(api, "dns")
    api.be(roles=frozenset({"member"}))
    await ask(api, "dns")
    assert [headers for headers in asked if headers] == [{"X-Auth-All-Projects": "true"}]


async def test_shares_are_paged_by_offset() -> None:
    api = api_of("shared_file_system")
    next_one = {"id": "3", "status": "available", "size": 4, "project_id": "q"}
    api.answers |= {
        ("shared-file-system", "/shares/detail?offset=2"): {"shares": [next_one]},
        ("shared-file-system", "/shares/detail?offset=3"): {"shares": []},
    }
    (shares,) = (await ask(api, "shared_file_system")).objects
    assert shares.by_project["q"].size == 4 * GIB
    assert sum(count.number for count in shares.by_state.values()) == 3


async def test_manila_that_takes_no_notice_of_the_offset_is_not_asked_for_ever() -> None:
    api = api_of("shared_file_system")
    api.answers["shared-file-system", "/shares/detail?offset=2"] = SHARES
    read = await ask(api, "shared_file_system")
    assert counts(read) == CASES["shared_file_system"].counts


async def test_secrets_are_counted_without_listing_them() -> None:
    api = api_of("key_manager")
    await ask(api, "key_manager")
    assert [call.params for call in api.calls] == [[("limit", "1")]]
