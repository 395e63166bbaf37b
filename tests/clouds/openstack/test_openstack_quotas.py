"""Quotas of projects: which are shown, in which units, and who may read whose."""

import time
from collections.abc import Callable

import pytest

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.api import BadRequestError
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.clouds.openstack.quotas import MOST, ProjectQuotas
from stratoscope.clouds.owners import Quota, Quotas
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import PROJECT, Answer, FakeApi
from support.openstack_answers import answer
from support.wheel import Wheel

GIB, MIB = 2**30, 2**20
OTHER = "33333333333333333333333333333333"
OF_ONE = ("key_pairs", "metadata_items", "server_group_members")
FORBIDDEN = ForbiddenError("403")
PATHS = {
    "compute_quotas": ("compute", "/os-quota-sets/{}/detail", "compute_quota"),
    "network_quotas": ("network", "/v2.0/quotas/{}/details.json", "network_quota"),
    "volume_quotas": ("block-storage", "/os-quota-sets/{}", "volume_quota"),
}


def cloud(*projects: str, **changed: Answer) -> FakeApi:
    """For an admin. Args: changed: Answers by question, for every project."""
    api = FakeApi(
        {
            ("identity", "/v3/projects"): {"projects": [{"id": one, "name": one} for one in projects]},
            ("identity", "/v3/users"): {"users": []},
            ("identity", "/v3/domains"): {"domains": []},
        },
        services=("compute", "network", "block-storage"),
    )
    for question, (service, path, fixture) in PATHS.items():
        for project in projects:
            api.answers[service, path.format(project)] = changed.get(question, answer(fixture))
    return api


def plain(**changed: Answer) -> FakeApi:
    api = cloud(PROJECT, **changed)
    api.answers |= {
        ("identity", "/v3/projects"): FORBIDDEN,
        ("identity", "/v3/users"): FORBIDDEN,
        ("identity", "/v3/domains"): FORBIDDEN,
        ("identity", "/v3/auth/projects"): {"projects": [{"id": PROJECT, "name": "one"}]},
        ("compute", "/limits"): answer("compute_limits"),
        ("block-storage", "/limits"): answer("volume_limits"),
    }
    api.be(roles=frozenset({"member"}))
    return api


async def ask(api: FakeApi, question: str) -> Quotas:
    return await asking(ProjectQuotas(api, Names(api)), question)


async def asking(quotas: ProjectQuotas, question: str) -> Quotas:
    DEADLINE.set(time.monotonic() + 60)
    read: Quotas = await quotas.fetches()[question]()
    return read


def by_resource(quotas: Quotas) -> dict[str, Quota]:
    return {quota.resource: quota for quota in quotas.quotas}


async def test_compute_quotas_are_those_that_bind_with_ram_in_bytes() -> None:
    api = cloud(PROJECT)
    read = by_resource(await ask(api, "compute_quotas"))
    assert read.keys() == {"cores", "instances", "ram", "server_groups", *OF_ONE}
    assert read["cores"] == Quota(PROJECT, "compute", "cores", 2000, 10, 0, in_bytes=False)
    assert read["ram"] == Quota(PROJECT, "compute", "ram", 4000000 * MIB, 2624 * MIB, 0, in_bytes=True)
    assert api.calls[-1].version == "2.57"


@pytest.mark.parametrize(("credential", "limit"), [(cloud, (100, 128, 10)), (plain, (100, 128, 10))])
async def test_what_one_user_vm_or_group_may_have_is_a_limit_of_which_nothing_is_used(
    credential: Callable[..., FakeApi], limit: tuple[int, int, int]
) -> None:
    api = credential(PROJECT) if credential is cloud else credential(compute_quotas=FORBIDDEN)
    read = by_resource(await ask(api, "compute_quotas"))
    assert [read[name] for name in OF_ONE] == [
        Quota(PROJECT, "compute", name, most, None, None, in_bytes=False)
        for name, most in zip(OF_ONE, limit, strict=True)
    ]


async def test_network_quotas_are_all_that_neutron_has_and_no_limit_is_none() -> None:
    read = by_resource(await ask(cloud(PROJECT), "network_quotas"))
    assert len(read) == 9
    assert read["floatingip"] == Quota(PROJECT, "network", "floatingip", 100, 4, 0, in_bytes=False)
    assert read["subnetpool"].limit is None


async def test_volume_quotas_are_bytes_where_cinder_has_gigabytes() -> None:
    read = by_resource(await ask(cloud(PROJECT), "volume_quotas"))
    assert read.keys() == {
        "volumes", "gigabytes", "snapshots", "backups", "backup_gigabytes", "per_volume_gigabytes", "groups",
    }  # fmt: skip
    assert read["gigabytes"] == Quota(
        PROJECT, "block-storage", "gigabytes", 1000 * GIB, 12 * GIB, 0, in_bytes=True
    )
    assert read["backup_gigabytes"].in_bytes
    assert not read["volumes"].in_bytes


