"""Downtimes are filed, changed and found, in each kind of database."""

import asyncio
import threading
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from stratoscope.clouds.client.clock import Clock
from stratoscope.downtime.database import finding
from stratoscope.downtime.database.address import Address
from stratoscope.downtime.database.editing import Idempotency, Origin
from stratoscope.downtime.database.errors import (
    ClosedError,
    IdempotencyError,
    RevisionError,
    SourceError,
    UnknownError,
)
from stratoscope.downtime.database.finding import Filter
from stratoscope.downtime.database.store import Store, opened
from stratoscope.downtime.draft import LONGEST_S, FieldError
from stratoscope.downtime.hosts_off.plan import Plan
from stratoscope.downtime.model import DAY_S, Action, Downtime, State
from stratoscope.downtime.silences.by_hand import ByHand
from stratoscope.downtime.silences.reconciler import Reconciler
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.silence import Written, comment
from support.fake_alertmanager import FakeAlertmanager
from support.stores import HOUR, NOW, wanted


async def filed(store: Store, *, who: str = "alice", now: int = NOW, **fields: Any) -> Downtime:
    return await store.file(wanted(**fields), who=who, now=now)


async def actions(store: Store, one: Downtime) -> list[tuple[Action, str]]:
    return [(entry.action, entry.who) for entry in await store.history(one.id)]


async def test_what_was_filed_is_there_after_a_restart(address: Address) -> None:
    async with opened(address) as store:
        one = await filed(
            store, text="a\nb", planned=False, matcher_sets=(("host=~n.*",), ("vm_id!=x", "host=a"))
        )
    async with opened(address) as store:
        assert await store.get(one.id) == one
        assert await actions(store, one) == [(Action.FILED, "alice")]


async def test_unknown_id_is_said(store: Store) -> None:
    with pytest.raises(UnknownError, match="no downtime nope"):
        await store.get("nope")
    assert await store.history("nope") == ()


async def test_request_that_comes_again_files_once(store: Store) -> None:
    key = Idempotency("k", b"{}")
    both = [store.file(wanted(), who="alice", now=NOW, idempotency=key) for _ in range(2)]
    first, again = await asyncio.gather(*both)
    assert first == again
    other = await store.file(wanted(), who="bob", now=NOW, idempotency=key)
    assert other.id != first.id
    with pytest.raises(IdempotencyError, match="'k' was used for another request"):
        await store.file(wanted(), who="alice", now=NOW, idempotency=Idempotency("k", b"[]"))


async def test_key_is_forgotten_after_a_day(store: Store) -> None:
    key = Idempotency("k", b"{}")
    first = await store.file(wanted(), who="alice", now=NOW, idempotency=key)
    same = await store.file(wanted(), who="alice", now=NOW + DAY_S, idempotency=key)
    again = await store.file(wanted(), who="alice", now=NOW + DAY_S + 1, idempotency=key)
    assert same.id == first.id != again.id


async def test_a_search_leaves_others_their_turn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(110):
        await store.file(wanted(title=f"title {number}"), who="alice", now=NOW)
    turn, looked_at = 0, list[tuple[bool, int]]()
    is_said = finding._is_said

    def seen(*of: Any) -> bool:
        looked_at.append((threading.current_thread() is threading.main_thread(), turn))
        return is_said(*of)

    async def others() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(finding, "_is_said", seen)
    task = asyncio.create_task(others())
    found = await store.find(Filter(text="TITLE 7"), now=NOW)
    task.cancel()
    assert {one.title for one in found.downtimes} == {"title 7", *(f"title 7{digit}" for digit in range(10))}
    assert len(looked_at) == 110
    assert max(Counter(turn for in_loop, turn in looked_at if in_loop).values(), default=0) <= 20


async def test_a_long_history_is_read_in_pages_that_fit_together(store: Store) -> None:
    one = await store.file(wanted(), who="alice", now=NOW)
    for number in range(249):
        await store.change(one.id, wanted(title=f"title {number}"), who="bob", now=NOW)
    pages = [(await store.get_with_history(one.id, before))[1] for before in (51, 151, None, 252, 9999)]
    assert [(page.first, len(page.changes), page.total) for page in pages] == [
        (1, 50, 250), (51, 100, 250), (151, 100, 250), (151, 100, 250), (151, 100, 250),
    ]  # fmt: skip
    revisions = [entry.revision for page in pages[:3] for entry in page.changes]
    assert revisions == [*range(1, 251)]
    assert await store.history(one.id) == pages[2].changes


