"""One server: what is understood of it, and which VM it is."""

from typing import Any

import msgspec
import pytest

from stratoscope.clouds.condition import FaultReason
from stratoscope.clouds.model import VM
from stratoscope.clouds.openstack.compute.server import (
    CONDITIONS,
    GONE,
    SERVERS,
    Texts,
    of_unknown_state,
    vm,
)
from stratoscope.demo.world.models import STATUSES
from support.openstack_answers import answer

GIB, MIB = 2**30, 2**20
IMAGE = "8ef6d8e2-8f6d-416e-922c-8a330ad139d4"
PROJECT1 = "f0940456145b4fdf82c3a013b30c907c"
USER1 = "4d35f4f99cc9469689dd9ed0edf4c28d"


def raw(which: str = "web", /, **changes: Any) -> dict[str, Any]:
    """A recorded server, but for these changes."""
    server = next(one for one in answer("servers")["servers"] if one["name"] == which)
    return {**server, **changes}


def read(*servers: dict[str, Any]) -> tuple[list[VM], int]:
    """The VMs that are understood, and how many servers are not."""
    found, malformed = SERVERS.items(msgspec.json.encode({"servers": servers}))
    texts = Texts()
    return [vm(server, texts) for server in found], malformed


def one(which: str = "web", /, **changes: Any) -> VM:
    (found,), malformed = read(raw(which, **changes))
    assert malformed == 0
    return found


def test_server_that_runs_is_known_in_all_it_says() -> None:
    assert one() == VM(
        vm_id="b1108572-6d49-4e82-a029-b1dd7ff6cc94",
        name="web",
        state="ACTIVE",
        transition="",
        project_id=PROJECT1,
        user_id=USER1,
        flavor="probe.tiny",
        image=IMAGE,
        host="fake1",
        zone="az1",
        created=1795422607.0,
        changed=1795422614.0,
        vcpus=1,
        memory=64 * MIB,
        disk=GIB,
        addresses=1,
        fault=None,
    )


def test_server_from_a_volume_has_no_image_and_no_root_disk() -> None:
    found = one("from-volume")
    assert (found.image, found.disk) == ("", 0)
    assert one("from-volume", image=None).image == ""


def test_disk_is_root_ephemeral_and_swap() -> None:
    flavor = {**raw()["flavor"], "disk": 10, "ephemeral": 5, "swap": 512}
    assert one(flavor=flavor).disk == 15 * GIB + 512 * MIB
    assert one("from-volume", flavor=flavor).disk == 5 * GIB + 512 * MIB


def test_build_has_been_under_way_since_the_server_was_created() -> None:
    found = one("building", updated="2026-11-23T09:59:00Z")
    assert (found.state, found.transition, found.changed) == ("BUILD", "BUILD", found.created)


@pytest.mark.parametrize(
    ("status", "task", "transition"),
    [
        ("BUILD", "spawning", "spawning"),
        ("BUILD", None, "BUILD"),
        ("ACTIVE", "deleting", "deleting"),
        ("MIGRATING", "migrating", "migrating"),
        ("RESIZE", "resize_prep", "resize_prep"),
        ("ERROR", "deleting", "deleting"),
        ("VERIFY_RESIZE", None, ""),
        ("SHUTOFF", None, ""),
        ("RESCUE", None, ""),
        ("NEW_STATE", None, ""),
    ],
)
def test_server_is_in_a_transition_while_something_is_done_to_it(
    status: str, task: str | None, transition: str
) -> None:
    found = one(status=status, **{"OS-EXT-STS:task_state": task})
    assert (found.state, found.transition) == (status, transition)


def test_server_in_error_has_the_reason_of_its_fault() -> None:
    assert one("broken").fault is FaultReason.HYPERVISOR
    assert one("nowhere").fault is FaultReason.UNKNOWN
    assert one(fault={"message": "libvirtError"}).fault is None


def test_project_is_told_no_host() -> None:
    server = raw()
    del server["OS-EXT-SRV-ATTR:host"]
    assert read(server)[0][0].host == ""
    assert one(**{"OS-EXT-SRV-ATTR:host": None}).host == ""