async def test_bound_of_a_single_volume_is_not_used_up() -> None:
    body = answer("volume_quota")
    body["quota_set"]["per_volume_gigabytes"]["limit"] = 100
    read = by_resource(await ask(cloud(PROJECT, volume_quotas=body), "volume_quotas"))
    assert read["per_volume_gigabytes"] == Quota(
        PROJECT, "block-storage", "per_volume_gigabytes", 100 * GIB, None, None, in_bytes=True
    )


async def test_quota_of_a_volume_type_is_shown_where_there_is_a_limit() -> None:
    body = answer("volume_quota")
    body["quota_set"]["gigabytes_fast"] = {"limit": 10, "in_use": 1, "reserved": 2}
    read = by_resource(await ask(cloud(PROJECT, volume_quotas=body), "volume_quotas"))
    assert read["gigabytes_fast"] == Quota(
        PROJECT, "block-storage", "gigabytes_fast", 10 * GIB, GIB, 2 * GIB, in_bytes=True
    )
    assert "gigabytes___DEFAULT__" not in read


@pytest.mark.parametrize(
    ("resource", "in_bytes"),
    [
        ("gigabytes", True),
        ("gigabytes_lvm", True),
        ("gigabytes_x_volumes", True),
        ("volumes_lvm", False),
        ("volumes_x_gigabytes", False),
        ("snapshots_gigabytes", False),
    ],
)
async def test_whether_a_quota_is_bytes_does_not_depend_on_what_a_volume_type_is_called(
    resource: str, *, in_bytes: bool
) -> None:
    body = answer("volume_quota")
    body["quota_set"][resource] = {"limit": 10, "in_use": 1, "reserved": 0}
    quota = by_resource(await ask(cloud(PROJECT, volume_quotas=body), "volume_quotas"))[resource]
    assert (quota.in_bytes, quota.limit) == (in_bytes, 10 * GIB if in_bytes else 10)


@pytest.mark.parametrize("question", PATHS)
async def test_admin_reads_every_project_one_by_one(question: str) -> None:
    api = cloud(PROJECT, OTHER)
    read = await ask(api, question)
    assert {quota.project_id for quota in read.quotas} == {PROJECT, OTHER}
    assert (read.spread.items, read.spread.known) == (2, 2)
    assert read.spread.collector == question
    assert len(api.calls) == 3 + 2


@pytest.mark.parametrize("question", PATHS)
async def test_plain_credential_reads_its_own_project(question: str) -> None:
    read = await ask(plain(), question)
    assert {quota.project_id for quota in read.quotas} == {PROJECT}


@pytest.mark.parametrize("question", PATHS)
@pytest.mark.parametrize("error", [NotThereError("404"), BadRequestError("no valid project")], ids=str)
async def test_project_deleted_while_its_quota_is_read_costs_nothing(question: str, error: Exception) -> None:
    api = cloud(PROJECT, OTHER)
    service, path, _ = PATHS[question]
    api.answers[service, path.format(OTHER)] = error
    api.answers["network", "/v2.0/extensions"] = {"extensions": [{"alias": "quota_details"}]}
    read = await ask(api, question)
    assert {quota.project_id for quota in read.quotas} == {PROJECT}
    assert read.malformed == 0


@pytest.mark.parametrize("question", PATHS)
async def test_quota_that_makes_no_sense_costs_its_project(question: str) -> None:
    api = cloud(PROJECT, OTHER)
    service, path, _ = PATHS[question]
    api.answers[service, path.format(PROJECT)] = {"quota_set": 7, "quota": {"port": {"limit": "many"}}}
    read = await ask(api, question)
    assert {quota.project_id for quota in read.quotas} == {OTHER}
    assert read.malformed == 1


@pytest.mark.parametrize("question", PATHS)
@pytest.mark.parametrize("odd", [{"limit": None, "in_use": 3}, {"limit": "many"}, 7], ids=str)
async def test_resource_whose_quota_makes_no_sense_costs_itself_and_is_counted(
    question: str, odd: object
) -> None:
    api = cloud(PROJECT)
    service, path, _ = PATHS[question]
    whole = await ask(api, question)
    body = api.answers[service, path.format(PROJECT)]
    assert isinstance(body, dict)
    key = next(iter(body))
    left_out = next(quota.resource for quota in whole.quotas)
    api.answers[service, path.format(PROJECT)] = {key: body[key] | {left_out: odd}}
    read = await ask(api, question)
    assert {quota.resource for quota in read.quotas} == {one.resource for one in whole.quotas} - {left_out}
    assert read.malformed == 1


