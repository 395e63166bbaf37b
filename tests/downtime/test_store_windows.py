"""Recurring windows, records of silences and reports of imports, in each kind of database."""

import datetime as dt
import random
import string

import pytest
from msgspec.structs import replace

from stratoscope.core.errors import Reason
from stratoscope.downtime.database import windows
from stratoscope.downtime.database.errors import IdempotencyError, TooManyWindowsError, UnknownError
from stratoscope.downtime.database.store import Store
from stratoscope.downtime.imports.announced import Skip
from stratoscope.downtime.imports.report import Report
from stratoscope.downtime.matchers import Matcher, matcher_set, written
from stratoscope.downtime.model import DAY_S, State
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.windows.recurrence import Occurrence, Recurrence
from stratoscope.downtime.windows.window import Template
from support.announcements import announced
from support.stores import NOW, wanted

FIRST = dt.datetime.fromisoformat("2026-12-01T22:00:00")
RULE = Recurrence(rrule="FREQ=WEEKLY", zone="Europe/Berlin", first=FIRST, duration_s=3600)
WORDS = Template(title="backup", matcher_sets=(matcher_set([Matcher("host", "n1")]),), silences=True)
RECORD = SilenceRecord(
    alertmanager="one", downtime_id="d", matchers='{host="n1"}', standing=Standing.WRITING,
    starts_at=NOW, ends_at=NOW + 60, revision=1, changed_at=NOW,
)  # fmt: skip


async def test_window_is_stored(store: Store) -> None:
    one = await store.windows.file(RULE, WORDS, who="alice", now=NOW)
    assert (one.recurrence, one.template, one.author) == (RULE, WORDS, "alice")
    assert await store.windows.get(one.id) == one
    assert await store.windows.all() == (one,)
    with pytest.raises(UnknownError, match="no window nope"):
        await store.windows.get("nope")


async def test_windows_are_bounded_and_one_that_is_cancelled_makes_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "MOST", 2)
    one = await store.windows.file(RULE, WORDS, who="alice", now=NOW)
    await store.windows.file(RULE, WORDS, who="alice", now=NOW, key="k")
    with pytest.raises(TooManyWindowsError, match="there are 2 windows; allowed: a new one once another is"):
        await store.windows.file(RULE, WORDS, who="alice", now=NOW)
    await store.windows.file(RULE, WORDS, who="alice", now=NOW, key="k")
    await store.windows.cancel(one.id, who="alice", now=NOW)
    await store.windows.file(RULE, WORDS, who="alice", now=NOW)
    assert len(await store.windows.all()) == 3
    assert len(await store.windows.open()) == 2


async def test_a_key_stands_for_the_window_that_it_filed_for_a_day(store: Store) -> None:
    first = await store.windows.file(RULE, WORDS, who="alice", now=NOW, key="k")
    gone = await store.windows.cancel(first.id, who="alice", now=NOW + 1)
    assert await store.windows.file(RULE, WORDS, who="alice", now=NOW + DAY_S, key="k") == gone
    later = NOW + DAY_S + 1
    second = await store.windows.file(RULE, WORDS, who="alice", now=later, key="k")
    assert (second.id != first.id, second.cancelled_at) == (True, None)
    assert await store.windows.file(RULE, WORDS, who="alice", now=later + DAY_S, key="k") == second
    other = replace(WORDS, title="another")
    with pytest.raises(IdempotencyError):
        await store.windows.file(RULE, other, who="alice", now=later, key="k")
    third = await store.windows.file(RULE, other, who="alice", now=later + DAY_S + 1, key="k")
    assert len({first.id, second.id, third.id}) == 3


