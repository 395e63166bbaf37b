"""Services, hosts and VMs: the exporter's numbers against `openstack ... -f json`."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from integration.openstack.openstack_cli import Cli
from support.series import Page

pytestmark = pytest.mark.integration

MIB, GIB = 2**20, 2**30
HEARTBEAT_S = 60
"""Services report every 5 s; so much may pass between the exporter's question and the tool's."""
OLD = ("--os-compute-api-version", "2.87")
"""The last release in which Nova tells what hosts have."""
RESOURCES = {"VCPU": ("vcpus", "", 1), "PCPU": ("pcpus", "", 1)}
SIZES = {"MEMORY_MB": ("memory", "_bytes", MIB), "DISK_GB": ("disk", "_bytes", GIB)}
FAULTS = {"giant-1": "no_valid_host", "broken-1": "hypervisor"}


def moment(text: str) -> float:
    """Unix seconds of a moment as OpenStack writes it."""
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def servers(cli: Cli) -> list[dict[str, Any]]:
    """All projects' servers, with their owners."""
    rows = cli.ask("server", "list", "--all-projects", "--long")
    owners = cli.ask("server", "list", "--all-projects", "-c", "ID", "-c", "project_id", "-c", "user_id")
    of = {row["ID"]: row for row in owners}
    return [row | of[row["ID"]] for row in rows]


@pytest.fixture(scope="module")
def flavors(cli: Cli) -> dict[str, dict[str, Any]]:
    return {row["Name"]: row for row in cli.ask("flavor", "list", "--all", "--long")}


def check_service(admins: Page, row: dict[str, Any], service: str) -> None:
    labels = {"service": service, "binary": row["Binary"], "host": row["Host"]}
    have = admins.info("service_up", **labels)
    assert have["zone"] == row["Zone"]
    assert admins.value("service_up", **labels) == (row["State"] == "up"), row
    assert admins.value("service_enabled", **labels) == (row["Status"] == "enabled"), row
    heartbeat = admins.value("service_heartbeat_timestamp_seconds", **labels)
    assert heartbeat == pytest.approx(moment(row["Updated At"]), abs=HEARTBEAT_S)


def test_novas_services_are_those_of_compute_service_list(admins: Page, cli: Cli) -> None:
    rows = cli.ask("compute", "service", "list", "--long")
    assert len(admins.all("service_up", service="compute")) == len(rows) == 6
    for row in rows:
        check_service(admins, row, "compute")
    disabled = {row["Host"]: row["Disabled Reason"] for row in rows if row["Status"] == "disabled"}
    assert disabled == {"compute4": "disk is being replaced"}
    texts = admins.all("service_disabled_info", service="compute")
    assert {have["host"]: have["text"] for have, _ in texts} == disabled


def test_neutrons_agents_are_those_of_network_agent_list(admins: Page, cli: Cli) -> None:
    rows = cli.ask("network", "agent", "list", "--long")
    assert len(admins.all("service_up", service="network")) == len(rows) == 7
    for row in rows:
        labels = {"service": "network", "binary": row["Binary"], "host": row["Host"]}
        assert admins.info("service_up", **labels)["zone"] == (row["Availability Zone"] or "")
        assert admins.value("service_up", **labels) == row["Alive"], row
        assert admins.value("service_enabled", **labels) == row["State"], row
    shown = cli.ask("network", "agent", "show", rows[0]["ID"])
    ours = admins.value("service_heartbeat_timestamp_seconds", binary=rows[0]["Binary"], host=rows[0]["Host"])
    assert ours == pytest.approx(moment(shown["last_heartbeat_at"][:19]), abs=HEARTBEAT_S)


def test_cinders_services_are_those_of_volume_service_list(admins: Page, cli: Cli) -> None:
    rows = cli.ask("volume", "service", "list")
    assert len(admins.all("service_up", service="block-storage")) == len(rows) == 3
    for row in rows:
        check_service(admins, row, "block-storage")


