"""What is stored of a source, and that a source which fails keeps what it gave."""

import asyncio
from collections.abc import Collection, Mapping

import pytest
from aiohttp import web

from stratoscope.clouds.client.clock import Clock
from stratoscope.core.errors import CollectError, Reason
from stratoscope.downtime.database.errors import StoreError
from stratoscope.downtime.draft import Checked
from stratoscope.downtime.imports.announced import (
    Announced,
    DocumentError,
    Parsed,
    RowError,
    Rows,
    Skip,
)
from stratoscope.downtime.imports.fetch import opened
from stratoscope.downtime.imports.importer import MOST_SHOWN, Importer
from stratoscope.downtime.imports.mapping import MappingEntry
from stratoscope.downtime.imports.report import Report
from stratoscope.downtime.imports.settings import Import
from support.announcements import announced, sample, server
from support.virtual_time import EPOCH, loop_clock, simulated

DAY_S = 86_400
SETTINGS = Import(
    name="egi", kind="osg", url="http://x/", mapping=(MappingEntry(host="n1", labels={"host": "n1"}),)
)


class FakeSource:
    """Gives its answers one by one, the last one for ever."""

    def __init__(self, *answers: Parsed | CollectError) -> None:
        self._answers = list(answers)
        self.times: list[float] = []
        self.pause_s = 0.0

    async def fetch(self, now: float) -> Parsed:
        self.times.append(now)
        await asyncio.sleep(self.pause_s)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, CollectError):
            raise answer
        return answer


class FakeStore:
    """Has what it was given last."""

    def __init__(self) -> None:
        self.reports: dict[str, Report] = {}
        self.rows: Mapping[str, Checked] = {}
        self.given: list[tuple[str, int]] = []
        self.unread: Collection[str] = ()
        self.wakes = 0
        self.failure: CollectError | None = None

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    def woken(self) -> None:
        self.wakes += 1

    async def upsert_external(
        self, source: str, rows: Mapping[str, Checked], *, now: int, unread: Collection[str] = ()
    ) -> bool:
        self._fail()
        is_changed = self.rows != rows
        self.rows, self.unread = rows, unread
        self.given.append((source, now))
        return is_changed

    async def import_report(self, source: str) -> Report | None:
        return self.reports.get(source)

    async def store_import_report(self, report: Report) -> None:
        self._fail()
        self.reports[report.source] = report


def rows(*found: Announced, **skipped: int) -> Parsed:
    counts = {Skip(reason): number for reason, number in skipped.items()}
    return Parsed(found, counts, tuple(f"7: {one} is missing" for one in counts))


def imported(*answers: Parsed | CollectError, times: int = 0) -> tuple[Report, FakeStore]:
    """After as many imports as answers, or more."""

    async def work() -> tuple[Report, FakeStore]:
        store = FakeStore()
        importer = Importer(
            SETTINGS, FakeSource(*answers), store, store, changed=store.woken, clock=loop_clock()
        )
        for _ in range(times or len(answers)):
            await importer.once()
            await asyncio.sleep(900)
        return importer.report, store

    return simulated(work)


def test_silences_are_woken_when_an_import_changed_something_and_only_then() -> None:
    same, other = rows(announced("1")), rows(announced("1"), announced("2"))
    _, store = imported(same, same, other, CollectError(Reason.TIMEOUT, "slow"))
    assert (len(store.given), store.wakes) == (3, 2)


def test_what_is_mapped_is_stored_and_what_is_not_is_shown() -> None:
    other = announced("2", hosts=("elsewhere",))
    report, store = imported(rows(announced("1"), other, missing=1))
    assert [*store.rows] == ["1"]
    assert store.rows["1"].silences
    assert store.given == [("osg:egi", EPOCH)]
    assert report == Report(
        source="osg:egi", tried_at=EPOCH, imported_at=EPOCH, rows=1, unmapped=1, unmapped_rows=(other,),
        skipped={Skip.MISSING: 1}, skipped_words=("7: missing is missing",),
    )  # fmt: skip


def test_many_rows_that_are_not_mapped_are_counted_and_some_are_shown() -> None:
    report, _ = imported(rows(*(announced(str(number), hosts=("x",)) for number in range(150))))
    assert (report.unmapped, len(report.unmapped_rows)) == (150, MOST_SHOWN)


def test_rows_that_ended_long_ago_are_left_alone() -> None:
    old = announced("1", start=int(EPOCH) - 9 * DAY_S, end=int(EPOCH) - 8 * DAY_S)
    late = announced("2", start=int(EPOCH) - 9 * DAY_S, end=int(EPOCH) - 6 * DAY_S)
    report, store = imported(rows(old, late))
    assert ([*store.rows], report.rows, report.skipped) == (["2"], 1, {})


