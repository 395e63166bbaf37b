"""Volumes and floating IPs are kept by id; whether none is missing from them."""

from typing import Any

import pytest

from stratoscope.clouds.model import Objects
from stratoscope.clouds.openstack.client import counting
from stratoscope.clouds.openstack.network.objects import Network
from stratoscope.clouds.openstack.volume import Volume
from support.fake_api import PROJECT, Answer, FakeApi
from support.openstack_answers import answer, spoilt


async def volumes(body: Answer) -> Objects:
    return await Volume(FakeApi({("block-storage", "/volumes/detail"): body})).volumes()


def some(count: int, **more: Any) -> dict[str, Any]:
    owner = {"os-vol-tenant-attr:tenant_id": PROJECT, "attachments": []}
    rows = [{"id": f"v{number}", "status": "available", "size": 1} | owner for number in range(count)]
    return {"volumes": rows, **more}


async def test_each_volume_is_kept_with_its_state() -> None:
    found = await volumes(answer("volumes"))
    rows = answer("volumes")["volumes"]
    assert found.listed is not None
    assert found.listed.states == {row["id"]: row["status"] for row in rows}
    assert found.listed.is_complete


async def test_each_floating_ip_is_kept_with_its_state() -> None:
    api = FakeApi({("network", "/v2.0/floatingips"): answer("floatingips")})
    found = (await Network(api).floating_ips()).listed
    rows = answer("floatingips")["floatingips"]
    assert found is not None
    assert found.states == {row["id"]: row["status"] for row in rows}


async def test_what_nobody_asks_for_is_not_kept() -> None:
    api = FakeApi({("network", "/v2.0/ports"): answer("ports")})
    assert (await Network(api).ports()).listed is None


async def test_no_volumes_are_a_complete_list() -> None:
    found = (await volumes(some(0))).listed
    assert found is not None
    assert (found.states, found.is_complete) == ({}, True)


async def test_malformed_volume_leaves_the_list_incomplete() -> None:
    found = await volumes(spoilt("volumes", "volumes", field="id", value=7))
    assert found.listed is not None
    assert (found.malformed, found.listed.is_complete) == (1, False)


async def test_volume_whose_size_makes_no_sense_is_there() -> None:
    found = await volumes(spoilt("volumes", "volumes", field="size", value="large"))
    assert found.listed is not None
    assert (found.malformed, found.listed.is_complete) == (1, True)


async def test_list_that_the_source_cut_is_incomplete() -> None:
    found = await volumes(some(3, truncated=True))
    assert found.listed is not None
    assert (len(found.listed.states), found.listed.is_complete) == (3, False)


async def test_list_of_more_than_are_kept_is_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_LISTED", 2)  # 250,000 rows would take seconds
    found = await volumes(some(3))
    assert found.listed is not None
    assert (sorted(found.listed.states), found.listed.is_complete) == (["v0", "v1"], False)
    assert found.by_state["available"].number == 3
