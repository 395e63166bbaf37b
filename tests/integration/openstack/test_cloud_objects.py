"""Projects, quotas, networks, volumes, images: the exporter's numbers against `openstack ... -f json`."""

from collections import Counter
from typing import Any

import pytest

from integration.openstack.openstack_cli import Cli
from support.series import Page

pytestmark = pytest.mark.integration

MIB, GIB = 2**20, 2**30
OF_NETWORK = {
    "networks": "network",
    "subnets": "subnet",
    "ports": "port",
    "routers": "router",
    "floating-ips": "floatingip",
    "secgroups": "security_group",
    "secgroup-rules": "security_group_rule",
    "rbac_policies": "rbac_policy",
    "subnet_pools": "subnetpool",
}
"""What the tool calls Neutron's resources -> what Neutron calls them."""
OF_VOLUME = {
    "volumes": ("volumes", 1),
    "snapshots": ("snapshots", 1),
    "gigabytes": ("gigabytes", GIB),
    "backups": ("backups", 1),
    "backup-gigabytes": ("backup_gigabytes", GIB),
    "groups": ("groups", 1),
}
OF_COMPUTE = {"cores": 1, "instances": 1, "ram": MIB}


@pytest.fixture(scope="module")
def project_ids(cli: Cli) -> dict[str, str]:
    """By name."""
    return {row["Name"]: row["ID"] for row in cli.ask("project", "list")}


def check_quota(admins: Page, labels: dict[str, str], said: dict[str, int], unit: int = 1) -> None:
    suffix = "_bytes" if unit > 1 else ""
    expected = None if said["limit"] == -1 else said["limit"] * unit
    assert admins.value(f"quota_limit{suffix}", **labels) == expected, labels
    assert admins.value("quota_unlimited", **labels) == (1 if said["limit"] == -1 else None), labels
    assert admins.value(f"quota_used{suffix}", **labels) == said["in_use"] * unit, labels
    assert admins.value(f"quota_reserved{suffix}", **labels) == said["reserved"] * unit, labels


def said_of(row: dict[str, Any]) -> dict[str, int]:
    return {"limit": row["Limit"], "in_use": row["In Use"], "reserved": row["Reserved"]}


@pytest.mark.parametrize("name", ["project1", "project2", "project5", "admin", "closed"])
def test_compute_quotas_are_those_of_quota_show(
    admins: Page, cli: Cli, project_ids: dict[str, str], name: str
) -> None:
    rows = cli.ask("quota", "show", "--usage", "--compute", name)
    compared = 0
    for row in rows:
        if row["Resource"] in OF_COMPUTE:
            labels = {
                "project_id": project_ids[name],
                "service": "compute",
                "resource": row["Resource"],
            }
            check_quota(admins, labels, said_of(row), OF_COMPUTE[row["Resource"]])
            compared += 1
    assert compared == 3
    cores = admins.value("quota_unlimited", project_id=project_ids[name], resource="cores")
    assert cores == (1 if name == "project5" else None)


@pytest.mark.parametrize("name", ["project1", "project2", "project5", "admin", "closed"])
def test_network_and_volume_quotas_are_those_of_quota_show(
    admins: Page, cli: Cli, project_ids: dict[str, str], name: str
) -> None:
    rows = {row["Resource"]: row for row in cli.ask("quota", "show", "--usage", name)}
    project = {"project_id": project_ids[name]}
    for theirs, resource in OF_NETWORK.items():
        # The tool prints what Neutron said of one resource as its limit.
        labels = project | {"service": "network", "resource": resource}
        check_quota(admins, labels, rows[theirs]["Limit"])
    for theirs, (resource, unit) in OF_VOLUME.items():
        labels = project | {"service": "block-storage", "resource": resource}
        check_quota(admins, labels, said_of(rows[theirs]), unit)


def test_every_project_has_its_quotas(admins: Page, project_ids: dict[str, str]) -> None:
    for resource in ("cores", "floatingip", "volumes"):
        assert set(admins.by("quota_used", "project_id", resource=resource)) == set(project_ids.values())
    for collector in ("compute_quotas", "network_quotas", "volume_quotas"):
        assert admins.value("spread_items", collector=collector) == len(project_ids)
        assert admins.value("spread_known_items", collector=collector) == len(project_ids)


def test_projects_and_users_are_those_of_the_lists(admins: Page, cli: Cli) -> None:
    for sort in ("project", "user"):
        rows = cli.ask(sort, "list", "--long")
        assert admins.value(f"{sort}s") == len(rows)
        assert admins.by(f"{sort}_enabled", f"{sort}_id") == {row["ID"]: row["Enabled"] for row in rows}
        names = {have[f"{sort}_id"]: have[f"{sort}_name"] for have, _ in admins.all(f"{sort}_info")}
        assert names == {row["ID"]: row["Name"] for row in rows}
    assert 0 in admins.by("project_enabled", "project_id").values()
    assert 0 in admins.by("user_enabled", "user_id").values()


