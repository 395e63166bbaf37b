"""Real notifications of Nova through a real RabbitMQ: VMs come, change and go between lists."""

from collections.abc import Iterator

import pytest
from cloud.configuration import PASSWORD
from cloud.folder import ports

from integration.conftest import RunningExporter
from integration.openstack import outages
from integration.openstack.exporters import configuration, running, wait_for_page
from integration.openstack.openstack_cli import Cli
from support.series import Page

pytestmark = [pytest.mark.integration, pytest.mark.full]

SELDOM = {"interval": "10m", "timeout": "60s", "max_age": "1h"}
"""What is shown before the next collection comes from notifications."""
SHOWN_S = 10
"""2 s where nothing else runs; after the tool has seen it."""
LOST_S, BACK_S = 60, 120
UP, STATE = "stratoscope_management_events_up", "stratoscope_management_vm_state"
EVENTS = "stratoscope_management_events_total"


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, cli: Cli) -> Iterator[RunningExporter]:
    """An exporter that receives notifications: the exchange exists once Nova has sent one."""
    create(cli, "first-event")
    folder = tmp_path_factory.mktemp("events")
    login = folder / "rabbit"
    login.write_text(f"cloud:{PASSWORD}")
    events = {"urls": [f"amqp://127.0.0.1:{ports()['rabbit']}/"], "credentials_file": str(login)}
    try:
        with running(folder, configuration(collectors={"servers": SELDOM}, events=events)) as exporter:
            wait_for_page(exporter, lambda page: page.value(UP) == 1, "notifications arrive", BACK_S)
            yield exporter
    finally:
        cli.do("server", "delete", "--wait", "first-event")


def create(cli: Cli, name: str) -> str:
    """The id of a new server that is active."""
    options = ("--flavor", "tiny", "--image", "cirros", "--network", "shared", "--wait")
    found: str = cli.ask("server", "create", *options, name)["id"]
    return found


def state(page: Page, vm_id: str) -> str:
    """Of a VM; "" for one that is not shown."""
    return next((labels["state"] for labels, _ in page.all(STATE, vm_id=vm_id)), "")


def test_vm_is_followed_by_notifications_alone(heard: RunningExporter, cli: Cli) -> None:
    vm_id = create(cli, "said-by-nova")
    wait_for_page(heard, lambda page: state(page, vm_id) == "ACTIVE", "the VM is shown", SHOWN_S)
    cli.do("server", "stop", vm_id)
    wait_for_page(heard, lambda page: state(page, vm_id) == "SHUTOFF", "it is shown as stopped", 60)
    cli.do("server", "delete", "--wait", vm_id)
    wait_for_page(heard, lambda page: not state(page, vm_id), "it is shown no more", SHOWN_S)
    # `instance.update` may have said before that it is deleted.
    ended = {"event": "instance.delete.end"}
    page = wait_for_page(heard, lambda page: page.total(EVENTS, **ended) >= 1, "its end is counted", SHOWN_S)
    counts = {(one["event"], one["outcome"]): number for one, number in page.all(EVENTS)}
    assert counts.get(("instance.create.end", "applied"), 0) >= 1, counts
    assert page.total(EVENTS, outcome="malformed") == 0, counts


def test_identity_of_a_vm_is_the_one_that_lists_have(heard: RunningExporter, cli: Cli, admins: Page) -> None:
    vm_id = create(cli, "compared")
    try:
        said = wait_for_page(heard, lambda page: state(page, vm_id) == "ACTIVE", "the VM is shown", SHOWN_S)
        row = cli.ask("server", "show", vm_id)
        have = said.info("vm_info", vm_id=vm_id)
        assert have["host"] == row["OS-EXT-SRV-ATTR:host"]
        assert have["zone"] == row["OS-EXT-AZ:availability_zone"]
        assert (have["vm_name"], have["project_id"]) == ("compared", row["project_id"])
        known = [labels["flavor"] for labels, _ in admins.all("stratoscope_management_vm_info")]
        assert have["flavor"] in known
    finally:
        cli.do("server", "delete", "--wait", vm_id)


def test_broker_that_hangs_is_said_and_what_was_missed_is_read(heard: RunningExporter, cli: Cli) -> None:
    with outages.hung("rabbit"):
        lost = wait_for_page(heard, lambda page: page.value(UP) == 0, "the loss is shown", LOST_S)
        assert lost.all("stratoscope_management_events_lost")
    wait_for_page(heard, lambda page: page.value(UP) == 1, "notifications arrive again", BACK_S)
    vm_id = create(cli, "after-the-loss")
    wait_for_page(heard, lambda page: state(page, vm_id) == "ACTIVE", "the VM is shown", SHOWN_S)
    cli.do("server", "delete", "--wait", vm_id)
