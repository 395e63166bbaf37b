"""Cinder's services and backends, and its objects counted in bytes."""

import math
from typing import Any

import pytest

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.model import Backend, Count, Service
from stratoscope.clouds.openstack.volume import Volume
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_api import PROJECT, Answer, FakeApi
from support.openstack_answers import answer, spoilt

GIB = 2**30
PROJECT1 = "f0940456145b4fdf82c3a013b30c907c"
PATHS = {
    "services": ("/os-services", "services", "volume_services"),
    "backends": ("/scheduler-stats/get_pools", "pools", "volume_pools"),
    "volumes": ("/volumes/detail", "volumes", "volumes"),
    "snapshots": ("/snapshots/detail", "snapshots", "snapshots"),
    "backups": ("/backups/detail", "backups", "backups"),
}
"""By method: path, key and fixture."""
COUNTED = ("volumes", "snapshots", "backups")


def cinder(**changed: Answer) -> FakeApi:
    """For an admin. Args: changed: Answers by method."""
    answers: dict[str, Answer] = {name: answer(fixture) for name, (_, _, fixture) in PATHS.items()} | changed
    return FakeApi({("block-storage", PATHS[name][0]): body for name, body in answers.items()})


def pool(**capabilities: Any) -> Answer:
    return {"pools": [{"name": "node@lvm#pool", "capabilities": capabilities}]}


async def test_services_come_with_their_backend_as_host() -> None:
    services = answer("volume_services")
    services["services"][1] |= {
        "state": "down", "status": "disabled", "disabled_reason": "disk", "updated_at": None,
    }  # fmt: skip
    scheduler, volume = (await Volume(cinder(services=services)).services()).services
    assert (scheduler.binary, scheduler.is_up, scheduler.is_enabled) == ("cinder-scheduler", True, True)
    assert scheduler.heartbeat is not None
    assert volume == Service(
        "block-storage", "cinder-volume", "fakevol@fake", "nova", False, False, "disk", None
    )


async def test_infinite_backend_is_infinite() -> None:
    (backend,) = (await Volume(cinder()).backends()).backends
    inf = math.inf
    assert backend == Backend("fakevol@fake#fake", inf, inf, 0, 9 * GIB, None, "fake", "Open Source")


async def test_thin_backend_tells_bytes_and_how_often_it_may_be_promised() -> None:
    body = pool(
        total_capacity_gb=100.5, free_capacity_gb=20, provisioned_capacity_gb=150, allocated_capacity_gb=140,
        max_over_subscription_ratio="20.0", thin_provisioning_support=True,
        volume_backend_name="fast", vendor_name="Open Source",
    )  # fmt: skip
    (backend,) = (await Volume(cinder(backends=body)).backends()).backends
    assert (backend.total, backend.free, backend.provisioned) == (100.5 * GIB, 20.0 * GIB, 150.0 * GIB)
    assert (backend.allocated, backend.ratio) == (140.0 * GIB, 20.0)
    assert (backend.of_types, backend.vendor) == ("fast", "Open Source")


@pytest.mark.parametrize("value", ["many", "", [], {"of": 7}, True, None], ids=str)
async def test_odd_field_of_a_pool_costs_itself_alone_and_is_counted(value: object) -> None:
    body = pool(
        total_capacity_gb=value, free_capacity_gb=20, allocated_capacity_gb=140,
        max_over_subscription_ratio=["x"], thin_provisioning_support="yes",
    )  # fmt: skip
    read = await Volume(cinder(backends=body)).backends()
    assert read.backends == (Backend("node@lvm#pool", None, 20.0 * GIB, None, 140.0 * GIB, None),)
    assert read.malformed == 2 + (value is not None)


@pytest.mark.parametrize(
    ("told", "ratio"),
    [
        ({"max_over_subscription_ratio": 1.5}, 1.5),
        ({"max_over_subscription_ratio": "auto"}, None),
        ({"max_over_subscription_ratio": "20.0", "thin_provisioning_support": False}, 1.0),
        ({}, None),
    ],
)
async def test_ratio_is_what_holds_or_absent(told: dict[str, Any], ratio: float | None) -> None:
    (backend,) = (await Volume(cinder(backends=pool(**told))).backends()).backends
    assert backend.ratio == ratio