@pytest.mark.parametrize("question", PATHS)
@pytest.mark.parametrize(("project_id", "path"), [("a/b?c#d", "a%2Fb%3Fc%23d"), ("..", None), ("", None)])
async def test_id_of_a_project_stays_one_segment_of_the_path_whatever_is_in_it(
    question: str, project_id: str, path: str | None
) -> None:
    api = cloud(PROJECT, project_id)
    service, of_one, _ = PATHS[question]
    if path is not None:
        api.answers[service, of_one.format(path)] = api.answers[service, of_one.format(PROJECT)]
    read = await ask(api, question)
    known = {PROJECT} if path is None else {PROJECT, project_id}
    assert {quota.project_id for quota in read.quotas} == known
    assert read.malformed == (path is None)
    asked = {call.path for call in api.calls if call.service == service}
    assert asked == {of_one.format(PROJECT)} | ({of_one.format(path)} if path else set())


@pytest.mark.parametrize("question", PATHS)
async def test_service_that_is_down_is_told_as_it_is(question: str) -> None:
    down = CollectError(Reason.UNAVAILABLE, "503")
    with pytest.raises(CollectError):
        await ask(cloud(PROJECT, OTHER, **{question: down}), question)


@pytest.mark.parametrize("question", PATHS)
async def test_no_projects_are_no_quotas(question: str) -> None:
    read = await ask(cloud(), question)
    assert (read.quotas, read.spread.known) == ((), 0)


async def test_limits_stand_in_for_computes_quota_of_the_own_project() -> None:
    read = by_resource(await ask(plain(compute_quotas=FORBIDDEN), "compute_quotas"))
    assert read.keys() == {"cores", "instances", "ram", "server_groups", *OF_ONE}
    assert read["instances"] == Quota(PROJECT, "compute", "instances", 1000, 10, None, in_bytes=False)
    assert read["ram"].limit == 4000000 * MIB


async def test_limits_stand_in_for_volumes_quota_of_the_own_project() -> None:
    read = by_resource(await ask(plain(volume_quotas=FORBIDDEN), "volume_quotas"))
    assert read["gigabytes"] == Quota(
        PROJECT, "block-storage", "gigabytes", 1000 * GIB, 12 * GIB, None, in_bytes=True
    )
    assert len(read) == 5


async def test_limit_that_the_service_does_not_tell_is_absent() -> None:
    api = plain(compute_quotas=FORBIDDEN)
    api.answers["compute", "/limits"] = {"limits": {"absolute": {"maxTotalCores": 5, "totalCoresUsed": 1}}}
    assert by_resource(await ask(api, "compute_quotas")).keys() == {"cores"}


@pytest.mark.parametrize("odd", [[], {}, True, "x", -1, 1e308])
async def test_limit_that_makes_no_sense_costs_itself_and_is_counted(odd: object) -> None:
    api = plain(compute_quotas=FORBIDDEN)
    absolute = {
        "maxTotalCores": 5,
        "totalCoresUsed": odd,
        "maxTotalInstances": 1e308,
        "totalInstancesUsed": 1,
    }
    api.answers["compute", "/limits"] = {"limits": {"absolute": absolute}}
    read = await ask(api, "compute_quotas")
    assert by_resource(read) == {"cores": Quota(PROJECT, "compute", "cores", 5, None, None, in_bytes=False)}
    assert read.malformed == 2


@pytest.mark.parametrize("odd", ["x", -1, {}, [], True, 1e308], ids=str)
@pytest.mark.parametrize("question", PATHS)
async def test_use_that_makes_no_sense_leaves_the_limit_and_is_counted(question: str, odd: object) -> None:
    key = "quota" if question == "network_quotas" else "quota_set"
    body = answer(question.replace("quotas", "quota"))
    resource = {"compute_quotas": "cores", "network_quotas": "port", "volume_quotas": "volumes"}[question]
    before = by_resource(await ask(cloud(PROJECT), question))[resource]
    body[key][resource] |= {"used" if question == "network_quotas" else "in_use": odd}
    read = await ask(cloud(PROJECT, **{question: body}), question)
    now = by_resource(read)[resource]
    assert (now.limit, now.used, now.reserved) == (before.limit, None, before.reserved)
    assert read.malformed == 1


async def test_limit_of_neutron_that_makes_no_sense_costs_itself_and_is_counted() -> None:
    api = _without_details("quotas")
    api.answers["network", f"/v2.0/quotas/{PROJECT}"] = {"quota": {"network": 1, "port": [], "id": "x"}}
    read = await ask(api, "network_quotas")
    assert {one.resource for one in read.quotas if one.project_id == PROJECT} == {"network"}
    assert read.malformed == 1


