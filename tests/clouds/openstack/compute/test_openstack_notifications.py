"""Servers by notifications: applied from the payload, never over what is newer; lists are read less often."""

import asyncio
import time
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.condition import FaultReason
from stratoscope.clouds.events import Events, Missed, Outcome
from stratoscope.clouds.openstack.compute import servers as module
from stratoscope.clouds.openstack.compute.notification import decoded, notification, status
from stratoscope.clouds.openstack.compute.servers import Servers
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason
from support.fake_nova import START, FakeNova
from support.notifications import about, fault, message, versioned
from support.owners import owners

DOWN = CollectError(Reason.UNAVAILABLE, "503")


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    token = DEADLINE.set(time.monotonic() + 50)
    yield
    DEADLINE.reset(token)


class Cloud:
    """A Nova with servers, what is known of them, and a stream of notifications."""

    def __init__(self, *vm_ids: str) -> None:
        self.nova = FakeNova()
        clock = Clock(monotonic=lambda: self.nova.now, now=lambda: self.nova.now)
        self.events = Events(clock)
        self.servers = Servers(self.nova, owners(), clock, self.events)
        for vm_id in vm_ids:
            self.nova.put(vm_id)

    async def known(self) -> "Cloud":
        """The servers once read, after the stream has begun."""
        self.events.begin()
        await self.servers.read()
        self.nova.now += 1
        return self

    def hear(self, body: bytes) -> Outcome:
        event, payload = decoded(body)
        outcome = self.servers.hear(notification(event, payload))
        self.events.count(event, outcome)
        return outcome

    def says(self, event: str, vm_id: str, moment: float | None = None, **changes: Any) -> Outcome:
        return self.hear(about(event, vm_id, self.nova.now if moment is None else moment, **changes))

    async def after(self, seconds: float) -> dict[str, str]:
        """The states shown by the next refresh."""
        self.nova.now += seconds
        self.nova.queries.clear()
        return {one.vm_id: one.state for one in (await self.servers.read()).vms.values()}

    @property
    def missed(self) -> dict[Missed, int]:
        return {what: number for what, number in self.events.account().missed.items() if number}


async def test_server_of_a_payload_is_the_one_that_nova_lists() -> None:
    cloud = await Cloud().known()
    assert cloud.says("instance.create.end", "a", START) is Outcome.APPLIED
    said = cloud.servers.index.get("a")
    listed = Cloud("a")
    await listed.servers.read()
    assert said == listed.servers.index.get("a")


async def test_moment_to_come_is_malformed_and_makes_no_other_event_late() -> None:
    cloud = await Cloud("a").known()
    with pytest.raises(ValueError, match="a moment to come"):
        cloud.says("instance.update", "a", cloud.nova.now + 100_000, state="error")
    assert cloud.says("instance.power_off.end", "a", state="stopped") is Outcome.APPLIED
    assert await cloud.after(1) == {"a": "SHUTOFF"}


async def test_flood_of_servers_that_are_not_there_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HEARD", 3)
    cloud = await Cloud("a").known()
    heard = [cloud.says("instance.create.end", f"flood-{number}") for number in range(9)]
    assert heard == [Outcome.APPLIED] * 2 + [Outcome.IGNORED] * 7
    assert cloud.says("instance.power_off.end", "a", state="stopped") is Outcome.APPLIED


async def test_no_request_is_sent_while_notifications_say_all() -> None:
    cloud = await Cloud("a").known()
    cloud.says("instance.create.end", "b")
    cloud.says("instance.power_off.end", "a", state="stopped")
    assert await cloud.after(60) == {"a": "SHUTOFF", "b": "ACTIVE"}
    cloud.says("instance.delete.end", "b", state="deleted")
    assert await cloud.after(60) == {"a": "SHUTOFF"}
    assert cloud.nova.queries == []


async def test_lists_are_read_every_ten_minutes_and_the_whole_one_every_thirty() -> None:
    cloud = await Cloud("a").known()
    await cloud.after(590)
    assert cloud.nova.queries == []
    await cloud.after(10)
    assert ["changes-since" in query for query in cloud.nova.queries] == [True]
    await cloud.after(590)
    assert cloud.nova.queries == []
    await cloud.after(700)
    assert ["changes-since" in query for query in cloud.nova.queries] == [True, False]


async def test_without_notifications_changes_are_read_at_each_refresh() -> None:
    cloud = await Cloud("a").known()
    cloud.events.end(DOWN)
    for _ in range(3):
        await cloud.after(60)
        assert len(cloud.nova.queries) == 1


