"""A real RabbitMQ that goes away, hangs, loses queues. The cloud is the embedded one, and says each change.

STRATOSCOPE_AWAY_S is how long the broker is away, 20 s by default.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cloud.configuration import PASSWORD

from integration.conftest import RunningExporter
from integration.openstack.brokers import LOGIN, READER, RIGHTS, RabbitMQ, rabbitmq
from integration.openstack.exporters import configuration, running, wait_for_page
from integration.openstack.said_changes import Said, alive
from stratoscope.clouds.events import Events, Outcome
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.config import Notifications
from stratoscope.clouds.openstack.events import Listener
from stratoscope.core.errors import CollectError, Reason
from support.demo_cloud import demo_cloud_in_thread
from support.series import Page, read

pytestmark = [pytest.mark.integration, pytest.mark.full]

AWAY_S = float(os.environ.get("STRATOSCOPE_AWAY_S") or 20)
INTERVAL_S = 3
OFTEN = {"interval": f"{INTERVAL_S}s", "timeout": "20s", "max_age": "5m"}
"""Lists are read as often while no events arrive, and every 10 minutes otherwise."""
CHOSEN = {one.name: {"enabled": False} for one in OpenStack.questions} | {"servers": OFTEN}
SOON_S, LOST_S, BACK_S = 15, 60, 100
BURST = 10_000
STEP_S = 120
"""The cloud's time goes on by so much at each change."""
UP, LOST = "stratoscope_management_events_up", "stratoscope_management_events_lost"
MISSED = "stratoscope_management_events_missed_total"
EVENTS = "stratoscope_management_events_total"
STATE = "stratoscope_management_vm_state"


@dataclass(frozen=True)
class Site:
    """An exporter, its cloud and its broker. Attributes: login: The file with what the exporter sends it."""

    broker: RabbitMQ
    said: Said
    exporter: RunningExporter
    login: Path

    def in_step(self, what: str, within_s: float, *, up: int = 1) -> Page:
        """Wait until the page has the VMs of the cloud, and their states. Args: up: Whether events arrive."""
        return wait_for_page(
            self.exporter, lambda page: page.value(UP) == up and states(page) == self.there(), what, within_s
        )

    def page(self) -> Page:
        return read(self.exporter.get())

    def there(self) -> dict[str, str]:
        return {vm_id: vm.status for vm_id, vm in alive(self.said.cloud).items()}

    def changes(self, *, are_said: bool) -> None:
        """Let VMs of the cloud come, change and go, and say it, or say nothing."""
        before = self.there()
        said = self.said.after(STEP_S)
        assert self.there() != before
        if are_said:
            self.said.publish(said)

    def lists(self) -> int:
        """How many pages of lists of servers were asked for."""
        counts = self.said.cloud.cloud.request_counts.items()
        return sum(number for (_, _, path, _), number in counts if path.endswith("/servers/detail"))

    def reads_lists(self) -> bool:
        """Whether lists are read at each interval."""
        before = self.lists()
        time.sleep(3 * INTERVAL_S)
        return self.lists() > before + 1


def states(page: Page) -> dict[str, str]:
    return {labels["vm_id"]: labels["state"] for labels, _ in page.all(STATE)}


@pytest.fixture(scope="module")
def said() -> Iterator[tuple[RabbitMQ, Said]]:
    """A broker, and a cloud whose changes are said to it."""
    with rabbitmq() as broker, demo_cloud_in_thread(300) as cloud:
        yield broker, Said(cloud, broker.url)


@pytest.fixture
def site(tmp_path: Path, said: tuple[RabbitMQ, Said]) -> Iterator[Site]:
    """Events arrive. An exporter of its own for each test: after several losses it waits for a minute."""
    broker, changes = said
    changes.publish([])
    before = broker.queues()
    login = tmp_path / "rabbit"
    login.write_text(LOGIN)
    events = {"urls": [f"amqp://{broker.address}/"], "credentials_file": str(login)}
    clouds_file = str(changes.cloud.clouds_yaml(tmp_path))
    config = configuration(collectors=CHOSEN, clouds_file=clouds_file, events=events)
    with running(tmp_path, config) as exporter:
        one = Site(broker, changes, exporter, login)
        one.in_step("events arrive", BACK_S)
        yield one
    assert broker.queues().keys() <= before.keys()  # it takes its queue along


def test_changes_are_shown_and_no_list_is_read(site: Site) -> None:
    assert not site.reads_lists()
    before = site.lists()
    for _ in range(3):
        site.changes(are_said=True)
        site.in_step("what was said is shown", SOON_S)
    asked = site.page().total(EVENTS, outcome="asked")
    assert site.lists() <= before + asked


def test_broker_that_is_away_is_said_and_nothing_is_missing_afterwards(site: Site) -> None:
    with site.broker.away():
        lost = wait_for_page(site.exporter, lambda page: page.value(UP) == 0, "the loss is shown", SOON_S)
        assert [labels["reason"] for labels, _ in lost.all(LOST)] == ["unavailable"]
        assert 'task="events lab/openstack" reason=unavailable' in site.exporter.log.read_text()
        ends = time.monotonic() + AWAY_S
        while time.monotonic() < ends:
            site.changes(are_said=False)
            site.in_step("what lists have is shown", SOON_S, up=0)
        assert site.reads_lists()
        site.changes(are_said=False)
    site.said.publish([])
    back = site.in_step("events arrive again, and nothing is missing", BACK_S)
    assert back.total(MISSED) == 0
    site.changes(are_said=True)
    site.in_step("what was said is shown", SOON_S)
    assert not site.reads_lists()