def test_addresses_are_those_of_ip_availability(admins: Page, cli: Cli) -> None:
    outside = {row["ID"] for row in cli.ask("network", "list", "--external")}
    rows = cli.ask("network", "list", "--long")
    assert len(admins.all("network_info")) == len(rows) == 4
    for row in rows:
        info = admins.info("network_info", network_id=row["ID"])
        assert (info["network_name"], info["external"]) == (
            row["Name"],
            str(row["ID"] in outside).lower(),
        )
        theirs = cli.ask("ip", "availability", "show", row["ID"])
        by_version: dict[str, list[float]] = {}
        for subnet in theirs["subnet_ip_availability"]:
            labels = {"subnet_id": subnet["subnet_id"]}
            assert admins.info("subnet_info", **labels)["subnet_name"] == subnet["subnet_name"]
            assert admins.value("subnet_addresses", **labels) == float(subnet["total_ips"])
            assert admins.value("subnet_addresses_used", **labels) == subnet["used_ips"]
            sums = by_version.setdefault(str(subnet["ip_version"]), [0, 0])
            sums[0] += subnet["total_ips"]
            sums[1] += subnet["used_ips"]
        for version, (total, used) in by_version.items():
            labels = {"network_id": row["ID"], "ip_version": version}
            assert admins.value("network_addresses", **labels) == float(total)
            assert admins.value("network_addresses_used", **labels) == used
    assert max(admins.by("network_addresses", "network_id", ip_version="6").values()) == 2.0**64


@pytest.mark.parametrize(
    ("sort", "command"),
    [
        ("networks", ("network", "list", "--long")),
        ("ports", ("port", "list", "--long")),
        ("routers", ("router", "list", "--long")),
        ("floating_ips", ("floating", "ip", "list", "--long")),
        ("volumes", ("volume", "list", "--all-projects", "--long")),
        ("snapshots", ("volume", "snapshot", "list", "--all-projects", "--long")),
        ("images", ("image", "list", "--long")),
    ],
)
def test_objects_are_counted_by_state_as_the_tool_lists_them(
    admins: Page, cli: Cli, sort: str, command: tuple[str, ...]
) -> None:
    rows = cli.ask(*command)
    assert rows
    assert admins.by(sort, "state") == Counter(row["Status"] for row in rows)
    assert admins.value("objects_whole", sort=sort) == 1


@pytest.mark.parametrize("sort", ["volumes", "snapshots", "images"])
def test_sizes_are_those_that_the_tool_lists(admins: Page, cli: Cli, sort: str) -> None:
    commands = {
        "volumes": ("volume", "list", "--all-projects"),
        "snapshots": ("volume", "snapshot", "list", "--all-projects"),
        "images": ("image", "list"),
    }
    unit = 1 if sort == "images" else GIB
    sizes = Counter[str]()
    for row in cli.ask(*commands[sort], "--long"):
        sizes[row["Status"]] += (row["Size"] or 0) * unit
    assert admins.by(f"{sort}_bytes", "state") == sizes


def test_images_are_named_as_the_tool_lists_them(admins: Page, cli: Cli) -> None:
    rows = cli.ask("image", "list", "--long")
    infos = [have for have, _ in admins.all("image_info")]
    assert len(infos) == len(rows) > 0
    assert {
        have["image_id"]: (have["image_name"], have["project_id"], have["visibility"]) for have in infos
    } == {row["ID"]: (row["Name"], row["Project"], row["Visibility"]) for row in rows}


@pytest.mark.parametrize("name", ["project1", "project2", "admin"])
def test_what_a_project_has_is_what_the_tool_lists_of_it(
    admins: Page, cli: Cli, project_ids: dict[str, str], name: str
) -> None:
    project = {"project_id": project_ids[name]}
    listed: dict[str, list[dict[str, Any]]] = {
        "ports": cli.ask("port", "list", "--project", name),
        "routers": cli.ask("router", "list", "--project", name),
        "floating_ips": cli.ask("floating", "ip", "list", "--project", name),
        "networks": cli.ask("network", "list", "--project", name),
        "volumes": cli.ask("volume", "list", "--project", name),
        "snapshots": cli.ask("volume", "snapshot", "list", "--project", name),
    }
    images = cli.ask("image", "list", "--long")
    listed["images"] = [row for row in images if row["Project"] == project_ids[name]]
    for sort, rows in listed.items():
        assert (admins.value(f"project_{sort}", **project) or 0) == len(rows), sort
    volumes = sum(row["Size"] * GIB for row in listed["volumes"])
    assert (admins.value("project_volumes_bytes", **project) or 0) == volumes


def test_what_is_bound_to_nothing_is_found(admins: Page, cli: Cli) -> None:
    floating = [row for row in cli.ask("floating", "ip", "list") if row["Port"] is None]
    assert admins.value("floating_ips_orphaned") == len(floating) == 1
    volumes = cli.ask("volume", "list", "--all-projects", "--status", "available")
    unattached = [row for row in volumes if not row["Attached to"]]
    assert admins.value("volumes_orphaned") == len(unattached) == 1
    assert admins.value("volumes_orphaned_bytes") == sum(row["Size"] for row in unattached) * GIB
    spare = cli.ask("port", "list", "--name", "spare-1", "--long")
    assert admins.value("ports_orphaned") == len(spare) == 1


def test_backends_are_those_of_volume_backend_pool_list(admins: Page, cli: Cli) -> None:
    rows = cli.ask("volume", "backend", "pool", "list", "--long")
    assert len(rows) == 3
    assert set(admins.by("backend_allocated_bytes", "backend")) == {row["Name"] for row in rows}
    for row in rows:
        theirs = row["Capabilities"]
        for ours, key in (
            ("capacity", "total_capacity_gb"),
            ("free", "free_capacity_gb"),
            ("provisioned", "provisioned_capacity_gb"),
            ("allocated", "allocated_capacity_gb"),
        ):
            said = theirs.get(key, "unknown")
            expected = None if said == "unknown" else pytest.approx(float(said) * GIB)
            assert admins.value(f"backend_{ours}_bytes", backend=row["Name"]) == expected, (row["Name"], key)
        ratio = float(theirs["max_over_subscription_ratio"])
        assert admins.value("backend_overcommit_ratio", backend=row["Name"]) == ratio
