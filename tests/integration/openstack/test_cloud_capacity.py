"""How many more VMs fit: the exporter's word against Nova's, who is asked until it refuses."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.openstack.exporters import QUICK, configuration, running, wait_for_page
from integration.openstack.openstack_cli import Cli, remove
from integration.openstack.outages import knob

pytestmark = pytest.mark.integration

BUILD_TIMEOUT_S = 120
SERVERS = {"interval": "5s", "timeout": "20s", "max_age": "40s"}
"""Faults that no list tells are asked for only while more than 10 s are left."""
ASKED = {"servers": SERVERS} | dict.fromkeys(("hypervisors", "inventories", "capacity"), QUICK)
"""Collectors that must follow quickly here."""


def create(cli: Cli, cloud: str, name: str, flavor: str, zone: str) -> None:
    image = ("--image", "cirros", "--network", "shared")
    cli.do("server", "create", "--flavor", flavor, *image, "--availability-zone", zone, name, cloud=cloud)


def states(cli: Cli, prefix: str) -> dict[str, str]:
    """Server name -> its status."""
    rows = cli.ask("server", "list", "--all-projects", "--name", f"^{prefix}")
    return {row["Name"]: row["Status"] for row in rows}


@contextmanager
def removed_afterwards(cli: Cli, prefix: str) -> Iterator[None]:
    """Servers whose name begins so are there for a while only."""
    try:
        yield
    finally:
        remove(cli, "--name", f"^{prefix}")


def test_as_many_vms_fit_as_the_exporter_says(cli: Cli, tmp_path: Path) -> None:
    """A common flavor in a small zone, and one with pinned CPUs."""
    wanted = (("small", "small"), ("pinned", "az1"))
    config = configuration(collectors=ASKED)
    with running(tmp_path, config) as exporter, removed_afterwards(cli, "fit-"):
        ours = wait_for_page(
            exporter,
            lambda page: (
                page.value("host_pcpus", host="compute2")
                and page.value("flavor_room_upper_bound", flavor="small", zone="small") == 0
            ),
            "hosts' bounds are read",
            30,
        )
        room = {
            flavor: int(ours.value("flavor_room_vms", flavor=flavor, zone=zone) or 0)
            for flavor, zone in wanted
        }
        assert room == {"small": 2, "pinned": 3}
        for flavor, zone in wanted:
            for number in range(room[flavor] + 1):
                create(cli, "user3", f"fit-{flavor}-{number}", flavor, zone)
        deadline = time.monotonic() + BUILD_TIMEOUT_S
        while "BUILD" in (found := states(cli, "fit-")).values():
            assert time.monotonic() < deadline, found
            time.sleep(1)
        for flavor, _ in wanted:
            ended = Counter(state for name, state in found.items() if flavor in name)
            assert ended == {"ACTIVE": room[flavor], "ERROR": 1}, flavor
        ours = wait_for_page(
            exporter,
            lambda page: all(
                page.value("flavor_room_vms", flavor=flavor, zone=zone) == 0 for flavor, zone in wanted
            ),
            "no room is left",
            30,
        )
        largest = ours.info("zone_largest_flavor_info", zone="small")
        # Nobody tells that the zone has no huge pages: what certainly fits goes before an upper bound.
        assert (largest["flavor"], largest["upper_bound"]) == ("tiny", "false")
        ours = wait_for_page(
            exporter,
            lambda page: page.value("vms_in_error", reason="no_valid_host") == 3,
            "no host was found for two more",
            30,
        )
        vm_ids = {have["vm_id"] for have, _ in ours.all("vm_info") if have["vm_name"].startswith("fit-")}
        assert len(vm_ids) == 7
    # The exporter has ended; what it would see now is what it saw first.
    with running(tmp_path, config) as exporter:
        wait_for_page(
            exporter,
            lambda page: page.value("flavor_room_vms", flavor="small", zone="small") == 2,
            "the room is back",
            30,
        )


def test_a_vm_that_is_built_slowly_is_in_transition_and_a_deleted_one_vanishes(
    cli: Cli, tmp_path: Path
) -> None:
    config = configuration(collectors={"servers": SERVERS})
    slowly = knob("compute3.json", json.dumps({"spawn_seconds": 20}))
    with slowly, running(tmp_path, config) as exporter, removed_afterwards(cli, "slow-"):
        began = time.time()
        create(cli, "user3", "slow-1", "tiny", "small")
        ours = wait_for_page(
            exporter, lambda page: page.value("vms_in_transition", state="spawning"), "it spawns", 30
        )
        since = ours.value("vms_in_transition_oldest_timestamp_seconds", state="spawning")
        assert since == pytest.approx(began, abs=5)
        assert ours.value("vms", state="BUILD") == 1
        ours = wait_for_page(
            exporter, lambda page: not page.value("vms_in_transition", state="spawning"), "it is built", 60
        )
        (vm_id,) = (have["vm_id"] for have, _ in ours.all("vm_info") if have["vm_name"] == "slow-1")
        assert ours.value("vm_state", vm_id=vm_id, state="ACTIVE") == 1
        cli.do("server", "delete", vm_id)
        wait_for_page(exporter, lambda page: not page.all("vm_info", vm_id=vm_id), "it vanishes", 30)
        assert ours.requests(operation="servers") < 30


def test_a_host_that_fails_vms_is_a_fault_of_the_hypervisor(cli: Cli, tmp_path: Path) -> None:
    failing = knob("compute3.json", json.dumps({"spawn_error": "no space left on device"}))
    config = configuration(collectors={"servers": SERVERS})
    with failing, running(tmp_path, config) as exporter, removed_afterwards(cli, "fail-"):
        create(cli, "user3", "fail-1", "tiny", "small")
        ours = wait_for_page(
            exporter, lambda page: page.value("vms_in_error", reason="hypervisor") == 2, "it failed", 60
        )
        (vm_id,) = (have["vm_id"] for have, _ in ours.all("vm_info") if have["vm_name"] == "fail-1")
        assert ours.info("vm_fault_info", vm_id=vm_id)["reason"] == "hypervisor"