@pytest.mark.parametrize("question", PATHS)
async def test_quotas_that_nobody_may_read_are_left_out(question: str) -> None:
    with pytest.raises(LeftOutError):
        await ask(cloud(OTHER, **{question: FORBIDDEN}), question)


async def test_service_that_is_absent_is_left_out() -> None:
    api = cloud(PROJECT)
    api.be(services=frozenset({"identity", "compute"}))
    with pytest.raises(LeftOutError):
        await ask(api, "volume_quotas")


NOT_THERE = NotThereError("network: 404")


def _without_details(*loaded: str) -> FakeApi:
    """A Neutron that tells limits alone. Args: loaded: Its extensions."""
    api = cloud(PROJECT, OTHER, network_quotas=NOT_THERE)
    api.answers["network", "/v2.0/extensions"] = {"extensions": [{"alias": one} for one in loaded]}
    for project in (PROJECT, OTHER):
        quota = {"network": 10, "port": -1, "router": 0, "project_id": project, "trunk": None}
        api.answers["network", f"/v2.0/quotas/{project}"] = {"quota": quota}
    return api


async def test_without_details_neutron_tells_limits_alone_and_is_asked_for_them_once() -> None:
    api = _without_details("quotas", "agent")
    read = (await ask(api, "network_quotas")).quotas
    assert {quota.project_id for quota in read} == {PROJECT, OTHER}
    assert by_resource(Quotas(read[:3], None, 0))["network"] == Quota(  # type: ignore[arg-type]
        read[0].project_id, "network", "network", 10, None, None, in_bytes=False
    )
    limits = {quota.resource: quota.limit for quota in read}
    assert limits == {"network": 10, "port": None, "router": 0}
    assert sum(call.path.endswith("details.json") for call in api.calls) == 1
    assert sum(call.path.endswith("extensions") for call in api.calls) == 1


async def test_details_that_come_later_are_found_within_five_minutes() -> None:
    api, wheel = _without_details("quotas"), Wheel()
    quotas = ProjectQuotas(api, Names(api), wheel.clock)
    assert {quota.used for quota in (await asking(quotas, "network_quotas")).quotas} == {None}
    for project in (PROJECT, OTHER):
        api.answers["network", f"/v2.0/quotas/{project}/details.json"] = answer("network_quota")
    api.answers["network", "/v2.0/extensions"] = {"extensions": [{"alias": "quota_details"}]}
    assert {quota.used for quota in (await asking(quotas, "network_quotas")).quotas} == {None}
    wheel.time_s += 301
    assert {quota.used for quota in (await asking(quotas, "network_quotas")).quotas} != {None}


async def test_without_any_quotas_neutron_is_left_out() -> None:
    api = _without_details("agent")
    for project in (PROJECT, OTHER):
        api.answers["network", f"/v2.0/quotas/{project}"] = NOT_THERE
    with pytest.raises(LeftOutError, match="no extension quotas") as caught:
        await ask(api, "network_quotas")
    assert caught.value.reason is LeftOut.ABSENT


async def test_404_of_a_neutron_that_has_details_is_no_reason_to_do_without() -> None:
    api = _without_details("quotas", "quota_details")
    with pytest.raises(NotThereError):
        await ask(api, "network_quotas")
    assert sum(call.path.endswith("extensions") for call in api.calls) == 2
    api.answers["network", f"/v2.0/quotas/{OTHER}/details.json"] = answer("network_quota")
    read = (await ask(api, "network_quotas")).quotas
    assert {quota.project_id for quota in read} == {OTHER}
    assert not any(call.path == f"/v2.0/quotas/{PROJECT}" for call in api.calls)


async def test_own_quotas_are_read_first_and_stay_where_keystone_lists_many_projects() -> None:
    others = [f"{number:032}" for number in range(2 * MOST)]
    api = cloud(*others, PROJECT, compute_quotas=FORBIDDEN)
    api.answers["compute", "/limits"] = answer("compute_limits")
    api.be(roles=frozenset({"member"}))
    DEADLINE.set(time.monotonic() + 60)
    quotas = ProjectQuotas(api, Names(api))
    for _ in range(3):
        assert {quota.project_id for quota in (await asking(quotas, "compute_quotas")).quotas} == {PROJECT}
    asked = [call.path for call in api.calls if call.operation == "os-quota-sets"]
    assert (asked[0], len(asked)) == (f"/os-quota-sets/{PROJECT}/detail", MOST + 2)
