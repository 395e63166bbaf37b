"""Nova's migrations: under way with their progress, and each end counted once."""

from typing import Any

import pytest

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.migrations import WINDOW_S, Ended, Migration, Outcome, Progress
from stratoscope.clouds.openstack.compute.migrations import MOST
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError, Reason
from support.fake_migrations import LIST, START, FakeMigrations

MINUTE = 60.0
DAY = 86400.0
LIVE = "live-migration"


def counted(answer: Any) -> dict[tuple[str, str], int]:
    """The outcomes that are not 0."""
    return {(kind, outcome.value): n for (kind, outcome), n in answer.outcomes.items() if n}


async def test_one_that_is_under_way_is_shown_with_its_hosts_and_the_moment_of_its_start() -> None:
    nova = FakeMigrations()
    nova.put(1, "running", created=-MINUTE, updated=-1)
    assert (await nova.reader().read()).running == (
        Migration("1", "vm1", LIVE, "running", "cn01", "cn02", START - MINUTE),
    )


async def test_what_began_long_ago_and_never_changed_is_found_at_the_start() -> None:
    nova = FakeMigrations()
    nova.put(1, "accepted", created=-9 * DAY, dest_compute=None, migration_type="evacuation")
    nova.put(2, "migrating", created=-8 * DAY, updated=-7 * DAY)
    running = (await nova.reader().read()).running
    assert [(one.migration_id, one.target) for one in running] == [("1", ""), ("2", "cn02")]


async def test_outcomes_before_the_first_reading_are_shown_by_pair_and_not_counted() -> None:
    nova = FakeMigrations()
    nova.put(1, "completed", created=-90, updated=-30)
    nova.put(2, "error", created=-2 * DAY, updated=-2 * DAY)
    answer = await nova.reader().read()
    assert answer.ended == (Ended(LIVE, Outcome.COMPLETED, "cn01", "cn02", START - 30, 60.0),)
    assert counted(answer) == {}
    kinds = {kind for kind, _ in answer.outcomes}
    assert kinds == {LIVE, "migration", "resize", "evacuation"}
    assert {*answer.durations} == kinds


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("completed", "completed"), ("finished", "completed"), ("confirmed", "completed"),
        ("reverted", "completed"), ("done", "completed"), ("error", "failed"), ("failed", "failed"),
        ("cancelled", "cancelled"),
    ],
)  # fmt: skip
async def test_each_end_is_counted_once_however_often_it_is_listed(status: str, outcome: str) -> None:
    nova = FakeMigrations()
    reader = nova.reader()
    nova.put(1, "running", created=-MINUTE, updated=-1)
    assert len((await reader.read()).running) == 1
    nova.put(1, status, created=-MINUTE, updated=30)
    for _ in range(3):
        nova.now_s += 40
        answer = await reader.read()
        assert counted(answer) == {(LIVE, outcome): 1}
        assert answer.running == ()


async def test_a_resize_is_completed_when_it_has_moved_and_not_again_when_it_is_confirmed() -> None:
    nova = FakeMigrations()
    nova.put(1, "finished", created=-5 * DAY, updated=-4 * DAY, migration_type="resize")
    reader = nova.reader()
    assert (await reader.read()).running == ()
    nova.put(2, "finished", created=10, updated=30, migration_type="resize")
    nova.now_s += MINUTE
    answer = await reader.read()
    assert counted(answer) == {("resize", "completed"): 1}
    assert answer.durations["resize"].seconds == 20
    for status in ("confirming", "confirmed"):
        nova.put(1, status, created=-5 * DAY, updated=70, migration_type="resize")
        nova.put(2, status, created=10, updated=70, migration_type="resize")
        nova.now_s += MINUTE
        assert counted(await reader.read()) == {("resize", "completed"): 1}


async def test_counts_do_not_go_back_when_the_list_no_longer_has_what_was_counted() -> None:
    nova = FakeMigrations()
    reader = nova.reader()
    await reader.read()
    nova.put(1, "error", created=1, updated=2)
    nova.now_s += MINUTE
    assert counted(await reader.read()) == {(LIVE, "failed"): 1}
    nova.rows.clear()
    nova.now_s += WINDOW_S + MINUTE
    answer = await reader.read()
    assert counted(answer) == {(LIVE, "failed"): 1}
    assert answer.ended == ()


async def test_only_changes_and_new_ones_are_requested_and_every_half_hour_all_states() -> None:
    nova = FakeMigrations()
    reader = nova.reader()
    await reader.read()
    first = nova.asked()
    assert len(first) == 11
    assert first[-1]["changes-since"] == "2026-08-31T12:00:00Z"
    assert all(query["limit"] == "1000" for query in first)
    nova.now_s += MINUTE
    await reader.read()
    states = [query.get("status", query.get("changes-since")) for query in nova.asked()]
    assert states == ["accepted", "pre-migrating", "2026-09-01T10:59:00Z"]
    nova.put(1, "completed", created=0, updated=50)
    for _ in range(2):
        nova.asked()
        nova.now_s += MINUTE
        await reader.read()
    assert nova.asked()[-1]["changes-since"] == "2026-09-01T11:59:50Z"
    nova.now_s += 1800
    await reader.read()
    assert len(nova.asked()) == 11


async def test_all_states_are_requested_every_half_hour_however_often_changes_are() -> None:
    nova = FakeMigrations()
    reader = nova.reader()
    await reader.read()
    requests = []
    for _ in range(31):
        nova.asked()
        nova.now_s += MINUTE
        await reader.read()
        requests.append(len(nova.asked()))
    assert (requests.count(3), requests.count(11)) == (30, 1)


