"""How ends are moved, and what others do meanwhile, in each kind of database."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest

from stratoscope.downtime.database.editing import Origin
from stratoscope.downtime.database.errors import ClosedError, RevisionError, SourceError
from stratoscope.downtime.database.finding import Filter
from stratoscope.downtime.database.store import Store
from stratoscope.downtime.draft import LONGEST_S, Checked, FieldError
from stratoscope.downtime.hosts_off.plan import Plan
from stratoscope.downtime.model import DAY_S, REARM_S, Action, Downtime, Rearm, State
from support.stores import HOUR, NOW, wanted

LATER = NOW + REARM_S - HOUR


async def going_on(store: Store, source: str = "person") -> Downtime:
    """One that a person filed until further notice, or one of a cloud's host."""
    fields = wanted(end=None, until_further_notice=True)
    if source != "person":
        fields = fields._replace(until_further_notice=False)
    return await store.file(fields, who="alice", now=NOW, origin=Origin(source, "off: n1"))


async def moved_on(store: Store, *seen: Downtime) -> int:
    rearms = [Rearm(one.id, one.end, one.end + HOUR) for one in seen]
    return await store.rearm(rearms, who="service", now=LATER)


@pytest.mark.parametrize("source", ["person", "cloud:uni"])
async def test_what_goes_on_is_moved_on_without_an_edit(store: Store, source: str) -> None:
    one, other = await going_on(store, source), await going_on(store, source)
    revision = await store.revision()
    assert await moved_on(store, one, other) == 2
    assert await store.revision() > revision
    found = await store.get(one.id)
    assert (found.end, found.revision, found.changed_at) == (one.end + HOUR, 1, LATER)
    entry = (await store.history(other.id))[1]
    assert (entry.action, entry.who, entry.at) == (Action.REARMED, "service", LATER)
    assert entry.fields == {"end": (one.end, one.end + HOUR)}


@pytest.mark.parametrize("source", ["person", "cloud:uni"])
async def test_what_a_person_ended_or_moved_meanwhile_is_not_moved_on(store: Store, source: str) -> None:
    ended, cancelled, untouched = [await going_on(store, source) for _ in range(3)]
    await store.end_now(ended.id, who="bob", now=LATER)
    await store.cancel(cancelled.id, who="bob", now=LATER)
    assert await moved_on(store, ended, cancelled, untouched) == 1
    assert (await store.get(ended.id)).end == LATER
    assert (await store.get(cancelled.id)).end == cancelled.end
    assert (await store.get(untouched.id)).end == untouched.end + HOUR
    assert [entry.action for entry in await store.history(cancelled.id)] == [Action.FILED, Action.CANCELLED]


async def test_an_end_that_somebody_chose_meanwhile_is_kept(store: Store) -> None:
    shorter, longer, same, anew = [await going_on(store) for _ in range(4)]
    await store.extend(shorter.id, LATER + 60, who="bob", now=LATER)
    await store.extend(longer.id, LATER + 9 * HOUR, who="bob", now=LATER)
    await store.extend(same.id, same.end, who="bob", now=LATER)
    again = await store.extend_until_further_notice(anew.id, who="bob", now=LATER)
    assert await moved_on(store, shorter, longer, same, anew) == 0
    assert (await store.get(anew.id)).end == again.end == LATER + REARM_S
    ends = [(await store.get(one.id)).end for one in (shorter, longer, same)]
    assert ends == [LATER + 60, LATER + 9 * HOUR, same.end]


async def test_what_is_over_by_itself_is_not_moved_on(store: Store) -> None:
    one = await going_on(store)
    rearms = [Rearm(one.id, one.end, one.end + HOUR)]
    assert await store.rearm(rearms, who="service", now=one.end) == 0
    assert await store.rearm(rearms, who="service", now=one.end - 1) == 1


async def test_a_cloud_does_not_revive_what_a_person_ended_before_its_plan_was_carried_out(
    store: Store,
) -> None:
    ended, cancelled = await going_on(store, "cloud:uni"), await going_on(store, "cloud:uni")
    plan = Plan([], [Rearm(one.id, one.end, one.end + HOUR) for one in (ended, cancelled)], [], [])
    await store.end_now(ended.id, who="bob", now=LATER)
    await store.cancel(cancelled.id, who="bob", now=LATER)
    await store.apply_host_plan("cloud:uni", plan, LATER)
    assert (await store.get(ended.id)).state(LATER) is State.ENDED
    assert (await store.get(cancelled.id)).end == cancelled.end