async def test_gap_is_closed_by_a_list_as_soon_as_notifications_arrive_again() -> None:
    cloud = await Cloud("a", "b").known()
    cloud.events.end(DOWN)
    cloud.nova.now += 600
    cloud.nova.delete("b")
    cloud.events.begin()
    assert cloud.events.news.is_set()
    assert await cloud.after(1) == {"a": "ACTIVE"}
    assert await cloud.after(60) == {"a": "ACTIVE"}
    assert (cloud.nova.queries, cloud.missed) == ([], {})


async def test_what_lists_have_and_no_notification_said_is_counted() -> None:
    cloud = await Cloud("changed", "gone", "same").known()
    cloud.nova.now += 100
    cloud.nova.put("changed", status="SHUTOFF")
    cloud.nova.delete("gone")
    cloud.nova.put("new")
    cloud.nova.put("same", **{"OS-EXT-STS:power_state": 1})
    await cloud.after(500)
    assert cloud.missed == {}
    await cloud.after(30)
    assert cloud.missed == {Missed.ADDED: 1, Missed.CHANGED: 1, Missed.REMOVED: 1}


async def test_notification_that_comes_soon_after_a_list_was_not_missed() -> None:
    cloud = await Cloud("a").known()
    cloud.nova.now += 599
    cloud.nova.put("a", status="SHUTOFF")
    assert await cloud.after(1) == {"a": "SHUTOFF"}
    assert cloud.says("instance.power_off.end", "a", cloud.nova.now - 1, state="stopped") is Outcome.APPLIED
    await cloud.after(60)
    assert cloud.missed == {}


async def test_list_does_not_undo_what_was_said_while_it_was_read() -> None:
    cloud = await Cloud("a", "b").known()
    pages = cloud.nova.pages

    async def slow(*args: Any) -> Any:
        async for page in pages(*args):
            cloud.nova.now += 5
            cloud.says("instance.power_off.end", "a", state="stopped")
            cloud.says("instance.delete.end", "b", state="deleted")
            yield page

    cloud.nova.pages = slow  # type: ignore[method-assign]  # this one's, for this test
    cloud.nova.put("b", name="renamed")
    assert await cloud.after(600) == {"a": "SHUTOFF"}


async def test_server_whose_end_a_notification_reports_is_gone_when_a_list_says_so() -> None:
    cloud = await Cloud("kept", "forged", "gone").known()
    cloud.nova.now += 500
    cloud.nova.put(
        "kept", name="renamed"
    )  # a list of changes begins a minute before it, and not at the start
    await cloud.after(100)
    for one in ("forged", "gone"):
        cloud.says("instance.delete.end", one, state="deleted")
    cloud.nova.delete("gone")

    async def ended(after_s: float) -> AbstractSet[str]:
        await cloud.after(after_s)
        return cloud.servers.index.ended

    assert await ended(60) == {"forged", "gone"}
    assert await ended(540) == {"forged"}  # changes have the one, and nothing of the other
    assert await ended(600) == frozenset()  # the whole list
    assert await cloud.after(0) == {"kept": "ACTIVE", "forged": "ACTIVE"}


async def test_older_notification_changes_nothing() -> None:
    cloud = await Cloud("a").known()
    moment = cloud.nova.now
    assert cloud.says("instance.power_off.end", "a", moment + 5, state="stopped") is Outcome.APPLIED
    assert cloud.says("instance.power_on.end", "a", moment + 4) is Outcome.LATE
    cloud.says("instance.delete.end", "a", moment + 6, state="deleted")
    assert cloud.says("instance.shutdown.end", "a", moment + 6) is Outcome.LATE
    assert await cloud.after(60) == {}


async def test_notification_older_than_the_list_changes_nothing() -> None:
    cloud = await Cloud("a").known()
    assert cloud.says("instance.power_off.end", "a", START - 1, state="stopped") is Outcome.LATE
    assert await cloud.after(60) == {"a": "ACTIVE"}


async def test_what_notifications_lack_stays_as_the_list_had_it() -> None:
    cloud = await Cloud("a").known()
    known = cloud.servers.index.get("a")
    cloud.says("instance.reboot.end", "a", ip_addresses=[], availability_zone=None)
    said = cloud.servers.index.get("a")
    assert known is not None
    assert said is not None
    assert (said.addresses, said.zone) == (known.addresses, known.zone)