async def test_change_has_its_history(store: Store) -> None:
    one = await filed(store)
    changed = await store.change(
        one.id, wanted(title="b", matcher_sets=(("host=n2",),)), who="bob", now=NOW + 1, if_revision=1
    )
    assert (changed.title, changed.revision, changed.author, changed.changed_at) == ("b", 2, "alice", NOW + 1)
    assert await store.get(one.id) == changed
    entry = (await store.history(one.id))[1]
    assert (entry.action, entry.who, entry.at, entry.revision) == (Action.CHANGED, "bob", NOW + 1, 2)
    assert entry.fields == {
        "title": ("new switch", "b"),
        "matcher_sets": ([['cloud="uni"', 'host="n1"']], [['host="n2"']]),
    }


async def test_change_of_nothing_is_none(store: Store) -> None:
    one = await filed(store)
    assert await store.change(one.id, wanted(), who="bob", now=NOW + 1) == one
    assert len(await store.history(one.id)) == 1


async def test_of_two_editors_the_second_is_told(store: Store) -> None:
    one = await filed(store)
    edits = [
        store.change(one.id, wanted(title=who), who=who, now=NOW, if_revision=1) for who in ("bob", "eve")
    ]
    results = await asyncio.gather(*edits, return_exceptions=True)
    failed = [each for each in results if isinstance(each, RevisionError)]
    assert len(failed) == 1
    assert failed[0].current == await store.get(one.id)


async def test_cancelled_is_final(store: Store) -> None:
    one = await filed(store)
    gone = await store.cancel(one.id, who="bob", now=NOW + 5)
    assert (gone.cancelled_at, gone.revision) == (NOW + 5, 2)
    assert await store.cancel(one.id, who="eve", now=NOW + 9) == gone
    assert await store.end_now(one.id, who="eve", now=NOW + 9) == gone
    for edit in (
        store.change(one.id, wanted(), who="eve", now=NOW),
        store.extend(one.id, NOW + DAY_S, who="eve", now=NOW),
    ):
        with pytest.raises(ClosedError, match="is cancelled; allowed: file a new one"):
            await edit
    assert await actions(store, one) == [(Action.FILED, "alice"), (Action.CANCELLED, "bob")]


async def test_end_now_ends_what_lasts_and_cancels_what_does_not(store: Store) -> None:
    active = await filed(store, end=None, until_further_notice=True)
    ended = await store.end_now(active.id, who="bob", now=NOW + 60)
    assert (ended.end, ended.until_further_notice, ended.state(NOW + 60)) == (NOW + 60, False, State.ENDED)
    assert await store.end_now(active.id, who="bob", now=NOW + 70) == ended
    upcoming = await filed(store, start=NOW + 100)
    assert (await store.end_now(upcoming.id, who="bob", now=NOW + 100)).cancelled_at == NOW + 100


async def test_extended_until_a_moment(store: Store) -> None:
    one = await filed(store, end=None, until_further_notice=True)
    extended = await store.extend(one.id, NOW + 2 * DAY_S, who="bob", now=NOW)
    assert (extended.end, extended.until_further_notice) == (NOW + 2 * DAY_S, False)
    for end in (NOW + 10, NOW + LONGEST_S + 1):
        with pytest.raises(FieldError, match=f"end: {end}; allowed: after start and now, up to 365 days"):
            await store.extend(one.id, end, who="bob", now=NOW + 10)