async def test_each_occurrence_is_filed_once_wherever_it_is_moved(store: Store) -> None:
    one = await store.windows.file(RULE, WORDS, who="alice", now=NOW)
    due = [Occurrence(NOW + 10, NOW + 20), Occurrence(NOW + 30, NOW + 40)]
    first, second = await store.windows.file_occurrences(one.id, due, now=NOW)
    assert (first.title, first.author, first.window_id, first.start) == ("backup", "alice", one.id, NOW + 10)
    await store.change(first.id, wanted(), who="bob", now=NOW)
    await store.cancel(second.id, who="bob", now=NOW)
    assert await store.windows.starts(one.id, NOW) == {NOW + 10, NOW + 30}
    assert await store.windows.starts(one.id, NOW + 11) == {NOW + 30}
    assert await store.windows.file_occurrences(one.id, due, now=NOW) == []


async def test_cancelled_window_takes_what_has_not_begun_with_it(store: Store) -> None:
    one = await store.windows.file(RULE, WORDS, who="alice", now=NOW)
    due = [Occurrence(NOW, NOW + 20), Occurrence(NOW + 30, NOW + 40)]
    active, upcoming = await store.windows.file_occurrences(one.id, due, now=NOW)
    gone = await store.windows.cancel(one.id, who="bob", now=NOW)
    assert (gone.cancelled_at, gone.revision) == (NOW, 2)
    assert await store.windows.cancel(one.id, who="bob", now=NOW + 1) == gone
    assert (await store.get(active.id)).state(NOW) is State.ACTIVE
    assert (await store.get(upcoming.id)).state(NOW) is State.CANCELLED
    assert await store.windows.file_occurrences(one.id, [Occurrence(NOW + 90, NOW + 99)], now=NOW) == ()


async def test_an_occurrence_that_a_person_cancelled_stays_as_it_is_when_its_window_is(store: Store) -> None:
    one = await store.windows.file(RULE, WORDS, who="alice", now=NOW)
    due = [Occurrence(NOW + 30, NOW + 40)]
    (upcoming,) = await store.windows.file_occurrences(one.id, due, now=NOW)
    gone = await store.cancel(upcoming.id, who="bob", now=NOW + 1)
    await store.windows.cancel(one.id, who="eve", now=NOW + 2)
    assert await store.get(upcoming.id) == gone
    assert len(await store.history(upcoming.id)) == 2


async def test_record_of_the_longest_set_is_stored(store: Store) -> None:
    values = ("".join(random.choices(string.printable, k=450)) for _ in range(10))  # noqa: S311 - no secret
    longest = written(matcher_set(Matcher("host", value) for value in values))
    await store.records.store_silence_records([replace(RECORD, matchers=longest)])
    (found,) = await store.records.silence_records("one")
    assert found.matchers == longest


async def test_record_of_a_silence_is_replaced_by_its_key(store: Store) -> None:
    other = replace(RECORD, matchers='{host="n2"}')
    await store.records.store_silence_records([RECORD, other])
    written = replace(RECORD, standing=Standing.WRITTEN, silence_id="s")
    await store.records.store_silence_records([written])
    found = await store.records.silence_records("one")
    assert sorted(found, key=lambda one: one.matchers) == [written, other]
    assert await store.records.silence_records("two") == ()
    await store.records.forget_silence_records([RECORD])
    assert await store.records.silence_records("one") == (other,)


async def test_no_records_are_no_write(store: Store) -> None:
    await store.records.store_silence_records([])
    await store.records.forget_silence_records([])
    assert await store.records.silence_records("one") == ()


async def test_report_of_an_import_is_replaced(store: Store) -> None:
    report = Report(
        source="osg", tried_at=3.5, imported_at=2.5, rows=2, unmapped=1, unmapped_rows=(announced("1"),),
        skipped={Skip.MISSING: 1}, skipped_words=("7: x",), errors={Reason.TIMEOUT: 2},
        reason=Reason.TIMEOUT, words="slow",
    )  # fmt: skip
    await store.records.store_import_report(Report(source="osg", rows=1))
    await store.records.store_import_report(report)
    await store.records.store_import_report(Report(source="gocdb:egi"))
    assert await store.records.import_report("osg") == report
    assert await store.records.import_report("gocdb:egi") == Report(source="gocdb:egi")
    assert await store.records.import_report("other") is None