async def test_events_that_lack_values_cause_one_list_of_changes_in_five_seconds() -> None:
    cloud = await Cloud("a").known()
    cloud.nova.put("a", status="ERROR", fault={"message": "No valid host was found. ", "code": 500})
    assert cloud.says("instance.update", "a", state="error") is Outcome.ASKED
    assert cloud.says("instance.interface_attach.end", "a", state="error") is Outcome.ASKED
    assert await cloud.after(1) == {"a": "ERROR"}
    assert cloud.nova.queries == []
    await cloud.after(5)
    assert len(cloud.nova.queries) == 1
    found = cloud.servers.index.get("a")
    assert found is not None
    assert found.fault is FaultReason.NO_VALID_HOST
    await cloud.after(5)
    assert (cloud.nova.queries, cloud.missed) == ([], {})


async def test_request_that_failed_is_made_again() -> None:
    cloud = await Cloud("a").known()
    cloud.hear(message("compute_task.build_instances.error", versioned("ComputeTaskPayload", {})))
    cloud.nova.fails = {0: DOWN}
    with pytest.raises(CollectError):
        await cloud.after(6)
    await cloud.after(6)
    assert len(cloud.nova.queries) == 1


async def test_news_are_set_once_more_when_the_request_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stratoscope.clouds.events.ASKED_S", 0.01)  # 5 s otherwise
    cloud = await Cloud("a").known()
    cloud.hear(message("compute_task.migrate_server.error", versioned("ComputeTaskPayload", {})))
    cloud.events.news.clear()
    async with asyncio.timeout(50):
        await cloud.events.news.wait()


async def test_error_says_its_reason() -> None:
    cloud = await Cloud("a").known()
    why = fault("No valid host was found. There are not enough hosts available.")
    cloud.says("instance.create.error", "b", state="error", fault=why)
    found = cloud.servers.index.get("b")
    assert found is not None
    assert found.fault is FaultReason.NO_VALID_HOST


async def test_hosts_of_a_migration_in_the_same_second_are_asked_for() -> None:
    cloud = await Cloud("a").known()
    assert cloud.says("instance.live_migration_post_dest.end", "a", host="compute9") is Outcome.APPLIED
    assert cloud.says("instance.live_migration_post.end", "a", host="compute1") is Outcome.ASKED


@pytest.mark.parametrize(
    "event", ["aggregate.create.end", "service.update", "compute_task.x.start", "libvirt"]
)
async def test_what_says_nothing_of_servers_is_ignored(event: str) -> None:
    cloud = await Cloud("a").known()
    assert cloud.hear(message(event, versioned("Payload", {}))) is Outcome.IGNORED


async def test_credential_that_sees_its_own_project_hears_of_its_own_servers_alone() -> None:
    cloud = Cloud()
    cloud.nova.is_admin = False
    cloud.nova.put("own", tenant_id="11111111111111111111111111111111")
    await cloud.known()
    assert cloud.says("instance.create.end", "other") is Outcome.IGNORED
    assert cloud.says("instance.power_off.end", "own", state="stopped") is Outcome.APPLIED
    assert await cloud.after(60) == {"own": "ACTIVE"}  # its list is read at each refresh
    assert cloud.nova.queries != []


async def test_server_that_was_said_during_the_first_list_is_shown() -> None:
    cloud = Cloud("a", "b")
    cloud.events.begin()
    cloud.says("instance.create.end", "c")
    answer = await cloud.servers.read()
    assert {*answer.vms} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("state", "task", "shown"),
    [
        ("active", None, "ACTIVE"),
        ("active", "reboot_started_hard", "HARD_REBOOT"),
        ("active", "image_snapshot", "ACTIVE"),
        ("stopped", "resize_migrated", "RESIZE"),
        ("resized", "resize_reverting", "REVERT_RESIZE"),
        ("error", "rebuild_spawning", "REBUILD"),
        ("soft-delete", None, "SOFT_DELETED"),
        ("a new one", None, "UNKNOWN"),
    ],
)
def test_status_is_what_novas_api_derives(state: str, task: str | None, shown: str) -> None:
    assert status(state, task) == shown


async def test_what_is_remembered_of_servers_is_bounded_in_time() -> None:
    cloud = await Cloud("a").known()
    cloud.says("instance.delete.end", "a", state="deleted")
    assert cloud.events.is_late("a", START)
    cloud.nova.now += 901
    cloud.says("instance.create.end", "b")
    assert not cloud.events.is_late("a", START)