async def test_changes_are_requested_by_the_earlier_clock_where_novas_is_ahead() -> None:
    nova = FakeMigrations()
    reader = nova.reader()
    nova.put(1, "completed", created=0, updated=600)
    await reader.read()
    nova.asked()
    nova.now_s += MINUTE
    await reader.read()
    assert nova.asked()[-1]["changes-since"] == "2026-09-01T11:59:00Z"


async def test_one_that_ends_before_it_begins_took_no_time() -> None:
    nova = FakeMigrations()
    nova.put(1, "completed", created=-30, updated=-40)
    assert [one.seconds for one in (await nova.reader().read()).ended] == [0.0]


async def test_one_that_has_just_been_created_is_found_though_changes_lack_it() -> None:
    nova = FakeMigrations()
    reader = nova.reader()
    await reader.read()
    nova.put(1, "accepted", created=5, dest_compute=None)
    nova.put(2, "pre-migrating", created=5, migration_type="resize")
    nova.now_s += MINUTE
    assert {one.migration_id for one in (await reader.read()).running} == {"1", "2"}


async def test_one_that_no_list_has_any_more_is_gone_within_half_an_hour_and_has_no_outcome() -> None:
    nova = FakeMigrations()
    nova.put(1, "running", created=-MINUTE, updated=-1)
    reader = nova.reader()
    await reader.read()
    nova.rows.clear()
    nova.now_s += MINUTE
    assert len((await reader.read()).running) == 1
    nova.now_s += 1800
    answer = await reader.read()
    assert (answer.running, counted(answer)) == ((), {})


async def test_all_pages_are_read() -> None:
    nova = FakeMigrations()
    for number in range(5):
        nova.put(number, "running", created=number, updated=number)
    nova.now_s += MINUTE
    assert [one.migration_id for one in (await nova.reader().read()).running] == ["0", "1", "2", "3", "4"]


async def test_a_state_that_is_unknown_is_shown_as_it_is() -> None:
    nova = FakeMigrations()
    nova.put(1, "teleporting", created=-9, updated=-5)
    assert (await nova.reader().read()).running[0].state == "teleporting"


async def test_fields_that_are_null_are_empty_and_what_makes_no_sense_is_counted() -> None:
    nova = FakeMigrations()
    nova.put(1, "running", created=-9, updated=-5, migration_type=None, source_compute=None)
    nova.put(2, "running", created=-9, updated=-5, created_at="yesterday")
    answer = await nova.reader().read()
    assert [(one.migration_id, one.kind, one.source) for one in answer.running] == [("1", "", "")]
    assert answer.malformed > 0


async def test_live_ones_have_their_progress_and_others_are_not_asked_for_it() -> None:
    nova = FakeMigrations()
    nova.put(1, "running", created=-9, updated=-5)
    nova.put(2, "migrating", created=-9, updated=-5, migration_type="resize")
    nova.put(3, "accepted", created=-9)
    body = {
        "id": 1, "memory_total_bytes": 100, "memory_remaining_bytes": 40, "disk_total_bytes": 0,
        "disk_remaining_bytes": None,
    }  # fmt: skip
    nova.progress["vm1"] = {"migrations": [body, {"id": 99}]}
    by_id = {one.migration_id: one for one in (await nova.reader().read()).running}
    assert by_id["1"].progress == Progress(100, 40, 0, None)
    assert (by_id["2"].progress, by_id["3"].progress) == (None, None)
    assert [call.path for call in nova.calls if call.path != LIST] == ["/servers/vm1/migrations"]


async def test_progress_costs_at_most_20_requests_those_that_began_first() -> None:
    nova = FakeMigrations()
    for number in range(MOST + 5):
        nova.put(number, "running", created=-number - 1.0, updated=-1)
    await nova.reader().read()
    paths = [call.path for call in nova.calls if call.path != LIST]
    assert paths == [f"/servers/vm{number}/migrations" for number in range(MOST + 4, 4, -1)]


@pytest.mark.parametrize(
    "error",
    [NotThereError("gone"), ForbiddenError("no"), CollectError(Reason.UNAVAILABLE, "down"), TimeoutError()],
    ids=lambda error: type(error).__name__,
)
async def test_progress_that_cannot_be_read_costs_nothing_else(error: Exception) -> None:
    nova = FakeMigrations()
    nova.put(1, "running", created=-9, updated=-5)
    nova.progress["vm1"] = error
    (one,) = (await nova.reader().read()).running
    assert one.progress is None


async def test_a_nova_without_a_list_of_changes_leaves_them_out() -> None:
    nova = FakeMigrations()
    nova.newest["compute"] = "2.53"
    with pytest.raises(LeftOutError, match=r"2\.59 is needed") as caught:
        await nova.reader().read()
    assert caught.value.reason is LeftOut.ABSENT


async def test_after_a_failure_what_changed_meanwhile_is_counted_once() -> None:
    nova = FakeMigrations()
    reader = nova.reader()
    await reader.read()
    nova.answers["compute", LIST] = CollectError(Reason.UNAVAILABLE, "down")
    nova.put(1, "failed", created=1, updated=2)
    nova.now_s += 3600
    with pytest.raises(CollectError):
        await reader.read()
    nova.answers.clear()
    nova.now_s += 3600
    assert counted(await reader.read()) == {(LIVE, "failed"): 1}