def test_queue_that_is_deleted_is_made_again_and_the_list_is_read(site: Site) -> None:
    (queue,) = site.broker.queues()
    site.broker.ctl("delete_queue", queue)
    site.changes(are_said=False)
    site.in_step("events arrive again, and the list was read", BACK_S)
    assert ": the broker has deleted the queue" in site.exporter.log.read_text()
    assert queue in site.broker.queues()
    site.changes(are_said=True)
    site.in_step("what was said is shown", SOON_S)


def test_broker_that_hangs_is_said(site: Site) -> None:
    with site.broker.hung():
        wait_for_page(site.exporter, lambda page: page.value(UP) == 0, "the loss is shown", LOST_S)
        site.changes(are_said=False)
        site.in_step("what lists have is shown", SOON_S, up=0)
    site.in_step("events arrive again", BACK_S)


def test_password_that_is_changed_is_said_and_sent_again_when_the_file_has_it(site: Site) -> None:
    another = f"another-{PASSWORD}"
    site.broker.ctl("change_password", READER, another)
    try:
        site.broker.ctl("close_all_connections", "an operator")
        lost = wait_for_page(
            site.exporter, lambda page: page.value(LOST, reason="unauthorized"), "it is refused", BACK_S
        )
        assert lost.value(UP) == 0
        site.changes(are_said=False)
        site.in_step("what lists have is shown", SOON_S, up=0)
        site.login.write_text(f"{READER}:{another}")
        site.in_step("events arrive again", BACK_S)
    finally:
        site.broker.ctl("change_password", READER, PASSWORD)
    log = site.exporter.log.read_text()
    assert another not in log
    assert PASSWORD not in log


def test_broker_with_an_alarm_is_said_and_what_it_did_not_take_comes_later(site: Site) -> None:
    site.broker.ctl("set_vm_memory_high_watermark", "absolute", "1")
    try:
        lost = wait_for_page(site.exporter, lambda page: page.value(UP) == 0, "the loss is shown", LOST_S)
        assert [labels["reason"] for labels, _ in lost.all(LOST)] == ["busy"]
        site.changes(are_said=False)
        site.in_step("what lists have is shown", SOON_S, up=0)
    finally:
        site.broker.ctl("set_vm_memory_high_watermark", "0.6")
    site.in_step("events arrive again", BACK_S)
    deadline = time.monotonic() + SOON_S
    while site.broker.connections() > 1:  # attempts that failed leave none behind
        assert time.monotonic() < deadline


@dataclass(frozen=True)
class Wrong:
    """What is wrong at the broker, or in the configuration."""

    reason: Reason = Reason.UNAUTHORIZED
    path: str = "/"
    exchange: str = "nova"
    rights: tuple[str, str, str] = RIGHTS


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Wrong(path="/none"), "no such virtual host, or no right to it"),
        (
            Wrong(Reason.UNAVAILABLE, exchange="none"),
            "no exchange 'none' in vhost '/'; Nova makes the exchange",
        ),
        (Wrong(rights=("^$", "^stratoscope-", RIGHTS[2])), "access to queue 'stratoscope-"),
        (Wrong(rights=("^stratoscope-", "^$", RIGHTS[2])), "access to queue 'stratoscope-"),
        (
            Wrong(rights=("^stratoscope-", "^stratoscope-", "^stratoscope-")),
            "access to exchange 'nova' in vhost",
        ),
    ],
)
async def test_what_is_missing_at_the_broker_is_named(
    tmp_path: Path, said: tuple[RabbitMQ, Said], wrong: Wrong, words: str
) -> None:
    broker, _ = said
    broker.ctl("set_permissions", READER, *wrong.rights)
    login = tmp_path / "rabbit"
    login.write_text(LOGIN)
    url = f"amqp://{broker.address}{wrong.path}"
    settings = Notifications(urls=[url], credentials_file=str(login), exchange=wrong.exchange)
    try:
        with pytest.raises(CollectError) as failed:
            await Listener("lab", settings, Events(), lambda _: Outcome.APPLIED).listen()
    finally:
        broker.ctl("set_permissions", READER, *RIGHTS)
    assert failed.value.reason is wrong.reason
    assert words in str(failed.value)
    assert PASSWORD not in str(failed.value)


def test_burst_is_shown_and_duplicates_and_old_events_change_nothing(site: Site) -> None:
    old = site.said.after(STEP_S)
    new = site.said.after(STEP_S)
    site.said.publish([*new, *old] * (BURST // len([*new, *old]) + 1))
    site.in_step("all of the burst are taken", LOST_S)
    wait_for_page(site.exporter, lambda page: page.total(EVENTS) >= BURST, "each is counted", LOST_S)
    site.in_step("what was said is shown", SOON_S)