async def test_overriding_is_no_edit(store: Store) -> None:
    one = await filed(store)
    record = SilenceRecord(
        alertmanager="one", downtime_id=one.id, matchers='{host="n1"}', standing=Standing.TAKEN_OVER,
        owner="bob", starts_at=NOW, ends_at=NOW + DAY_S, revision=1, changed_at=NOW + 2,
    )  # fmt: skip
    seen = ByHand(record, Action.TAKEN_OVER, {"author": ("ours", "bob")})
    await store.note_by_hand(seen)
    await store.note_by_hand(replace(seen, record=replace(record, downtime_id="gone")))
    assert (await store.history(one.id))[-1].fields == {"author": ("ours", "bob")}
    assert await store.records.silence_records("one") == (record,)
    assert await store.get(one.id) == one
    assert await actions(store, one) == [(Action.FILED, "alice"), (Action.TAKEN_OVER, "alertmanager one")]


async def test_source_decides_on_its_downtimes(store: Store) -> None:
    here, later = {"a": wanted(), "b": wanted(title="b")}, NOW + 60
    assert await store.upsert_external("gocdb:egi", here, now=NOW)
    assert not await store.upsert_external("gocdb:egi", here, now=NOW)
    a, b = await store.newest("gocdb:egi", NOW)
    assert await store.upsert_external("gocdb:egi", here | {"a": wanted(title="c")}, now=later)
    assert await store.upsert_external("gocdb:egi", {"a": wanted(title="c")}, now=later)
    assert [(one.title, one.revision) for one in await store.newest("gocdb:egi", NOW)] == [("c", 2), ("b", 2)]
    assert (await store.get(b.id)).cancelled_at == later
    await store.upsert_external("gocdb:egi", here, now=later)
    again = {one.external_id: one for one in await store.newest("gocdb:egi", NOW)}
    assert again["a"].id == a.id
    assert again["b"].id != b.id
    assert again["b"].author == "gocdb:egi"


async def test_imported_one_that_a_person_cancelled_stays_so_until_its_row_changes(store: Store) -> None:
    await store.upsert_external("osg", {"a": wanted()}, now=NOW)
    (one,) = await store.newest("osg", NOW)
    gone = await store.cancel(one.id, who="alice", now=NOW)
    mapped = wanted(matcher_sets=(("host=n9",),))
    for rows in ({"a": wanted()}, {}, {"a": wanted()}, {"a": mapped}):
        await store.upsert_external("osg", rows, now=NOW + 1)
        assert await store.newest("osg", NOW) == (gone,)
    await store.upsert_external("osg", {"a": wanted(title="b")}, now=NOW + 2)
    (new,) = await store.newest("osg", NOW)
    assert (new.title, new.state(NOW + 2), new.id != one.id) == ("b", State.ACTIVE, True)


async def test_imported_one_that_a_person_ended_stays_so_until_its_row_changes(store: Store) -> None:
    here = {"a": wanted(), "b": wanted(end=NOW + 60)}
    await store.upsert_external("osg", here, now=NOW)
    one, short = await store.newest("osg", NOW)
    ended = await store.end_now(one.id, who="alice", now=NOW + 50)
    assert await store.ended_by_hand("osg", NOW + 50) == {one.id: NOW + HOUR}
    await store.upsert_external("osg", here, now=NOW + 90)
    assert await store.newest("osg", NOW) == (ended, short)
    changed = {"a": wanted(end=NOW + 2 * HOUR), "b": wanted(end=NOW + HOUR)}
    await store.upsert_external("osg", changed, now=NOW + 90)
    ends = [(found.id, found.end) for found in await store.newest("osg", NOW)]
    assert ends == [(one.id, NOW + 2 * HOUR), (short.id, NOW + HOUR)]
    assert await actions(store, one) == [
        (Action.FILED, "osg"), (Action.CHANGED, "alice"), (Action.CHANGED, "osg")
    ]  # fmt: skip
    assert await store.ended_by_hand("osg", NOW + 90) == {}


async def test_what_a_source_filed_is_changed_at_the_source(store: Store) -> None:
    await store.upsert_external("osg", {"a": wanted()}, now=NOW)
    (one,) = await store.newest("osg", NOW)
    said = "filed by osg; change it there; allowed: end, cancel"
    with pytest.raises(SourceError, match=said):
        await store.change(one.id, wanted(title="mine"), who="alice", now=NOW)
    with pytest.raises(SourceError, match=said):
        await store.extend(one.id, NOW + 9 * HOUR, who="alice", now=NOW)
    assert await store.newest("osg", NOW) == (one,)