def test_endpoints_are_those_of_the_catalogue_and_answer(admins: Page, cli: Cli) -> None:
    types = {row["Type"] for row in cli.ask("catalog", "list")}
    assert admins.by("endpoint_up", "service") == dict.fromkeys(types, 1)
    for service in types:
        assert admins.value("endpoint_latency_seconds_count", service=service) == 1
        took_s = admins.value("endpoint_latency_seconds_sum", service=service)
        assert took_s is not None
        assert 0 < took_s < 30


def test_hosts_are_those_of_hypervisor_show(admins: Page, cli: Cli) -> None:
    names = [row["Hypervisor Hostname"] for row in cli.ask("hypervisor", "list")]
    assert set(admins.by("host_info", "host")) == set(names) == {f"compute{number}" for number in range(1, 5)}
    zones = {
        host: row["Availability Zone"]
        for row in cli.ask("aggregate", "list", "--long")
        for host in row["Hosts"]
    }
    for host in names:
        theirs = cli.ask(*OLD, "hypervisor", "show", host)
        info = admins.info("host_info", host=host)
        assert (info["zone"], info["hypervisor"]) == (zones[host], theirs["hypervisor_type"])
        assert info["hypervisor_version"] == str(theirs["hypervisor_version"])
        assert admins.by("host_state", "state", host=host) == {"up": 1, "down": 0} | {theirs["state"]: 1}
        assert admins.value("host_enabled", host=host) == (theirs["status"] == "enabled")
        assert admins.value("host_running_vms", host=host) == theirs["running_vms"]
        least = admins.value("host_disk_available_least_bytes", host=host)
        assert least == theirs["disk_available_least"] * GIB
        for ours, key, unit in (
            ("vcpus", "vcpus", 1),
            ("memory", "memory_mb", MIB),
            ("disk", "local_gb", GIB),
        ):
            suffix = "_bytes" if unit > 1 else ""
            assert admins.value(f"host_{ours}{suffix}", host=host) == theirs[key] * unit, (host, ours)
            assert admins.value(f"host_{ours}_used{suffix}", host=host) == theirs[f"{key}_used"] * unit


def test_inventories_and_usages_are_those_of_placement(admins: Page, cli: Cli) -> None:
    for provider in cli.ask("resource", "provider", "list"):
        host, uuid = provider["name"], provider["uuid"]
        usages = {
            row["resource_class"]: row["usage"]
            for row in cli.ask("resource", "provider", "usage", "show", uuid)
        }
        inventory = cli.ask("resource", "provider", "inventory", "list", uuid)
        assert {row["resource_class"] for row in inventory} == set(usages)
        for row in inventory:
            name, suffix, unit = (RESOURCES | SIZES)[row["resource_class"]]
            what = (host, row["resource_class"])
            reserved = admins.value(f"host_{name}_reserved{suffix}", host=host)
            assert reserved == row["reserved"] * unit, what
            ratio = admins.value(f"host_{name}_allocation_ratio", host=host)
            assert ratio == pytest.approx(row["allocation_ratio"]), what
            allocated = admins.value(f"host_{name}_allocated{suffix}", host=host)
            assert allocated == usages[row["resource_class"]] * unit, what
            assert admins.value(f"host_{name}{suffix}", host=host) == row["total"] * unit, what
    assert admins.by("host_pcpus", "host") == {"compute2": 16}


def test_over_provisioning_is_promised_over_physical(admins: Page, cli: Cli) -> None:
    services = cli.ask("compute", "service", "list", "--service", "nova-compute")
    takes_vms = {row["Host"] for row in services if (row["Status"], row["State"]) == ("enabled", "up")}
    promised, physical = Counter[str](), Counter[str]()
    for row in cli.ask(*OLD, "hypervisor", "list", "--long"):
        host = row["Hypervisor Hostname"]
        zone = admins.info("host_info", host=host)["zone"]
        if host in takes_vms:
            promised[zone] += row["Memory MB Used"]
            physical[zone] += row["Memory MB"]
        ours = admins.value("host_memory_overprovisioning_ratio", host=host)
        assert ours == pytest.approx(row["Memory MB Used"] / row["Memory MB"])
    ratios = {zone: promised[zone] / total for zone, total in physical.items()}
    assert admins.by("zone_memory_overprovisioning_ratio", "zone") == pytest.approx(ratios)