@pytest.mark.parametrize("ratio", ["nan", "inf", "-1", "", "1e9", -1])
async def test_ratio_that_makes_no_sense_is_not_known_and_is_counted(ratio: object) -> None:
    read = await Volume(cinder(backends=pool(max_over_subscription_ratio=ratio))).backends()
    assert (read.backends[0].ratio, read.malformed) == (None, 1)


@pytest.mark.parametrize("name", ["total", "free", "provisioned", "allocated"])
async def test_capacity_below_zero_is_not_known_and_is_counted(name: str) -> None:
    read = await Volume(cinder(backends=pool(**{f"{name}_capacity_gb": -1}))).backends()
    assert (getattr(read.backends[0], name), read.malformed) == (None, 1)


@pytest.mark.parametrize("attachments", [None, 7])
async def test_how_many_volumes_are_orphans_is_not_known_where_one_does_not_tell_its_attachments(
    attachments: object,
) -> None:
    body = answer("volumes")
    free = next(volume for volume in body["volumes"] if volume["status"] == "available")
    free["attachments"] = attachments
    assert (await Volume(cinder(volumes=body)).volumes()).orphans is None
    free["status"] = "in-use"
    assert (await Volume(cinder(volumes=body)).volumes()).orphans == Count(2, 4 * GIB)


async def test_capacity_that_the_backend_does_not_know_is_absent() -> None:
    body = pool(total_capacity_gb="unknown", free_capacity_gb=None)
    (backend,) = (await Volume(cinder(backends=body)).backends()).backends
    assert (backend.total, backend.free, backend.provisioned) == (None, None, None)


async def test_volumes_are_counted_in_bytes_and_those_free_for_use_are_orphans() -> None:
    read = await Volume(cinder()).volumes()
    assert read.by_state == {
        "in-use": Count(2, 2 * GIB), "error": Count(1, GIB), "available": Count(3, 6 * GIB),
    }  # fmt: skip
    assert read.by_project == {PROJECT1: Count(6, 9 * GIB)}
    assert read.orphans == Count(3, 6 * GIB)


async def test_volume_that_has_an_attachment_is_no_orphan_whatever_its_state_says() -> None:
    volumes = answer("volumes")
    for volume in volumes["volumes"]:
        volume["attachments"] = [{"server_id": "x"}]
    assert (await Volume(cinder(volumes=volumes)).volumes()).orphans == Count(0, 0)


async def test_snapshots_and_backups_have_projects_and_bytes() -> None:
    volume = Volume(cinder())
    snapshots, backups = await volume.snapshots(), await volume.backups()
    assert snapshots.by_project.keys() == {PROJECT1}
    assert snapshots.by_state.keys() == {"available"}
    assert backups.by_state == {"error": Count(1, 2 * GIB)}
    assert backups.by_project == {PROJECT1: Count(1, 2 * GIB)}
    assert (snapshots.orphans, backups.orphans) == (None, None)


async def test_project_that_cinder_does_not_tell_is_the_own_one_unless_all_are_seen() -> None:
    volumes, backups = answer("volumes"), answer("backups")
    for volume in volumes["volumes"]:
        del volume["os-vol-tenant-attr:tenant_id"]
    del backups["backups"][0]["os-backup-project-attr:project_id"]
    api = cinder(volumes=volumes, backups=backups)
    assert (await Volume(api).volumes()).by_project == {}
    api.be(roles=frozenset({"member"}))
    assert (await Volume(api).volumes()).by_project.keys() == {PROJECT}
    assert (await Volume(api).backups()).by_project.keys() == {PROJECT}


