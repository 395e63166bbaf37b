"""Objects one by one, switched on: each of them as `openstack ... -f json` lists it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pytest

from integration.conftest import RunningExporter
from integration.openstack.exporters import QUICK, configuration, running, wait_for_page
from integration.openstack.openstack_cli import Cli
from support.series import Page, read

pytestmark = pytest.mark.integration

GIB: Final = 2**30
SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "router": ("router", "list", "--long"),
    "port": ("port", "list", "--long"),
    "floating_ip": ("floating", "ip", "list", "--long"),
    "network": ("network", "list", "--long"),
    "subnet": ("subnet", "list", "--long"),
    "volume": ("volume", "list", "--all-projects", "--long"),
    "image": ("image", "list", "--long"),
    "keystone_domain": ("domain", "list"),
    "project": ("project", "list", "--long"),
}
"""Objects of which the seed has some, and the command that lists them."""
ON: Final = {
    name: {"enabled": True}
    for name in (*(f"each_{sort}" for sort in SORTS), "each_subnet_pool", "router_agents", "identity")
}


def listed(cli: Cli, sort: str, cloud: str = "admin") -> list[dict[str, Any]]:
    """All of a sort that the tool lists; only an administrator may ask for those of all projects."""
    command = [word for word in SORTS[sort] if cloud == "admin" or word != "--all-projects"]
    rows: list[dict[str, Any]] = cli.ask(*command, cloud=cloud)
    if sort == "image":  # the plain list has no community images
        rows += cli.ask(*command, "--community", cloud=cloud)
    return list({row["ID"]: row for row in rows}.values())


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExporter]:
    with running(tmp_path_factory.mktemp("each"), configuration(collectors=ON)) as one:
        yield one


@pytest.fixture(scope="module")
def page(exporter: RunningExporter) -> Page:
    """The first whole page."""
    return read(exporter.get())


@pytest.mark.parametrize("sort", SORTS)
def test_each_is_shown_once_and_none_besides(page: Page, cli: Cli, sort: str) -> None:
    rows = listed(cli, sort)
    assert rows
    assert set(page.by(f"each_{sort}_info", f"{sort}_id")) == {row["ID"] for row in rows}
    assert page.value("each_whole", collector=f"each_{sort}") == 1
    assert page.value("each_beyond_bound", collector=f"each_{sort}") == 0
    assert page.malformed(f"each_{sort}") == 0


@pytest.mark.parametrize(
    "sort", ["router", "port", "network", "volume", "image", "keystone_domain", "project"]
)
def test_names_and_owners_are_those_that_the_tool_lists(page: Page, cli: Cli, sort: str) -> None:
    label = "keystone_domain" if sort == "keystone_domain" else f"{sort}_name"
    for row in listed(cli, sort):
        have = page.info(f"each_{sort}_info", **{f"{sort}_id": row["ID"]})
        assert have[label] == row["Name"]
        if "Project" in row:
            assert have["project_id"] == row["Project"]
        if "Description" in row:
            assert have["text"] == row["Description"]


@pytest.mark.parametrize("sort", ["router", "port", "floating_ip", "network", "volume", "image"])
def test_states_are_those_that_the_tool_lists(page: Page, cli: Cli, sort: str) -> None:
    for row in listed(cli, sort):
        assert page.by(f"each_{sort}_state", "state", **{f"{sort}_id": row["ID"]}) == {row["Status"]: 1}


@pytest.mark.parametrize("sort", ["router", "network"])
def test_what_is_switched_off_is_not_admin_up(page: Page, cli: Cli, sort: str) -> None:
    rows = listed(cli, sort)
    assert page.by(f"each_{sort}_admin_up", f"{sort}_id") == {row["ID"]: row["State"] for row in rows}
    if sort == "router":
        assert set(page.by("each_router_admin_up", "router_id").values()) == {0, 1}


def test_routers_are_with_the_agents_that_the_tool_lists(page: Page, cli: Cli) -> None:
    theirs = {
        (row["ID"], agent["Host"])
        for row in cli.ask("router", "list")
        for agent in cli.ask("network", "agent", "list", "--router", row["ID"])
    }
    ours = {(have["router_id"], have["host"]) for have, _ in page.all("each_router_agent_info")}
    assert ours == theirs != set()
    assert page.value("spread_items", collector="router_agents") == len(
        cli.ask("network", "agent", "list", "--agent-type", "l3")
    )


def test_ports_have_their_addresses_and_those_of_vms_the_vm(page: Page, cli: Cli) -> None:
    for row in listed(cli, "port"):
        have = page.info("each_port_info", port_id=row["ID"])
        assert (have["mac"], have["device_owner"]) == (row["MAC Address"], row["Device Owner"])
        assert bool(have["vm_id"]) is row["Device Owner"].startswith("compute:")
        fixed = {
            (of_port["subnet_id"], of_port["address"])
            for of_port, _ in page.all("each_port_address_info", port_id=row["ID"])
        }
        assert fixed == {(one["subnet_id"], one["ip_address"]) for one in row["Fixed IP Addresses"]}
    vm_ids = {have["vm_id"] for have, _ in page.all("each_port_info") if have["vm_id"]}
    assert vm_ids
    assert vm_ids <= set(page.by("vm_info", "vm_id"))


def test_floating_addresses_lead_where_the_tool_says(page: Page, cli: Cli) -> None:
    for row in listed(cli, "floating_ip"):
        have = page.info("each_floating_ip_info", floating_ip_id=row["ID"])
        assert (have["address"], have["fixed_address"], have["port_id"], have["router_id"]) == (
            row["Floating IP Address"],
            row["Fixed IP Address"] or "",
            row["Port"] or "",
            row["Router"] or "",
        )
        assert (have["network_id"], have["project_id"]) == (row["Floating Network"], row["Project"])


def test_networks_have_the_providers_view_and_an_mtu(page: Page, cli: Cli) -> None:
    for row in cli.ask("network", "list"):
        theirs = cli.ask("network", "show", row["ID"])
        have = page.info("each_network_info", network_id=row["ID"])
        assert have["provider_network_type"] == theirs["provider:network_type"]
        assert have["provider_physical_network"] == (theirs["provider:physical_network"] or "")
        assert have["provider_segmentation_id"] == str(theirs["provider:segmentation_id"] or "")
        assert (have["shared"], have["external"]) == (
            str(theirs["shared"]).lower(),
            str(theirs["router:external"]).lower(),
        )
        assert page.value("each_network_mtu_bytes", network_id=row["ID"]) == theirs["mtu"]


def test_subnets_have_the_prefix_that_the_tool_lists(page: Page, cli: Cli) -> None:
    for row in listed(cli, "subnet"):
        have = page.info("each_subnet_info", subnet_id=row["ID"])
        assert (have["subnet_name"], have["network_id"], have["cidr"], have["gateway"], have["dhcp"]) == (
            row["Name"],
            row["Network"],
            row["Subnet"],
            row["Gateway"] or "",
            str(row["DHCP"]).lower(),
        )


def test_volumes_and_images_have_the_sizes_that_the_tool_lists(page: Page, cli: Cli) -> None:
    volumes = listed(cli, "volume")
    assert page.by("each_volume_size_bytes", "volume_id") == {row["ID"]: row["Size"] * GIB for row in volumes}
    for row in volumes:
        attached = page.by("each_volume_attachment_info", "vm_id", volume_id=row["ID"])
        assert set(attached) == {one["server_id"] for one in row["Attached to"]}
        have = page.info("each_volume_info", volume_id=row["ID"])
        assert (have["volume_type"], have["bootable"]) == (row["Type"], row["Bootable"])
        assert have["backend"] == cli.ask("volume", "show", row["ID"])["os-vol-host-attr:host"]
    images = {row["ID"]: row["Size"] for row in listed(cli, "image") if row["Size"] is not None}
    assert page.by("each_image_size_bytes", "image_id") == images


def test_domains_groups_and_regions_are_counted(page: Page, cli: Cli) -> None:
    for sort, command in (("keystone_domains", "domain"), ("groups", "group"), ("regions", "region")):
        counted = page.total("objects", service="identity", sort=sort)
        assert counted == len(cli.ask(command, "list")), sort


def test_limits_of_one_user_vm_and_group_are_those_of_quota_show(page: Page, cli: Cli) -> None:
    (row,) = (row for row in cli.ask("project", "list") if row["Name"] == "project1")
    theirs = {one["Resource"]: one["Limit"] for one in cli.ask("quota", "show", "--compute", "project1")}
    for resource, key in (
        ("key_pairs", "key-pairs"), ("metadata_items", "properties"),
        ("server_group_members", "server-group-members"),
    ):  # fmt: skip
        labels = {"project_id": row["ID"], "resource": resource}
        assert page.value("quota_limit", **labels) == theirs[key], theirs
        assert page.value("quota_used", **labels) is None


def test_hosts_tell_their_tasks(page: Page, cli: Cli) -> None:
    assert set(page.by("host_tasks", "host")) == {
        row["Hypervisor Hostname"]
        for row in cli.ask("--os-compute-api-version", "2.53", "hypervisor", "list")
    }


def test_a_plain_project_sees_what_the_tool_lists_for_it(
    cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sorts = ("router", "port", "floating_ip", "network", "subnet", "volume", "image")
    of_admins = {"each_keystone_domain", "each_project", "router_agents", "identity"}
    config = configuration("user1", ON)
    with running(tmp_path_factory.mktemp("user1"), config) as exporter:
        ours = read(exporter.get())
    assert {name for name in ON if name in ours.left_out()} == of_admins
    for sort in sorts:
        theirs = {row["ID"] for row in listed(cli, sort, "user1")}
        assert set(ours.by(f"each_{sort}_info", f"{sort}_id")) == theirs, sort
        assert ours.value("each_whole", collector=f"each_{sort}") == 0, sort


@contextmanager
def a_subnet_pool(cli: Cli) -> Iterator[dict[str, Any]]:
    """The seed has none."""
    made: dict[str, Any] = cli.ask(
        "subnet", "pool", "create", "--pool-prefix", "10.99.0.0/24", "--pool-prefix", "10.99.2.0/24",
        "--default-prefix-length", "27", "each-1",
    )  # fmt: skip
    try:
        yield made
    finally:
        cli.do("subnet", "pool", "delete", made["id"])


def test_a_subnet_pool_that_is_made_shows_with_its_prefixes(
    cli: Cli, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = {"each_subnet_pool": {"enabled": True} | QUICK}
    config = configuration(collectors=own)
    with a_subnet_pool(cli) as made, running(tmp_path_factory.mktemp("pool"), config) as exporter:
        ours = read(exporter.get())
        have = ours.info("each_subnet_pool_info", subnet_pool_id=made["id"])
        assert (have["subnet_pool_name"], have["ip_version"], have["default_prefix_length"]) == (
            "each-1", "4", "27",
        )  # fmt: skip
        assert ours.value("each_subnet_pool_addresses", subnet_pool_id=made["id"]) == 512
        prefixes = ours.by("each_subnet_pool_prefix_info", "cidr", subnet_pool_id=made["id"])
        assert set(prefixes) == set(made["prefixes"])
        cli.do("subnet", "pool", "set", "--name", "each-2", made["id"])
        wait_for_page(
            exporter,
            lambda page: page.all("each_subnet_pool_info", subnet_pool_name="each-2"),
            "it has its new name",
            20,
        )