async def test_row_that_could_not_be_read_has_not_vanished(store: Store) -> None:
    rows = {id_: wanted(end=NOW + HOUR) for id_ in ("G1 n1 CE", "G1 n2 CE", "G10 n1 CE")}
    await store.upsert_external("gocdb:egi", rows, now=NOW)

    async def left(*unread: str) -> list[str]:
        await store.upsert_external("gocdb:egi", {}, now=NOW, unread=unread)
        found = await store.newest("gocdb:egi", NOW)
        return [one.external_id for one in found if one.cancelled_at is None]

    assert await left("") == [*rows]
    assert await left("G1", "G10 n1 CE") == [*rows]
    assert await left("G1") == ["G1 n1 CE", "G1 n2 CE"]
    assert await left("G1 n2 CE", "G") == ["G1 n2 CE"]


async def test_vanished_one_that_has_ended_stays_ended(store: Store) -> None:
    await store.upsert_external("osg", {"a": wanted()}, now=NOW)
    await store.upsert_external("osg", {}, now=NOW + HOUR)
    (one,) = await store.newest("osg", NOW)
    assert one.state(NOW + HOUR) is State.ENDED


async def test_found_by_what_is_asked_for(store: Store) -> None:
    active = await filed(store, title="Straße", text="Two\nlines")
    upcoming = await filed(store, start=NOW + 10, matcher_sets=(("cloud=uni",), ("service=nova",)))
    ended = await filed(store, start=NOW - 20, end=NOW - 10, matcher_sets=(("cloud=uni", "host=n2"),))
    gone = await filed(store, start=NOW + 5)
    gone = await store.cancel(gone.id, who="bob", now=NOW)
    await store.file(
        wanted(start=NOW + 90, matcher_sets=(("vm_id=x",),)), who="x", now=NOW, origin=Origin("osg", "1")
    )

    async def found(**fields: Any) -> list[Downtime]:
        page = await store.find(Filter(**fields), now=NOW)
        return list(page.downtimes)

    assert await found(states=frozenset({State.ACTIVE, State.ENDED})) == [active, ended]
    assert await found(states=frozenset({State.CANCELLED})) == [gone]
    assert await found(text="STRASSE") == [active]
    assert await found(text="lines") == [active]
    assert await found(labels={"cloud": "uni", "host": "n1"}, end=NOW + 60) == [upcoming, gone, active]
    assert await found(labels={"host": "n2"}) == [ended]
    assert await found(labels={"host": "n3"}) == []
    assert await found(begin=NOW - 5, end=NOW + 5) == [active]
    assert [one.external_id for one in await found(source="osg")] == ["1"]
    assert await store.counts(NOW) == {
        State.UPCOMING: 2, State.ACTIVE: 1, State.ENDED: 1, State.CANCELLED: 1
    }  # fmt: skip