def test_what_nobody_may_file_is_counted_as_refused() -> None:
    report, store = imported(rows(announced("1", end=int(EPOCH) + 400 * DAY_S), announced("2")))
    assert ([*store.rows], report.skipped) == (["2"], {Skip.REFUSED: 1})
    assert report.skipped_words == ("1: end: 400.0 days after start; allowed: 365 days at most",)
    assert store.unread == {"1"}


@pytest.mark.parametrize(
    "failure", [CollectError(Reason.UNAVAILABLE, "HTTP 500"), DocumentError("more than 100000 rows")]
)
def test_a_source_that_fails_keeps_what_it_gave_and_its_age_grows(failure: CollectError) -> None:
    report, store = imported(rows(announced("1")), failure, failure)
    assert [*store.rows] == ["1"]
    assert (report.imported_at, report.tried_at, report.rows) == (EPOCH, EPOCH + 1800, 1)
    assert report.age_s(EPOCH + 1801) == 1801
    assert (report.reason, report.words, report.errors) == (failure.reason, str(failure), {failure.reason: 2})


def test_a_database_that_cannot_be_written_keeps_what_it_has_and_the_next_round_stores(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        store = FakeStore()
        importer = Importer(
            SETTINGS, FakeSource(rows(announced("1"))), store, store, changed=store.woken, clock=loop_clock()
        )
        store.failure = StoreError("downtimes.db", "its disk is full")
        await importer.once()
        assert (importer.report.reason, importer.report.words) == (
            Reason.UNAVAILABLE, "database downtimes.db: its disk is full",
        )  # fmt: skip
        assert importer.report.errors == {Reason.UNAVAILABLE: 1}
        assert (store.rows, store.reports) == ({}, {})
        assert store.wakes == 1  # a part may be stored
        store.failure = None
        await importer.once()
        assert (importer.report.reason, [*store.rows], [*store.reports]) == (None, ["1"], ["osg:egi"])

    caplog.set_level("INFO")
    simulated(work)
    said = [one.message.split(" ", 2)[:2] for one in caplog.records if "importer" in one.name]
    assert said == [["import", "failed"], ["report", "is"], ["import", "works"]]


def test_failure_and_recovery_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    failure = CollectError(Reason.UNAVAILABLE, "HTTP 500")
    report, _ = imported(failure, failure, rows(announced("1")), rows(announced("1")))
    assert [record.getMessage() for record in caplog.records] == [
        "import failed source=osg:egi reason=unavailable error='HTTP 500'",
        "import works again source=osg:egi",
    ]
    assert (report.reason, report.words, report.errors) == (None, "", {Reason.UNAVAILABLE: 2})


def test_without_a_success_there_is_no_age() -> None:
    report, _ = imported(CollectError(Reason.TIMEOUT, "slow"))
    assert report.age_s(EPOCH) is None


def test_an_empty_answer_counts_when_it_comes_twice_in_a_row() -> None:
    one = rows(announced("1"))
    assert [*imported(one, rows())[1].rows] == ["1"]
    report, store = imported(one, rows(), one, rows())
    assert [*store.rows] == ["1"]
    assert report.words == "the last answer has no row; that counts if the next one has none either"
    assert (report.imported_at, report.tried_at, report.reason) == (EPOCH + 1800, EPOCH + 2700, None)
    report, store = imported(one, rows(), rows(), rows())
    assert (store.rows, report.reason, report.imported_at) == ({}, None, EPOCH + 2700)


def test_a_failure_between_two_empty_answers_does_not_part_them() -> None:
    _, store = imported(rows(announced("1")), rows(), CollectError(Reason.TIMEOUT, "slow"), rows())
    assert store.rows == {}


def test_an_answer_of_which_no_row_can_be_used_is_a_failure() -> None:
    report, store = imported(rows(announced("1")), rows(unknown=3), rows(unknown=3))
    assert [*store.rows] == ["1"]
    assert report.words == "none of 3 rows can be used: 7: unknown is missing"


def test_the_process_that_leads_imports() -> None:
    async def work() -> tuple[list[float], list[tuple[str, int]]]:
        source, store, clock = FakeSource(rows(announced("1"))), FakeStore(), loop_clock()

        def leads() -> bool:
            """From 100 s on; at 1003 s it loses the lead while the source answers."""
            return 100 <= clock.now() - EPOCH <= 1000 or clock.now() - EPOCH == 1002

        importer = Importer(SETTINGS, source, store, store, leads=leads, clock=clock)
        source.pause_s = 1.0
        task = asyncio.ensure_future(importer.run())
        await asyncio.sleep(2000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return source.times, store.given

    times, given = simulated(work)
    assert times == [EPOCH + 102, EPOCH + 1002]
    assert given == [("osg:egi", EPOCH + 102)]


def test_after_a_restart_a_source_that_fails_still_says_how_old_its_rows_are() -> None:
    failure = CollectError(Reason.TIMEOUT, "slow")

    async def work() -> tuple[Report, Report, FakeStore]:
        store = FakeStore()
        before = Importer(
            SETTINGS, FakeSource(rows(announced("1")), failure), store, store, clock=loop_clock()
        )
        await before.once()
        await before.once()
        await asyncio.sleep(60)
        after = Importer(SETTINGS, FakeSource(failure), store, store, clock=loop_clock())
        task = asyncio.ensure_future(after.run())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return before.report, after.report, store

    before, after, store = simulated(work)
    assert (before.imported_at, before.errors) == (EPOCH, {Reason.TIMEOUT: 1})
    assert (after.imported_at, after.rows, after.tried_at) == (EPOCH, 1, EPOCH + 60)
    assert (after.reason, after.errors) == (Reason.TIMEOUT, {Reason.TIMEOUT: 2})
    assert after.age_s(EPOCH + 61) == 61
    assert store.reports == {"osg:egi": after}


def test_a_process_that_does_not_lead_shows_what_the_other_imports() -> None:
    async def work() -> tuple[Report, Report]:
        store = FakeStore()
        source = FakeSource(rows(announced("1")))
        follower = Importer(SETTINGS, source, store, store, leads=lambda: False, clock=loop_clock())
        task = asyncio.ensure_future(follower.run())
        await asyncio.sleep(10)
        leader = Importer(SETTINGS, source, store, store, clock=loop_clock())
        await leader.once()
        await asyncio.sleep(4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return follower.report, leader.report

    follower, leader = simulated(work)
    assert (follower, leader.imported_at) == (leader, EPOCH + 10)


def test_rows_that_are_left_out_count_as_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stratoscope.downtime.imports.announced.MOST_ROWS", 2)
    rows = Rows()
    rows.add(announced("1"))
    rows.skip("2", RowError(Skip.MISSING, "it has no end"))
    with pytest.raises(DocumentError, match="more than 2 rows"):
        rows.skip("3", RowError(Skip.MISSING, "it has no end"))


def test_it_imports_once_per_interval_from_start_to_start() -> None:
    class Slow(FakeSource):
        async def fetch(self, now: float) -> Parsed:
            found = await super().fetch(now)
            await asyncio.sleep(100 if len(self.times) == 1 else 1000)
            return found

    async def work() -> list[float]:
        source, store = Slow(rows(announced("1"))), FakeStore()
        importer = Importer(SETTINGS, source, store, store, clock=loop_clock())
        assert importer.task.name == "import egi"
        task = asyncio.ensure_future(importer.task.run())
        await asyncio.sleep(2000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return source.times

    assert simulated(work) == [EPOCH, EPOCH + 900, EPOCH + 1900]


async def test_from_a_server_to_the_store() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=sample("osg.xml"))

    store = FakeStore()
    async with server(handler) as url:
        mapping = (MappingEntry(host="osg-ce1.example.edu", service="Squid", labels={"host": "n1"}),)
        settings = Import(name="osg", kind="osg", url=str(url), mapping=mapping)
        async with opened(settings) as source:
            importer = Importer(settings, source, store, store, clock=Clock(now=lambda: EPOCH))
            await importer.once()
    assert (importer.report.reason, importer.report.words) == (None, "")
    assert (importer.report.rows, importer.report.unmapped) == (1, 1)
    assert [*store.rows] == ["1800000001 EXAMPLE-CE1"]


def test_a_row_without_id_holds_what_vanishes_for_two_answers() -> None:
    def answer(*ids: str) -> Parsed:
        return Parsed(
            tuple(announced(one, end=int(EPOCH) + DAY_S) for one in ids),
            {Skip.MISSING: 1},
            ("no id",),
            frozenset({"", "x"}),
        )

    both, one = answer("1", "2"), answer("1")
    rounds = [imported(*[both] * 3, *[one] * count) for count in range(4)]
    assert [report.held for report, _ in rounds] == [0, 1, 1, 0]
    assert [set(store.unread) for _, store in rounds] == [{"x"}, {"2", "x"}, {"2", "x"}, {"x"}]


def test_a_row_without_id_holds_all_in_the_first_answers() -> None:
    odd = Parsed((announced("1"),), {Skip.MISSING: 1}, ("no id",), frozenset({""}))
    rounds = [imported(*[odd] * count) for count in (1, 2, 3)]
    assert [set(store.unread) for _, store in rounds] == [{""}, {""}, set()]


def test_what_has_ended_is_not_held() -> None:
    odd = Parsed((announced("1"),), {Skip.MISSING: 1}, ("no id",), frozenset({""}))
    over = Parsed((announced("2", start=int(EPOCH), end=int(EPOCH) + 600), *odd.rows))
    report, store = imported(over, over, odd)
    assert (report.held, set(store.unread)) == (0, set())
