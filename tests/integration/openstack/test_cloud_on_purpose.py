"""What hides from lists, or is down on purpose: made on the real cloud, compared with what its tool says."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.openstack.conftest import first_page
from integration.openstack.openstack_cli import Cli
from support.series import Page

pytestmark = pytest.mark.integration

NAME = "on-purpose"


@pytest.fixture(scope="module", autouse=True)
def _made(cli: Cli) -> Iterator[None]:
    """A community image, what is taken down, and an aggregate that makes no zone."""
    as_raw = ("--disk-format", "raw", "--container-format", "bare", "--project", "project2")
    hosts = ("compute1", "compute3")
    # The client finds a community image of another project by its id alone; without a file it reads stdin.
    created = cli.ask("image", "create", NAME, "--community", *as_raw, "--file", "/etc/hostname")
    try:
        cli.do("network", "create", NAME, "--disable")
        cli.do("port", "create", NAME, "--network", NAME, "--disable")
        cli.do("router", "create", NAME)
        cli.do("router", "set", NAME, "--disable")
        cli.do("aggregate", "create", NAME)
        for host in hosts:
            cli.do("aggregate", "add", "host", NAME, host)
        yield
    finally:
        for host in hosts:
            cli.attempt("aggregate", "remove", "host", NAME, host)
        for sort in ("aggregate", "router", "port", "network"):
            cli.attempt(sort, "delete", NAME)
        cli.do("image", "delete", created["id"])


@pytest.fixture(scope="module")
def seen(_made: None, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The first whole page with all of that."""
    return first_page(tmp_path_factory.mktemp("on-purpose"), "admin")


@pytest.fixture(scope="module")
def plain(_made: None, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """What a plain project's user sees of it."""
    return first_page(Path(tmp_path_factory.mktemp("plain")), "user1")


def test_community_image_is_counted_and_named(seen: Page, plain: Page, cli: Cli) -> None:
    listed = [*cli.ask("image", "list", "--long"), *cli.ask("image", "list", "--long", "--community")]
    assert NAME not in {row["Name"] for row in cli.ask("image", "list")}
    assert seen.by("images", "state") == Counter(row["Status"] for row in listed)
    assert seen.info("image_info", image_name=NAME)["visibility"] == "community"
    assert {have["image_id"] for have, _ in seen.all("image_info")} == {row["ID"] for row in listed}
    assert plain.info("image_info", image_name=NAME)["visibility"] == "community"
    assert plain.value("objects_whole", sort="images") == 0


@pytest.mark.parametrize(("sort", "command"), [("networks", "network"), ("routers", "router")])
def test_what_is_down_on_purpose_is_counted_though_its_state_says_nothing(
    seen: Page, cli: Cli, sort: str, command: str
) -> None:
    rows = cli.ask(command, "list", "--long")
    down = {row["Name"]: row["Status"] for row in rows if row["State"] is False}
    assert down[NAME] == "ACTIVE"
    assert seen.value(f"{sort}_admin_down") == len(down)
    assert seen.by(sort, "state") == Counter(row["Status"] for row in rows)


def test_port_that_is_down_on_purpose_is_counted(seen: Page, cli: Cli) -> None:
    ports = [cli.ask("port", "show", row["ID"]) for row in cli.ask("port", "list")]
    assert seen.value("ports_admin_down") == sum(port["admin_state_up"] is False for port in ports) > 0


def test_aggregates_are_those_of_aggregate_list_with_or_without_a_zone(seen: Page, cli: Cli) -> None:
    rows = {row["Name"]: row for row in cli.ask("aggregate", "list", "--long")}
    assert len(rows) >= 4
    assert {have["aggregate"]: have["zone"] for have, _ in seen.all("aggregate_info")} == {
        name: row["Availability Zone"] or "" for name, row in rows.items()
    }
    assert seen.info("aggregate_info", aggregate=NAME)["zone"] == ""
    assert seen.by("aggregate_hosts", "aggregate") == {name: len(row["Hosts"]) for name, row in rows.items()}
    members = {(have["aggregate"], have["host"]) for have, _ in seen.all("host_aggregate_info")}
    assert members == {(name, host) for name, row in rows.items() for host in row["Hosts"]}


def test_nothing_is_cut_and_no_item_made_no_sense(seen: Page) -> None:
    assert seen.by("list_truncated", "sort") == {"projects": 0, "users": 0}
    assert seen.total("stratoscope_collector_malformed_items_total") == 0
    assert seen.errors() == 0