async def test_cinder_without_backups_is_left_out_of_backups() -> None:
    api = cinder(backups=NotThereError("block-storage: 404"))
    api.answers["block-storage", "/extensions"] = {"extensions": [{"alias": "os-services"}]}
    with pytest.raises(LeftOutError) as caught:
        await Volume(api).backups()
    assert caught.value.reason is LeftOut.ABSENT


@pytest.mark.parametrize("question", ["services", "backends"])
async def test_empty_list_without_the_role_is_no_right_to_see_it(question: str) -> None:
    api = cinder(**{question: {PATHS[question][1]: []}})
    assert await getattr(Volume(api), question)() is not None
    api.be(roles=frozenset({"reader"}))
    with pytest.raises(LeftOutError) as caught:
        await getattr(Volume(api), question)()
    assert caught.value.reason is LeftOut.UNAUTHORIZED


@pytest.mark.parametrize("question", COUNTED)
async def test_no_objects_are_zero(question: str) -> None:
    read = await getattr(Volume(cinder(**{question: {PATHS[question][1]: []}})), question)()
    assert (read.sort, read.by_state, read.malformed) == (question, {}, 0)


@pytest.mark.parametrize("question", COUNTED)
async def test_objects_of_every_project_are_asked_for_and_a_plain_credential_says_that_it_sees_its_own(
    question: str,
) -> None:
    api = cinder()
    assert (await getattr(Volume(api), question)()).is_whole
    assert dict(api.calls[0].params) == {"limit": "1000", "all_tenants": "1"}
    api.be(roles=frozenset({"member"}), project_id=PROJECT1)
    assert not (await getattr(Volume(api), question)()).is_whole


@pytest.mark.parametrize("question", COUNTED)
async def test_other_projects_objects_tell_that_all_are_seen_whatever_the_role_is_called(
    question: str,
) -> None:
    api = cinder()
    api.be(roles=frozenset({"cloud_admin"}))
    assert (await getattr(Volume(api), question)()).is_whole


SIZED = ("volumes", "snapshots", "backups")


@pytest.mark.parametrize("size", [None, "1", -1, True, 1.5, {}])
@pytest.mark.parametrize("question", SIZED)
async def test_size_that_is_not_known_is_no_zero_and_leaves_out_the_sums_it_belongs_to(
    question: str, size: object
) -> None:
    _, key, fixture = PATHS[question]
    whole = await getattr(Volume(cinder()), question)()
    body = spoilt(fixture, key, field="size", value=size)
    read = await getattr(Volume(cinder(**{question: body})), question)()
    state = answer(fixture)[key][0]["status"]
    assert read.by_state == whole.by_state | {state: Count(whole.by_state[state].number, None)}
    assert {count.size for count in read.by_project.values()} == {None}
    assert read.malformed == 1


@pytest.mark.parametrize("question", SIZED)
async def test_list_of_which_nothing_makes_sense_is_no_zero(question: str) -> None:
    _, key, _ = PATHS[question]
    with pytest.raises(CollectError, match=f"{question}: all 2 are malformed") as caught:
        await getattr(Volume(cinder(**{question: {key: [{"id": 3}, 7]}})), question)()
    assert caught.value.reason is Reason.MALFORMED


@pytest.mark.parametrize("question", PATHS)
async def test_item_that_makes_no_sense_costs_itself(question: str) -> None:
    _, key, fixture = PATHS[question]
    field = {"services": "binary", "backends": "name"}.get(question, "id")
    body = spoilt(fixture, key, field=field, value=["?"])
    good = answer(fixture)
    body[key] += good[key]
    read = await getattr(Volume(cinder(**{question: body})), question)()
    assert read.malformed == 1


@pytest.mark.parametrize("question", PATHS)
@pytest.mark.parametrize(
    "error", [CollectError(Reason.UNAVAILABLE, "block-storage: 503"), ForbiddenError("block-storage: 403")]
)
async def test_cinder_that_is_down_or_forbids_is_told_as_it_is(question: str, error: Exception) -> None:
    with pytest.raises(type(error)):
        await getattr(Volume(cinder(**{question: error})), question)()
