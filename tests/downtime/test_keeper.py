"""Windows are filed ahead, and downtimes until further notice go on, by themselves."""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from stratoscope.downtime.database.address import sqlite
from stratoscope.downtime.database.editing import Origin
from stratoscope.downtime.database.store import Store, opened
from stratoscope.downtime.hosts_off.described import host_downtime
from stratoscope.downtime.keeper import Keeper, Stuck
from stratoscope.downtime.matchers import Matcher
from stratoscope.downtime.model import DAY_S, LONGEST_REARMED_S, REARM_S, Action, Downtime
from stratoscope.downtime.notices import Notices
from stratoscope.downtime.windows.recurrence import Recurrence
from stratoscope.downtime.windows.window import AHEAD_S, Template
from support.stores import HOUR, NOW, wanted


class Kept:
    """A store and its keeper, with a clock."""

    def __init__(self, store: Store) -> None:
        self.store, self.at, self.changes = store, NOW, 0
        notices = Notices(HOUR, 7 * DAY_S)
        self.keeper = Keeper(store, self._changed, notices, sources=["gocdb:egi"], clock=self)  # type: ignore[arg-type]  # it needs `now` alone

    def now(self) -> float:
        return self.at + 0.9

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    async with opened(sqlite(tmp_path)) as store:
        yield Kept(store)