def test_each_vm_has_the_identity_and_the_state_of_server_list(
    admins: Page, servers: list[dict[str, Any]], cli: Cli
) -> None:
    projects = {row["ID"]: row["Name"] for row in cli.ask("project", "list")}
    users = {row["ID"]: row["Name"] for row in cli.ask("user", "list")}
    assert len(admins.all("vm_info")) == len(servers)
    assert len(servers) >= 12
    for row in servers:
        have = admins.info("vm_info", vm_id=row["ID"])
        expected = {
            "vm_name": row["Name"],
            "host": row["Host"] or "",
            "project_id": row["Project ID"],
            "project_name": projects[row["Project ID"]],
            "user_id": row["User ID"],
            "user_name": users[row["User ID"]],
            "flavor": row["Flavor"],
            "image_id": row["Image ID"],
            "zone": row["Availability Zone"] or "",
        }
        assert have == {"cloud": "lab", "vm_id": row["ID"]} | expected
        assert admins.by("vm_state", "state", vm_id=row["ID"]) == {row["Status"]: 1}


@pytest.mark.parametrize(
    ("name", "label", "column"),
    [
        ("vms", "state", "Status"),
        ("flavor_vms", "flavor", "Flavor"),
        ("image_vms", "image_id", "Image ID"),
        ("host_vms", "host", "Host"),
        ("zone_vms", "zone", "Availability Zone"),
        ("project_vms", "project_id", "Project ID"),
        ("user_vms", "user_id", "User ID"),
    ],
)
def test_vms_are_counted_as_server_list_has_them(
    admins: Page, servers: list[dict[str, Any]], name: str, label: str, column: str
) -> None:
    assert Counter(admins.by(name, label)) == Counter(row[column] or "" for row in servers)


@pytest.mark.parametrize(("owner", "column"), [("project", "Project ID"), ("user", "User ID")])
def test_sums_of_owners_are_those_of_their_servers_flavors(
    admins: Page,
    servers: list[dict[str, Any]],
    flavors: dict[str, dict[str, Any]],
    owner: str,
    column: str,
) -> None:
    vcpus, memory, disk, addresses = (Counter[str]() for _ in range(4))
    for row in servers:
        flavor, whose = flavors[row["Flavor"]], row[column]
        vcpus[whose] += flavor["VCPUs"]
        memory[whose] += flavor["RAM"] * MIB
        disk[whose] += (flavor["Disk"] + flavor["Ephemeral"]) * GIB + flavor["Swap"] * MIB
        addresses[whose] += sum(len(of_network) for of_network in row["Networks"].values())
    label = f"{owner}_id"
    assert admins.by(f"{owner}_vcpus", label) == vcpus
    assert admins.by(f"{owner}_memory_bytes", label) == memory
    assert admins.by(f"{owner}_disk_bytes", label) == disk
    assert admins.by(f"{owner}_addresses", label) == addresses


def test_vms_in_error_have_the_reason_of_their_fault(admins: Page, servers: list[dict[str, Any]]) -> None:
    in_error = {row["ID"]: row["Name"] for row in servers if row["Status"] == "ERROR"}
    assert set(in_error.values()) == set(FAULTS)
    shown = admins.all("vm_fault_info")
    assert {in_error[have["vm_id"]]: have["reason"] for have, _ in shown} == FAULTS
    counted = admins.by("vms_in_error", "reason")
    assert {reason: number for reason, number in counted.items() if number} == Counter(FAULTS.values())


def test_flavors_are_those_of_flavor_list(admins: Page, flavors: dict[str, dict[str, Any]]) -> None:
    assert set(admins.by("flavor_vcpus", "flavor")) == set(flavors)
    for name, row in flavors.items():
        info = admins.info("flavor_info", flavor=name)
        assert (info["flavor_id"], info["public"]) == (row["ID"], str(row["Is Public"]).lower())
        assert admins.value("flavor_vcpus", flavor=name) == row["VCPUs"]
        assert admins.value("flavor_memory_bytes", flavor=name) == row["RAM"] * MIB
        disk = (row["Disk"] + row["Ephemeral"]) * GIB + row["Swap"] * MIB
        assert admins.value("flavor_disk_bytes", flavor=name) == disk
