"""Volumes, ports, addresses and images that are bound to nothing or in error, by name."""

from typing import Any, Final

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.model import Objects
from stratoscope.clouds.openstack.image import Image
from stratoscope.clouds.openstack.network.objects import Network
from stratoscope.clouds.openstack.volume import Volume
from stratoscope.clouds.orphans import Orphan, OrphanReason
from support.fake_api import Answer, FakeApi
from support.openstack_answers import answer

DAY: Final = 86400.0
NOON: Final = 1788264000.0
"""2026-09-01T12:00:00Z"""


def volume(**changed: Any) -> dict[str, Any]:
    whole = {
        "id": "v", "status": "available", "size": 1, "attachments": [], "name": "data",
        "os-vol-tenant-attr:tenant_id": "p", "updated_at": "2026-09-01T12:00:00.000000",
    }  # fmt: skip
    return whole | changed


def port(**changed: Any) -> dict[str, Any]:
    whole = {
        "id": "q", "status": "DOWN", "device_id": "", "device_owner": "", "name": "left", "project_id": "p",
        "admin_state_up": True, "updated_at": "2026-09-01T12:00:00Z", "binding:host_id": "",
    }  # fmt: skip
    return whole | changed


def address(**changed: Any) -> dict[str, Any]:
    whole = {
        "id": "f", "status": "DOWN", "port_id": None, "project_id": "p", "floating_ip_address": "192.0.2.7",
        "updated_at": "2026-09-01T12:00:00Z",
    }  # fmt: skip
    return whole | changed


async def volumes(*pages: Answer) -> Objects:
    return await Volume(FakeApi({("block-storage", "/volumes/detail"): list(pages)})).volumes()


async def ports(*pages: Answer) -> Objects:
    return await Network(FakeApi({("network", "/v2.0/ports"): list(pages)})).ports()


async def addresses(*pages: Answer) -> Objects:
    return await Network(FakeApi({("network", "/v2.0/floatingips"): list(pages)})).floating_ips()


async def images(*rows: dict[str, Any], now: float = NOON) -> Objects:
    api = FakeApi({("image", "/v2/images"): {"images": list(rows)}})
    return (await Image(api, Clock(now=lambda: now)).images()).objects


def named(read: Objects) -> tuple[Orphan, ...]:
    assert read.named is not None
    return read.named.objects


async def test_each_sort_is_named_with_its_owner_and_since_when() -> None:
    unbound = OrphanReason.UNBOUND
    assert named(await volumes({"volumes": [volume()]})) == (
        Orphan("v", "data", "p", unbound, "available", NOON),
    )
    assert named(await ports({"ports": [port()]})) == (Orphan("q", "left", "p", unbound, "DOWN", NOON),)
    assert named(await addresses({"floatingips": [address()]})) == (
        Orphan("f", "192.0.2.7", "p", unbound, "DOWN", NOON),
    )


@pytest.mark.parametrize("state", ["error", "error_deleting", "error_extending"])
async def test_a_volume_in_error_is_named_whether_it_is_attached_or_not(state: str) -> None:
    body = {"volumes": [volume(status=state), volume(id="w", status=state, attachments=[{"server_id": "s"}])]}
    found = named(await volumes(body))
    assert {(one.object_id, one.reason, one.state) for one in found} == {
        ("v", OrphanReason.ERROR, state),
        ("w", OrphanReason.ERROR, state),
    }


async def test_ports_and_addresses_in_error_are_named_as_such_even_if_bound_to_nothing() -> None:
    bound = port(id="r", status="ERROR", device_id="vm", device_owner="compute:nova")
    found = named(await ports({"ports": [port(status="ERROR"), bound]}))
    assert [one.reason for one in found] == [OrphanReason.ERROR] * 2
    assert named(await addresses({"floatingips": [address(status="ERROR")]}))[0].reason is OrphanReason.ERROR