def test_addresses_are_counted_over_all_networks() -> None:
    addresses = {"a": [{"addr": "10.0.0.1"}, {"addr": "fe80::1"}], "b": [{"addr": "10.1.0.1"}], "c": []}
    assert one(addresses=addresses).addresses == 3
    assert one(addresses={}).addresses == 0


def test_server_of_a_cell_that_does_not_answer_is_there_and_unknown() -> None:
    partial = {
        "id": "x",
        "status": "UNKNOWN",
        "tenant_id": "p1",
        "created": "2026-11-23T08:30:07Z",
        "links": [],
    }
    (found,), malformed = read(partial)
    assert malformed == 0
    assert (found.vm_id, found.state, found.project_id, found.flavor, found.vcpus) == (
        "x",
        "UNKNOWN",
        "p1",
        "",
        None,
    )


def test_vm_of_unknown_state_keeps_what_was_known() -> None:
    known = one("broken")
    lost = of_unknown_state(known)
    assert (lost.state, lost.fault, lost.name, lost.flavor) == ("UNKNOWN", None, "broken", "probe.tiny")


def test_moments_without_a_zone_are_utc() -> None:
    found = one(created="2026-11-23T08:30:07", updated="2026-11-23T08:30:14")
    assert (found.created, found.changed) == (1795422607.0, 1795422614.0)


@pytest.mark.parametrize("status", ["ACTIVE", "BUILD", "ERROR", "UNKNOWN"])
def test_server_without_a_flavor_makes_no_sense(status: str) -> None:
    without = raw(status=status)
    del without["flavor"]
    assert read(raw(), raw(status=status, flavor=None), without) == ([one()], 2)


@pytest.mark.parametrize("status", ["DELETED", "SOFT_DELETED"])
def test_server_that_is_gone_needs_no_flavor(status: str) -> None:
    assert one(status=status, flavor=None).state == status


@pytest.mark.parametrize(
    "bad",
    [
        {"id": "x" * 1025},
        {"tenant_id": "x" * 1025},
        {"id": 7},
        {"status": None},
        {"created": "yesterday"},
        {"flavor": {"id": "1"}},
        {"flavor": {"original_name": "x", "vcpus": -1, "ram": 1, "disk": 1}},
        {"flavor": {"original_name": "x", "vcpus": 10**30, "ram": 1, "disk": 1}},
        {"flavor": {"original_name": "x", "vcpus": 1, "ram": 1, "disk": 1, "ephemeral": None}},
        {"flavor": {"original_name": "x", "vcpus": 1, "ram": 1, "disk": 1, "swap": None}},
        {"image": 7},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_server_that_makes_no_sense_costs_itself_alone(bad: dict[str, Any]) -> None:
    found, malformed = read(raw(), raw(**bad), raw("broken"))
    assert ([vm.name for vm in found], malformed) == (["web", "broken"], 1)


@pytest.mark.parametrize(("addresses", "malformed"), [(None, 0), ({"a": 7}, 1), ("x", 1)], ids=str)
def test_addresses_that_are_not_told_are_no_zero(addresses: object, malformed: int) -> None:
    (found,), wrong = read(raw(addresses=addresses))
    assert (found.addresses, found.vcpus, wrong) == (None, 1, malformed)


@pytest.mark.parametrize(("name", "malformed"), [(7, 1), (None, 0)])
def test_server_whose_name_makes_no_sense_goes_on_without_one(name: object, malformed: int) -> None:
    found, number = read(raw(), raw(id="x", name=name), raw("broken"))
    assert ([vm.name for vm in found], number) == (["web", "", "broken"], malformed)


@pytest.mark.parametrize("key", ["user_id", "OS-EXT-SRV-ATTR:host", "OS-EXT-AZ:availability_zone", "fault"])
def test_field_that_a_server_can_do_without_costs_itself_alone(key: str) -> None:
    (found,), malformed = read(raw(**{key: 7}))
    assert (found.name, malformed) == ("web", 1)


def test_texts_that_servers_share_are_kept_once() -> None:
    (first, second), _ = read(raw(), raw(id="x"))
    assert first.flavor is second.flavor
    assert first.host is second.host


def test_every_status_of_a_server_that_exists_has_a_condition() -> None:
    assert CONDITIONS.keys() >= STATUSES - GONE