async def test_until_further_notice_changes_nothing_but_the_end(store: Store) -> None:
    one = await store.file(wanted(), who="alice", now=NOW)
    changed = await store.change(one.id, wanted(title="other", severity="at_risk"), who="bob", now=NOW)
    extended = await store.extend_until_further_notice(one.id, who="eve", now=NOW + 60)
    assert (extended.title, extended.severity) == ("other", changed.severity)
    assert (extended.end, extended.until_further_notice) == (NOW + 60 + REARM_S, True)
    assert (await store.history(one.id))[-1].fields == {
        "end": (NOW + HOUR, NOW + 60 + REARM_S), "until_further_notice": (False, True)
    }  # fmt: skip
    upcoming = await store.file(wanted(start=NOW + 600), who="alice", now=NOW)
    found = await store.extend_until_further_notice(upcoming.id, who="eve", now=NOW)
    assert found.end == NOW + 600 + REARM_S


async def test_a_day_is_added_to_the_end_or_to_now(store: Store) -> None:
    one = await store.file(wanted(), who="alice", now=NOW)
    await store.extend(one.id, NOW + 2 * HOUR, who="bob", now=NOW)
    assert (await store.extend_by(one.id, DAY_S, who="eve", now=NOW)).end == NOW + 2 * HOUR + DAY_S
    over = NOW + 3 * DAY_S
    again = await store.extend_by(one.id, HOUR, who="eve", now=over)
    assert (again.end, again.state(over)) == (over + HOUR, State.ACTIVE)
    going = await going_on(store)
    assert not (await store.extend_by(going.id, HOUR, who="eve", now=NOW)).until_further_notice


async def test_what_cannot_be_extended_says_why(store: Store) -> None:
    cancelled, old = [await store.file(wanted(), who="alice", now=NOW) for _ in range(2)]
    imported = await going_on(store, "osg")
    await store.cancel(cancelled.id, who="bob", now=NOW)
    late: dict[str, Any] = {"who": "eve", "now": NOW + LONGEST_S}
    for id_, error in ((cancelled.id, ClosedError), (imported.id, SourceError), (old.id, FieldError)):
        with pytest.raises(error):
            await store.extend_until_further_notice(id_, **late)
        with pytest.raises(error):
            await store.extend_by(id_, HOUR, **late)
        with pytest.raises(RevisionError):
            await store.extend_by(id_, HOUR, **late, if_revision=7)


async def test_the_latest_end_is_allowed(store: Store) -> None:
    one = await store.file(wanted(), who="alice", now=NOW)
    assert (await store.extend(one.id, NOW + LONGEST_S, who="bob", now=NOW)).end == NOW + LONGEST_S


@pytest.mark.parametrize("expected", [0, 2])
async def test_whoever_has_seen_another_revision_is_told(store: Store, expected: int) -> None:
    one = await store.file(wanted(), who="alice", now=NOW)
    with pytest.raises(RevisionError, match=f"downtime {one.id} was changed: it has revision 1 now"):
        await store.cancel(one.id, who="bob", now=NOW, if_revision=expected)


async def test_a_source_that_changes_thousands_of_rows_does_not_stop_others(store: Store) -> None:
    rows = {str(number): wanted() for number in range(1200)}
    await store.upsert_external("osg", rows, now=NOW)
    changed = {id_: one._replace(title=f"new {id_}") for id_, one in rows.items()}
    changed.pop("7")
    importing = asyncio.create_task(store.upsert_external("osg", changed, now=NOW + 60))
    begun = time.monotonic()
    await store.file(wanted(), who="alice", now=NOW)
    assert time.monotonic() - begun < 5
    await importing
    found = {one.external_id: one for one in await store.newest("osg", NOW)}
    assert {id_: one.title for id_, one in found.items()} == {
        id_: "new switch" if id_ == "7" else f"new {id_}" for id_ in rows
    }
    assert {one.revision for one in found.values()} == {2}
    assert [one.external_id for one in found.values() if one.cancelled_at == NOW + 60] == ["7"]
    entries = await store.history(found["1199"].id)
    assert [(entry.action, entry.who, entry.revision) for entry in entries] == [
        (Action.FILED, "osg", 1), (Action.CHANGED, "osg", 2)
    ]  # fmt: skip
    assert entries[1].fields == {"title": ("new switch", "new 1199")}


