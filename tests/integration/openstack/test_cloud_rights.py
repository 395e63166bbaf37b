"""Who sees what: an administrator's application credential, a reader, a plain project."""

from collections import Counter
from pathlib import Path

import pytest

from integration.openstack.conftest import first_page
from integration.openstack.exporters import configuration, running
from integration.openstack.openstack_cli import Cli
from stratoscope.clouds.openstack.cloud import OpenStack
from support.series import MANAGEMENT, Page, read

pytestmark = pytest.mark.integration

GIB = 2**30
UNAUTHORIZED = {
    *("compute_services", "migrations", "hypervisors", "aggregates", "inventories", "allocations"),
    *("capacity", "network_agents", "volume_services", "volume_backends"),
}
"""What only administrators are told."""
ABSENT = {
    *("load_balancer", "baremetal", "dns", "shared_file_system", "orchestration", "container_infra"),
    "key_manager",
}
"""What this cloud does not have."""
OFF = {"events", *(one.name for one in OpenStack.questions if not one.is_on)}
"""What is asked only where the configuration says so."""
NEITHER = dict.fromkeys(ABSENT, "absent") | dict.fromkeys(OFF, "not_configured")
MOVING = (
    *("_timestamp_seconds", "_latency_seconds_bucket", "_latency_seconds_sum"),
    # Until the hosts have been read, all room is an upper bound.
    *("_flavor_room_upper_bound", "_zone_largest_flavor_info"),
)


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return first_page(tmp_path_factory.mktemp("reader"), "exporter")


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return first_page(tmp_path_factory.mktemp("member"), "user1")


def steady(ours: Page) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The series of the cloud that stay the same while nothing happens there."""
    return {
        key: value
        for key, value in ours.samples.items()
        if key[0].startswith(MANAGEMENT) and not key[0].endswith(MOVING)
    }


def failures(ours: Page) -> float:
    return sum(value for _, value in ours.all("stratoscope_collector_errors_total"))


def test_an_application_credential_sees_what_its_owner_sees(admins: Page, tmp_path: Path) -> None:
    ours = first_page(tmp_path, "application")
    assert len(steady(ours)) > 900
    assert steady(ours) == steady(admins)
    assert failures(ours) == 0


def test_an_administrator_misses_only_services_that_are_not_there(admins: Page) -> None:
    assert admins.left_out() == NEITHER
    assert failures(admins) == 0


@pytest.mark.parametrize("os_cloud", ["exporter", "user1"])
def test_what_a_credential_may_not_see_is_left_out_and_not_zero(
    readers: Page, members: Page, os_cloud: str
) -> None:
    ours = readers if os_cloud == "exporter" else members
    assert ours.left_out() == dict.fromkeys(UNAUTHORIZED, "unauthorized") | NEITHER
    assert failures(ours) == 0
    for name in ("service_up", "host_info", "host_vcpus", "flavor_room_vms", "backend_free_bytes", "users"):
        assert ours.all(name) == [], name
    assert ours.value("vms_whole") == 0
    assert set(ours.by("objects_whole", "sort").values()) == {0}
    assert {have["public"] for have, _ in ours.all("flavor_info")} == {"true"}


def test_a_reader_of_the_project_admin_sees_that_project(readers: Page, cli: Cli) -> None:
    assert [have["project_name"] for have, _ in readers.all("project_info")] == ["admin"]
    images = cli.ask("image", "list", "--long", cloud="exporter")
    assert readers.by("images", "state") == Counter(row["Status"] for row in images)
    assert readers.all("vm_info") == []
    cores = cli.ask("quota", "show", "--compute", "admin")
    limit = next(row["Limit"] for row in cores if row["Resource"] == "cores")
    assert readers.value("quota_limit", resource="cores") == limit


def test_a_plain_project_sees_its_own_vms_and_objects(members: Page, cli: Cli) -> None:
    servers = cli.ask("server", "list", "--long", cloud="user1")
    shown = {have["vm_id"]: have["vm_name"] for have, _ in members.all("vm_info")}
    assert shown == {row["ID"]: row["Name"] for row in servers}
    assert Counter(members.by("vms", "state")) == Counter(row["Status"] for row in servers)
    assert members.by("flavor_vms", "flavor") == Counter(row["Flavor"] for row in servers)
    for sort, command in {
        "volumes": ("volume", "list"),
        "floating_ips": ("floating", "ip", "list", "--long"),
        "routers": ("router", "list", "--long"),
        "ports": ("port", "list", "--long"),
        "networks": ("network", "list", "--long"),
    }.items():
        rows = cli.ask(*command, cloud="user1")
        assert members.by(sort, "state") == Counter(row["Status"] for row in rows), sort
    assert members.value("volumes_bytes", state="in-use") == 10 * GIB


def test_a_plain_project_sees_its_own_head_room(members: Page, cli: Cli) -> None:
    (project,) = {have["project_id"] for have, _ in members.all("quota_used")}
    assert members.info("project_info")["project_id"] == project
    rows = {row["Resource"]: row for row in cli.ask("quota", "show", "--usage", "--compute", "project1")}
    for resource in ("cores", "instances"):
        labels = {"service": "compute", "resource": resource}
        assert members.value("quota_limit", **labels) == rows[resource]["Limit"]
        assert members.value("quota_used", **labels) == rows[resource]["In Use"]
    assert members.value("quota_used", service="network", resource="floatingip") == 1
    used = members.value("quota_used_bytes", service="block-storage", resource="gigabytes")
    assert used == (10 + 3 + 3) * GIB


def test_a_plain_project_learns_nothing_of_other_projects(tmp_path: Path, cli: Cli) -> None:
    ids = {row["Name"]: row["ID"] for row in cli.ask("project", "list")}
    with running(tmp_path, configuration("user1")) as exporter:
        text = exporter.get()
    assert ids["project1"] in text
    for name in ("project2", "project3", "project4", "project5"):
        assert ids[name] not in text, name
    assert "secret-of-the-test-cloud" not in text + exporter.log.read_text()
    assert read(text).requests(code="401") == 0