async def test_occurrences_of_a_window_are_filed_two_weeks_ahead_and_once(kept: Kept) -> None:
    first = dt.datetime.fromtimestamp(NOW + DAY_S, dt.UTC).replace(tzinfo=None)
    daily = Recurrence(rrule="FREQ=DAILY", zone="UTC", first=first, duration_s=HOUR)
    template = Template(title="backup", matcher_sets=((Matcher("host", "n1"),),), silences=True)
    window = await kept.store.windows.file(daily, template, who="alice", now=NOW)
    await kept.keeper.once()
    await kept.keeper.once()
    found = await kept.store.live(NOW, ahead_s=30 * DAY_S)
    assert [one.start for one in found] == [NOW + day * DAY_S for day in range(1, AHEAD_S // DAY_S)]
    assert {(one.window_id, one.author, one.end - one.start) for one in found} == {(window.id, "alice", HOUR)}
    assert kept.changes == 1
    kept.at += DAY_S
    await kept.keeper.once()
    assert len(await kept.store.live(kept.at, ahead_s=30 * DAY_S)) == len(found) + 1
    assert kept.changes == 2
    await kept.store.windows.cancel(window.id, who="alice", now=kept.at)
    await kept.keeper.once()
    assert kept.changes == 2


async def test_nothing_is_written_while_an_occurrence_lasts(kept: Kept) -> None:
    first = dt.datetime.fromtimestamp(NOW - HOUR // 2, dt.UTC).replace(tzinfo=None)
    daily = Recurrence(rrule="FREQ=DAILY", zone="UTC", first=first, duration_s=HOUR)
    template = Template(title="backup", matcher_sets=((Matcher("host", "n1"),),), silences=True)
    await kept.store.windows.file(daily, template, who="alice", now=NOW)
    await kept.keeper.once()
    kept.at += 60
    revision = await kept.store.revision()
    await kept.keeper.once()
    assert await kept.store.revision() == revision


async def test_a_window_whose_zone_is_gone_costs_the_others_nothing(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    first = dt.datetime.fromtimestamp(NOW + DAY_S, dt.UTC).replace(tzinfo=None)
    daily = Recurrence(rrule="FREQ=DAILY", zone="UTC", first=first, duration_s=HOUR)
    template = Template(title="backup", matcher_sets=((Matcher("host", "n1"),),), silences=True)
    gone, odd, fine = [
        await kept.store.windows.file(one, template, who="alice", now=NOW)
        for one in (replace(daily, zone="Europe/Gone"), replace(daily, rrule="FREQ=SECONDLY"), daily)
    ]
    one = await kept.store.file(wanted(end=None, until_further_notice=True), who="alice", now=NOW)
    kept.at += 20 * HOUR
    for _ in range(2):
        await kept.keeper.once()
    assert kept.keeper.stuck == {gone.id: Stuck.ZONE, odd.id: Stuck.RULE}
    said = sorted(line.split()[4] for line in caplog.messages)
    assert said == sorted([f"window={gone.id}", f"window={odd.id}"])
    assert (await kept.store.get(one.id)).end == kept.at + REARM_S
    found = await kept.store.live(kept.at, ahead_s=30 * DAY_S)
    assert {each.window_id for each in found} == {"", fine.id}
    for each in (gone, odd):
        await kept.store.windows.cancel(each.id, who="alice", now=kept.at)
    await kept.keeper.once()
    assert kept.keeper.stuck == {}


async def test_what_a_source_filed_that_is_not_configured_any_more_is_cancelled(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    sources = ("gocdb:egi", "gocdb:old", "osg:ended")
    for source in sources:
        end = NOW + (60 if source == "osg:ended" else DAY_S)
        await kept.store.upsert_external(source, {"1": wanted(end=end)}, now=NOW)
    person = await kept.store.file(wanted(end=NOW + DAY_S), who="alice", now=NOW)
    for source in ("cloud:uni", "script:uni"):
        await kept.store.file(wanted(end=NOW + DAY_S), who="x", now=NOW, origin=Origin(source, "n1"))
    kept.at += HOUR
    for _ in range(2):
        await kept.keeper.once()
    left = await kept.store.live(kept.at)
    assert {one.source for one in left} == {"gocdb:egi", "person", "cloud:uni", "script:uni"}
    assert person in left
    (old,) = await kept.store.newest("gocdb:old", NOW)
    (ended,) = await kept.store.newest("osg:ended", NOW)
    assert (old.cancelled_at, ended.cancelled_at, kept.changes) == (kept.at, None, 1)
    entry = (await kept.store.history(old.id))[-1]
    assert (entry.action, entry.who) == (Action.CANCELLED, "gocdb:old")
    said = "downtimes of a source that is not configured are cancelled source=gocdb:old"
    assert caplog.messages == [said]


async def test_until_further_notice_goes_on_day_by_day_up_to_the_cap(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    fields = wanted(start=NOW, end=None, until_further_notice=True)
    one = await kept.store.file(fields, who="alice", now=NOW)
    ends = []
    while kept.at < NOW + LONGEST_REARMED_S:
        await kept.keeper.once()
        ends.append((await kept.store.get(one.id)).end - kept.at)
        kept.at += REARM_S // 4
    assert caplog.record_tuples == []
    kept.at = NOW + LONGEST_REARMED_S - 60
    await kept.keeper.once()
    assert min(ends[:-8]) > REARM_S // 2
    last = await kept.store.get(one.id)
    assert (last.end, last.revision) == (NOW + LONGEST_REARMED_S, 1)
    history = await kept.store.history(one.id)
    assert {entry.action for entry in history[1:]} == {Action.REARMED}
    assert caplog.record_tuples == [
        ("stratoscope.downtime.keeper", logging.WARNING,
         f"downtime ends soon downtime={one.id} of=cap title='new switch'"),
    ]  # fmt: skip


async def test_a_notice_is_logged_once_for_each_end(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    one = await kept.store.file(wanted(end=NOW + 3 * HOUR), who="alice", now=NOW)

    async def logged() -> int:
        await kept.keeper.once()
        return len(caplog.records)

    assert await logged() == 0
    kept.at += 2 * HOUR
    assert [await logged(), await logged()] == [1, 1]
    assert caplog.messages == [f"downtime ends soon downtime={one.id} of=end title='new switch'"]
    for end, records in ((9 * HOUR, 1), (3 * HOUR, 2), (9 * HOUR, 2)):
        await kept.store.extend(one.id, NOW + end, who="alice", now=kept.at)
        assert await logged() == records
    kept.at += 6 * HOUR
    assert [await logged(), await logged()] == [3, 3]


async def test_a_host_that_a_script_switched_off_is_off_up_to_its_own_cap(kept: Kept) -> None:
    asked = host_downtime("uni", "n1", "", NOW, cap_s=7 * DAY_S)._replace(until_further_notice=True)
    one = await kept.store.hosts.off("uni", "n1", asked, who="ipmi", now=NOW, cap_s=7 * DAY_S)
    while kept.at < NOW + 8 * DAY_S:
        await kept.keeper.once()
        kept.at += REARM_S // 4
    assert (await kept.store.get(one.id)).end == NOW + 7 * DAY_S


async def test_what_ended_or_was_cancelled_is_not_moved_on(kept: Kept) -> None:
    fields = wanted(start=NOW, end=None, until_further_notice=True)
    one = await kept.store.file(fields, who="alice", now=NOW)
    kept.at += 20 * HOUR
    await kept.store.end_now(one.id, who="alice", now=kept.at)
    await kept.keeper.once()
    assert (await kept.store.get(one.id)).end == kept.at
    assert kept.changes == 0


async def test_what_a_person_ends_or_cancels_while_it_works_stays_so(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = wanted(start=NOW, end=None, until_further_notice=True)
    ended, cancelled, other = [await kept.store.file(fields, who="alice", now=NOW) for _ in range(3)]
    kept.at += 20 * HOUR
    read = kept.store.live

    async def live(*args: Any, **kwargs: Any) -> Sequence[Downtime]:
        found = await read(*args, **kwargs)
        await kept.store.end_now(ended.id, who="bob", now=kept.at)
        await kept.store.cancel(cancelled.id, who="bob", now=kept.at)
        return found

    monkeypatch.setattr(kept.store, "live", live)
    await kept.keeper.once()
    assert (await kept.store.get(ended.id)).end == kept.at
    assert (await kept.store.get(cancelled.id)).end == cancelled.end
    assert (await kept.store.get(other.id)).end == kept.at + REARM_S


async def test_what_has_not_begun_is_not_moved_on(kept: Kept) -> None:
    fields = wanted(start=NOW + 60, end=None, until_further_notice=True)._replace(end=NOW + HOUR)
    one = await kept.store.file(fields, who="alice", now=NOW)
    await kept.keeper.once()
    assert (await kept.store.get(one.id)).end == NOW + HOUR
    kept.at += 61
    await kept.keeper.once()
    assert (await kept.store.get(one.id)).end == kept.at + REARM_S


async def test_it_works_while_its_process_leads(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = wanted(start=NOW, end=None, until_further_notice=True)
    one = await kept.store.file(fields, who="alice", now=NOW)
    kept.at += 20 * HOUR
    rounds = 0

    async def pause(_: float) -> None:
        nonlocal rounds
        rounds += 1
        assert (kept.changes > 0) is (rounds > 1)
        kept.store.leadership.is_leader = rounds == 1
        if rounds == 3:
            raise asyncio.CancelledError

    kept.store.leadership.is_leader = False
    monkeypatch.setattr(asyncio, "sleep", pause)
    with pytest.raises(asyncio.CancelledError):
        await kept.keeper.run()
    assert (await kept.store.get(one.id)).end == kept.at + REARM_S
    assert kept.changes == 1


async def test_the_end_of_a_short_downtime_is_not_noticed(kept: Kept) -> None:
    short = await kept.store.file(wanted(start=NOW, end=NOW + 2 * HOUR - 1), who="alice", now=NOW)
    long = await kept.store.file(wanted(start=NOW, end=NOW + 2 * HOUR), who="alice", now=NOW)
    soon = [one.id for one, _ in Notices(HOUR, DAY_S).of([short, long], NOW + 2 * HOUR - 2)]
    assert soon == [long.id]