async def imported_in_part(store: Store, rows: Mapping[str, Checked]) -> "asyncio.Task[bool]":
    """An import that is under way: some rows are stored."""
    importing = asyncio.create_task(store.upsert_external("osg", rows, now=NOW + 60))
    async with asyncio.timeout(20):
        while not any(
            one.title.startswith("new ") and one.title != "new switch" for one in await store.live(NOW)
        ):
            assert not importing.done()
            await asyncio.sleep(0)
    return importing


async def test_a_large_import_is_stored_in_parts_and_others_have_their_turn(store: Store) -> None:
    rows = {f"{number:04}": wanted() for number in range(2000)}
    await store.upsert_external("osg", rows, now=NOW)
    changed = {id_: one._replace(title=f"new {id_}") for id_, one in rows.items()}
    del changed["0007"]
    importing = await imported_in_part(store, changed)
    one = await store.file(wanted(), who="alice", now=NOW)
    assert not importing.done()
    importing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await importing
    found = {row.external_id: row for row in await store.newest("osg", NOW)}
    stored = [row for row in found.values() if row.title == f"new {row.external_id}"]
    assert 0 < len(stored) < 1999
    assert found["0007"].cancelled_at is None
    for row in (found["0007"], stored[0], stored[-1]):
        assert len(await store.history(row.id)) == row.revision
    assert await store.upsert_external("osg", changed, now=NOW + 90)
    found = {row.external_id: row for row in await store.newest("osg", NOW)}
    assert {row.revision for row in found.values()} == {2}
    assert [row.external_id for row in found.values() if row.cancelled_at] == ["0007"]
    assert await store.get(one.id) == one


async def test_what_a_person_cancels_while_an_import_is_stored_stays_theirs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await store.file(wanted(), who="osg:grid", now=NOW, origin=Origin("osg:grid", "1"))
    change = store._database.change

    async def meanwhile(work: Any) -> Any:
        monkeypatch.undo()
        await store.cancel(one.id, who="bob", now=NOW + 5)
        return await change(work)

    monkeypatch.setattr(store._database, "change", meanwhile)
    await store.upsert_external("osg:grid", {}, now=NOW + 9)
    assert (await store.get(one.id)).cancelled_at == NOW + 5
    assert [entry.who for entry in await store.history(one.id)] == ["osg:grid", "bob"]


async def test_an_import_that_changes_nothing_writes_nothing(store: Store) -> None:
    rows = {str(number): wanted() for number in range(300)}
    await store.upsert_external("osg", rows, now=NOW)
    before = await store.revision()
    assert not await store.upsert_external("osg", rows, now=NOW + 60)
    assert await store.revision() == before


async def test_what_was_moved_on_was_not_ended_by_hand(store: Store) -> None:
    one = await going_on(store, "cloud:uni")
    assert await moved_on(store, one) == 1
    assert await store.ended_by_hand("cloud:uni", LATER) == {}
    await store.end_now(one.id, who="bob", now=LATER)
    assert await store.ended_by_hand("cloud:uni", LATER) == {one.id: one.end + HOUR}


async def test_of_one_second_the_downtime_that_is_not_cancelled_is_the_newest(store: Store) -> None:
    rows = {str(number): wanted() for number in range(8)}
    for said in (rows, {}, rows):
        await store.upsert_external("osg", said, now=NOW)
    found = await store.newest("osg", NOW)
    assert [(one.external_id, one.cancelled_at) for one in found] == [(id_, None) for id_ in rows]
    await store.upsert_external("osg", rows, now=NOW)
    assert sum((await store.counts(NOW)).values()) == 16


async def test_a_page_has_as_many_as_were_asked_for(store: Store) -> None:
    ids = [(await store.file(wanted(start=NOW + n), who="alice", now=NOW)).id for n in range(3)]
    page = await store.find(Filter(), now=NOW, limit=2)
    assert [one.id for one in page.downtimes] == [ids[2], ids[1]]
    assert page.next == (NOW + 1, ids[1])
    assert (await store.find(Filter(), now=NOW, limit=3)).next is None


async def test_at_its_end_a_downtime_has_ended(store: Store) -> None:
    one = await store.file(wanted(), who="alice", now=NOW)
    for now, state in ((NOW - 1, State.UPCOMING), (NOW, State.ACTIVE), (one.end, State.ENDED)):
        for asked in State:
            found = (await store.find(Filter(states=frozenset({asked})), now=now)).downtimes
            assert found == ((one,) if asked is state else ())
        assert (await store.counts(now))[state] == 1