async def test_pages_have_each_downtime_once(store: Store) -> None:
    await store.upsert_external("s", {str(n): wanted(start=NOW + n // 3) for n in range(1100)}, now=NOW)
    ids, after = [], None
    while True:
        page = await store.find(Filter(text="switch"), now=NOW, limit=550, after=after)
        ids += [one.id for one in page.downtimes]
        if page.next is None:
            break
        after = page.next
    assert len(ids) == len({*ids}) == 1100


async def test_ids_that_a_downtime_has_or_had_are_known(store: Store) -> None:
    one, gone = await filed(store), await filed(store)
    await store.cancel(gone.id, who="bob", now=NOW)
    others = (f"x{number}" for number in range(1100))
    odd = ("\0", "\ud800", "' OR 1=1", "x" * 5000)
    assert await store.known([*others, *odd, one.id, gone.id]) == {one.id, gone.id}
    assert await store.known(()) == frozenset()


async def test_live_ones_follow_every_change(store: Store, address: Address) -> None:
    one = await filed(store)
    far = await filed(store, start=NOW + 2 * DAY_S, end=NOW + 3 * DAY_S)
    assert await store.live(NOW) == (one,)
    assert await store.live(NOW + 60) == (one,)
    assert await store.live(NOW + DAY_S + 1) == (far,)
    assert await store.live(NOW + HOUR, behind_s=10) == (one,)
    assert await store.live(NOW + HOUR - 0.5, 0) == (one,)
    assert await store.live(NOW - 0.5, 0.25) == ()
    before = await store.revision()
    async with opened(address) as other:
        await other.cancel(one.id, who="bob", now=NOW)
    assert await store.revision() > before
    assert await store.live(NOW) == ()


async def test_silences_follow_what_is_stored(store: Store) -> None:
    now = [NOW + 0.5]
    clock = Clock(now=lambda: now[0])
    am = FakeAlertmanager(clock=clock)
    reconciler = Reconciler(am, store, store.records, clock=clock)
    one = await filed(store)
    await reconciler.reconcile()
    (silence,) = am.live()
    am.end(silence.id)
    now[0] += 1
    for _ in range(2):
        await reconciler.reconcile()
    assert await actions(store, one) == [(Action.FILED, "alice"), (Action.OVERRIDDEN, "alertmanager am")]
    await store.extend(one.id, NOW + DAY_S, who="bob", now=NOW + 1)
    await reconciler.reconcile()
    await store.cancel(one.id, who="bob", now=NOW + 1)
    await store.records.forget_silence_records(await store.records.silence_records("am"))
    am.put(written(await filed(store), "stranger"))
    await reconciler.reconcile()
    assert (len(am.live()), reconciler.report.unknown) == (2, 1)
    assert await store.records.silence_records("am") != ()


def written(one: Downtime, name: str) -> Written:
    """The silence of a downtime like this one, with another id."""
    other, (matchers,) = replace(one, id=name), one.matcher_sets
    return Written(
        starts_at=one.start, ends_at=one.end, matchers=matchers, comment=comment(other, matchers, "")
    )


async def test_a_hosts_downtime_that_is_over_meanwhile_is_not_ended_again(store: Store) -> None:
    one = await filed(store)
    await store.cancel(one.id, who="bob", now=NOW)
    await store.apply_host_plan("cloud:uni", Plan([], [], [one.id], []), NOW)
    assert (await store.get(one.id)).end == one.end


async def test_next_ones_are_those_that_end_first_and_then_those_that_start_first(store: Store) -> None:
    for title, start, end in (
        ("later", 60, 70), ("soon", 50, 99), ("ends last", -10, 40), ("ends first", -5, 30), ("over", -9, 0),
    ):  # fmt: skip
        await filed(store, title=title, start=NOW + start, end=NOW + end)
    await store.cancel((await filed(store)).id, who="bob", now=NOW)
    found = [one.title for one in await store.next_ones(NOW, limit=9)]
    assert found == ["ends first", "ends last", "soon", "later"]
    assert [one.title for one in await store.next_ones(NOW, limit=2, skipped=1)] == found[1:3]


async def test_those_between_two_moments_are_active_ones_first_and_cancelled_ones_last(store: Store) -> None:
    cancelled = await filed(store, title="cancelled", start=NOW - 50, end=NOW + 50)
    await store.cancel(cancelled.id, who="bob", now=NOW)
    for title, start, end in (
        ("over", -40, -10), ("active", -30, 40), ("to come", 20, 50), ("before", -90, -40),
        ("after", 100, 120),
    ):  # fmt: skip
        await filed(store, title=title, start=NOW + start, end=NOW + end)
    found = [one.title for one in await store.between(NOW - 40, NOW + 100, now=NOW, limit=9)]
    assert found == ["active", "over", "to come", "cancelled"]
    assert len(await store.between(NOW - 40, NOW + 100, now=NOW, limit=2)) == 2


async def test_the_silences_of_a_downtime_are_found_by_its_id(store: Store) -> None:
    one = SilenceRecord(
        alertmanager="am-2", downtime_id="a", matchers="{}", standing=Standing.WRITTEN, starts_at=1,
        ends_at=2, revision=1, changed_at=1,
    )  # fmt: skip
    first, other = replace(one, alertmanager="am-1"), replace(one, downtime_id="b")
    await store.records.store_silence_records([one, first, other])
    assert await store.records.of_downtime("a") == (first, one)