async def test_a_port_whose_binding_failed_is_named_with_its_owner_whatever_its_status() -> None:
    failed = {"binding:vif_type": "binding_failed", "binding:host_id": "c1"}
    bound = {"device_id": "vm", "device_owner": "compute:nova"}
    found = await ports({"ports": [
        port(**failed, **bound),
        port(id="r", **failed, status="ERROR"),
        port(id="s", **bound),
        port(id="t", **bound, **{"binding:vif_type": "ovs"}),
        port(id="u", **bound, **{"binding:vif_type": None}),
    ]})  # fmt: skip
    assert named(found) == (
        Orphan("q", "left", "p", OrphanReason.ERROR, "binding_failed", NOON),
        Orphan("r", "left", "p", OrphanReason.ERROR, "ERROR", NOON),
    )
    assert {state: of_state.number for state, of_state in found.by_state.items()} == {"DOWN": 4, "ERROR": 1}


async def test_what_is_in_use_is_not_named() -> None:
    used = volume(status="in-use", attachments=[{"server_id": "s"}])
    assert named(await volumes({"volumes": [used]})) == ()
    assert named(await ports({"ports": [port(device_id="vm")]})) == ()
    assert named(await addresses({"floatingips": [address(port_id="q")]})) == ()


async def test_names_and_owners_that_are_null_or_absent_are_empty_and_so_is_the_moment() -> None:
    null = {"name": None, "os-vol-tenant-attr:tenant_id": None, "updated_at": None}
    (one,) = named(await volumes({"volumes": [volume(**null)]}))
    assert (one.name, one.project_id, one.changed) == ("", "", None)
    bare = {name: value for name, value in port().items() if name not in ("name", "project_id", "updated_at")}
    (one,) = named(await ports({"ports": [bare]}))
    assert (one.name, one.project_id, one.changed) == ("", "", None)


async def test_a_moment_that_makes_no_sense_costs_itself_alone_and_is_counted() -> None:
    read = await ports({"ports": [port(updated_at="yesterday"), port(id="r")]})
    assert {one.object_id: one.changed for one in named(read)} == {"q": None, "r": NOON}
    assert read.malformed == 1


async def test_whether_one_is_bound_is_unknown_and_it_is_not_named() -> None:
    assert named(await ports({"ports": [port(device_owner=None)]})) == ()


async def test_the_orphans_of_all_pages_are_named() -> None:
    first, second = {"volumes": [volume()]}, {"volumes": [volume(id="w")]}
    assert [one.object_id for one in named(await volumes(first, second))] == ["v", "w"]


async def test_images_whose_upload_failed_are_in_error() -> None:
    rows = {"id": "i", "status": "killed", "name": "web", "owner": "p", "updated_at": "2026-09-01T12:00:00Z"}
    assert named(await images(rows)) == (Orphan("i", "web", "p", OrphanReason.ERROR, "killed", NOON),)


@pytest.mark.parametrize("state", ["queued", "saving", "uploading", "importing"])
async def test_images_are_without_data_after_a_day(state: str) -> None:
    row = {"id": "i", "status": state, "size": None, "name": None, "updated_at": "2026-09-01T12:00:00Z"}
    assert named(await images(row, now=NOON + DAY)) == ()
    (one,) = named(await images(row, now=NOON + DAY + 1))
    assert (one.reason, one.name, one.project_id) == (OrphanReason.NO_DATA, "", "")


async def test_an_image_that_has_its_data_or_tells_no_moment_is_not_named() -> None:
    active = {"id": "i", "status": "active", "size": 7, "updated_at": "2026-09-01T12:00:00Z"}
    assert named(await images(active, {"id": "j", "status": "queued"}, now=NOON + 9 * DAY)) == ()


async def test_of_what_a_real_cloud_answered_those_in_error_and_unbound_are_named() -> None:
    read = await volumes(answer("volumes"))
    reasons = [one.reason.value for one in named(read)]
    assert reasons == ["error", "unbound", "unbound", "unbound"]
    assert read.orphans is not None
    assert read.orphans.number == 3
    ports_read = await ports(answer("ports"))
    assert [one.reason.value for one in named(ports_read)] == ["unbound"]
    found = named(await addresses(answer("floatingips")))
    assert [one.reason.value for one in found] == ["unbound", "unbound"]
