"""Silences in real Alertmanagers: Debian 12's, and a newer one with limits."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from stratoscope.clouds.client.clock import Clock
from stratoscope.downtime.matchers import MatcherSet
from stratoscope.downtime.model import Action, Downtime
from stratoscope.downtime.silences.alertmanager import Alertmanager
from stratoscope.downtime.silences.clusters import Clusters
from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.reconciler import Reconciler
from stratoscope.downtime.silences.record import Standing
from stratoscope.downtime.silences.settings import AlertmanagerSettings
from stratoscope.downtime.silences.silence import Silence, Written
from support.alertmanagers import RealAlertmanager, cluster, unpacked
from support.fake_alertmanager import FakeAlertmanager, Records, downtime, on
from support.proxies import refusing_proxy

pytestmark = pytest.mark.integration

OLD, NEW, NEWEST = "bookworm", "trixie", "sid"
HOUR_S = 3600
SOON_S = 5.0
USERS = "basic_auth_users: {alice: '$2b$04$bQ6I8dXPJJaevlwB8DyeBelnWBe7pADTXX72F.vb/8H6zjjTmB1SO'}\n"


@pytest.fixture(scope="module", params=[OLD, NEW, pytest.param(NEWEST, marks=pytest.mark.full)])
def real(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealAlertmanager]:
    """One Alertmanager of each version, for all tests."""
    running = RealAlertmanager(unpacked(request.param), tmp_path_factory.mktemp(request.param))
    running.start()
    yield running
    running.stop()


class Bench:
    """A reconciler with its downtimes, and what the Alertmanager then has."""

    def __init__(self, client: Alertmanager, clock: Clock) -> None:
        self.client, self.records = client, Records()
        self.reconciler = Reconciler(client, self.records, self.records, clock=clock)

    def file(self, one: Downtime) -> None:
        self.records.downtimes[one.id] = one

    async def live(self) -> list[Silence]:
        """After two rounds, the second of which finds nothing to do."""
        await self.reconciler.reconcile()
        assert self.reconciler.report.trouble == ""
        await self.reconciler.reconcile()
        assert self.reconciler.report.is_in_step
        return await self.listed()

    async def listed(self) -> list[Silence]:
        found = (await self.client.silences()).silences
        names = self.records.downtimes
        return [one for one in found if one.is_live and one.key and one.key.downtime_id in names]

    def ends(self) -> list[tuple[str, MatcherSet, int]]:
        """Of all silences that there should be, as `ends`."""
        return sorted(
            (one.id, matchers, one.end)
            for one in self.records.downtimes.values()
            for matchers in one.matcher_sets
            if one.cancelled_at is None
        )

    async def until(self, holds: Callable[[list[Silence]], bool], within_s: float = SOON_S) -> None:
        deadline = time.monotonic() + within_s
        while True:
            try:
                if holds(await self.listed()):
                    return
            except AlertmanagerError:
                pass
            assert time.monotonic() < deadline, self.reconciler.report
            await asyncio.sleep(0.05)


def ends(found: list[Silence]) -> list[tuple[str, MatcherSet, int]]:
    """Whose they are, what they silence and until when."""
    return sorted((one.key.downtime_id, one.matchers, round(one.ends_at)) for one in found if one.key)


@asynccontextmanager
async def bench(*urls: str, clock_ahead_s: float = 0, **settings: object) -> AsyncIterator[Bench]:
    clock = Clock(now=lambda: time.time() + clock_ahead_s)
    client = Alertmanager(AlertmanagerSettings(name="am", urls=urls, **settings), clock)  # type: ignore[arg-type]
    try:
        yield Bench(client, clock)
    finally:
        await client.close()


def now() -> int:
    return int(time.time())


def fresh(name: str, **fields: object) -> Downtime:
    begins = now()
    return downtime(name, **({"start": begins - 60, "end": begins + HOUR_S} | fields))  # type: ignore[arg-type]


async def test_a_downtime_lives_in_alertmanager(real: RealAlertmanager) -> None:
    """Created, extended, shortened, moved, its matchers changed, cancelled."""
    async with bench(real.url) as at:
        at.file(one := fresh("life", matcher_sets=(on(host="n1", service="nova"), on(host="n2"))))
        first = await at.live()
        assert {(silence.state, round(silence.ends_at)) for silence in first} == {("active", one.end)}
        assert {frozenset(silence.matchers) for silence in first} == {frozenset(x) for x in one.matcher_sets}
        for end in (one.end + HOUR_S, one.end - 60):
            at.records.change("life", end=end)
            assert {(x.id, round(x.ends_at)) for x in await at.live()} == {(x.id, end) for x in first}
        at.records.change("life", start=now() + HOUR_S, end=now() + 2 * HOUR_S)
        moved = await at.live()
        assert {silence.state for silence in moved} == {"pending"}
        assert len(moved) == 2
        at.records.change("life", start=now() + HOUR_S + 60)
        assert {silence.id for silence in await at.live()} == {silence.id for silence in moved}
        at.records.change("life", start=now() - 5, matcher_sets=(on(host="n3"),))
        (last,) = await at.live()
        assert (last.state, last.matchers) == ("active", on(host="n3"))
        at.records.change("life", cancelled_at=now())
        assert await at.live() == []
        assert at.records.all == []


async def test_one_that_a_person_expired_stays_so_until_an_edit(
    real: RealAlertmanager,
) -> None:
    async with bench(real.url) as at:
        for one in (fresh("hand"), fresh("pend", start=now() + HOUR_S, end=now() + 2 * HOUR_S)):
            at.file(one)
        for silence in await at.live():
            real.amtool("silence", "expire", silence.id)
        assert await at.live() == []
        assert at.reconciler.report.overridden == 2
        assert {one.standing for one in at.records.all} == {Standing.OVERRIDDEN}
        assert {one.record.downtime_id for one in at.records.noted} == {"hand", "pend"}
        at.records.change("hand", title="Once more")
        assert [silence.key and silence.key.downtime_id for silence in await at.live()] == ["hand"]
        assert len(at.records.noted) == 2


async def test_one_that_a_person_took_over_is_left_to_them(real: RealAlertmanager) -> None:
    async with bench(real.url) as at:
        at.file(fresh("taken"))
        (silence,) = await at.live()
        real.amtool("silence", "add", "host=foreign", "--author=bob", "--comment=his own", "--duration=1h")
        real.amtool("silence", "update", "--comment=mine now", "--duration=2h", silence.id)
        assert await at.live() == []
        (seen,) = at.records.noted
        assert (seen.action, seen.fields["silence"]) == (Action.TAKEN_OVER, (silence.id, silence.id))
        assert abs(seen.record.ends_at - now() - 2 * HOUR_S) < 5
        assert (at.reconciler.report.overridden, at.reconciler.report.taken_over) == (0, 1)
        at.records.change("taken", cancelled_at=now())
        assert await at.live() == []
        assert [one.silence_id for one in at.reconciler.report.left] == [silence.id]
        real.amtool("silence", "expire", silence.id)
        await at.live()
        assert (at.reconciler.report.left, at.records.all) == ((), [])
        found = (await at.client.silences()).silences
        states = {one.comment: one.state for one in found if one.comment in {"mine now", "his own"}}
        assert states == {"mine now": "expired", "his own": "active"}


async def test_one_whose_matchers_a_person_edited_is_theirs_and_has_another_id(
    real: RealAlertmanager,
) -> None:
    async with bench(real.url) as at:
        at.file(fresh("edited", matcher_sets=(on(host="edited"),)))
        (silence,) = await at.live()
        edit = Written(
            id=silence.id, starts_at=silence.starts_at, ends_at=silence.ends_at, matchers=on(host="more"),
            comment=silence.comment,
        )  # fmt: skip
        heir = await at.client.write(edit)
        assert await at.live() == []
        (seen,) = at.records.noted
        assert (seen.action, seen.fields["silence"]) == (Action.TAKEN_OVER, (silence.id, heir))
        last = await at.client.write(replace(edit, id=heir, matchers=on(host="most"), comment="All of them"))
        assert await at.live() == []
        assert (at.records.all[0].silence_id, at.reconciler.report.taken_over) == (last, 1)


async def test_another_end_by_hand_is_undone_and_noted(real: RealAlertmanager) -> None:
    async with bench(real.url) as at:
        at.file(one := fresh("longer", matcher_sets=(on(host="longer"),)))
        (silence,) = await at.live()
        await asyncio.sleep(3.5)  # else it may be an older one of ours
        real.amtool("silence", "update", "--duration=5h", silence.id)
        (after,) = await at.live()
        assert (after.id, round(after.ends_at)) == (silence.id, one.end)
        assert [seen.action for seen in at.records.noted] == [Action.RESTORED]


@pytest.mark.full
async def test_annotations_of_a_person_outlive_an_update(tmp_path: Path) -> None:
    """New in Alertmanager 0.32."""
    real = RealAlertmanager(unpacked(NEWEST), tmp_path).start()
    try:
        async with bench(real.url) as at:
            at.file(fresh("noted"))
            (silence,) = await at.live()
            note = Written(
                id=silence.id, starts_at=silence.starts_at, ends_at=silence.ends_at,
                matchers=silence.matchers, comment=silence.comment, annotations={"ticket": "7"},
            )  # fmt: skip
            assert await at.client.write(note) == silence.id
            at.records.change("noted", end=now() + 2 * HOUR_S)
            (after,) = await at.live()
            assert (after.id, after.annotations) == (silence.id, {"ticket": "7"})
    finally:
        real.stop()


async def test_two_installations_leave_each_others_silences_alone(real: RealAlertmanager) -> None:
    async with bench(real.url) as one, bench(real.url) as other:
        one.file(fresh("here"))
        other.file(fresh("there"))
        first, second = await one.live(), await other.live()
        assert (await one.live(), await other.live()) == (first, second)
        assert (len(first), len(second)) == (1, 1)
        assert one.reconciler.report.unknown >= 1
        other.records.change("there", cancelled_at=now())
        assert (await other.live(), await one.live()) == ([], first)


@pytest.mark.parametrize("status", [401, 403, 500, 502])
async def test_a_silence_that_a_proxy_refuses_holds_up_no_other(real: RealAlertmanager, status: int) -> None:
    async with refusing_proxy(real.url, b"poison", status) as url, bench(url) as at:
        for name in ("over", "changed"):
            at.file(fresh(name))
        await at.live()
        at.file(fresh("refused", start=now() - 3600, matcher_sets=(on(host="poison"),)))
        at.file(fresh("added"))
        at.records.change("over", cancelled_at=now())
        at.records.change("changed", matcher_sets=(on(host="n2"),))
        await at.reconciler.reconcile()
        found = [(one.key.downtime_id, one.matchers) for one in await at.listed() if one.key]
        assert sorted(found) == [("added", on(host="n1")), ("changed", on(host="n2"))]
        report = at.reconciler.report
        assert str(status) in report.trouble_of("refused")
        assert (report.trouble_of("added") == "") == (status >= 500)  # else nothing can be written


@pytest.mark.parametrize("ahead_s", [-300, 300])
async def test_a_shifted_clock_needs_one_request_and_no_more(real: RealAlertmanager, ahead_s: float) -> None:
    async with bench(real.url, clock_ahead_s=ahead_s) as at:
        begins = int(time.time() + ahead_s)
        at.file(downtime("shift", start=begins, end=begins + 400))
        at.file(downtime("short", start=begins - 60, end=begins + 60))
        (first,) = [one for one in await at.live() if one.key and one.key.downtime_id == "shift"]
        assert first.state == "active"
        for _ in range(3):
            assert first in await at.live()
        assert abs((at.reconciler.report.ahead_s or 0) + ahead_s) < 2
        assert not any(at.reconciler.report.errors.values())


async def test_the_fake_follows_the_rules_of_the_real_one(real: RealAlertmanager) -> None:
    """All kinds of times and changes, first as written, then updated."""
    fake = FakeAlertmanager(clock=Clock(now=time.time))
    spans = [(-60, 600), (-60, 1200), (60, 600), (120, 600), (60, 1200), (-60, -30), (60, 60)]
    async with bench(real.url) as at:

        async def both(*silences: Written) -> list[object]:
            outcomes: list[object] = []
            for put in (fake.write, at.client.write):
                silence_id, outcome = "", []
                for silence in silences:
                    before = silence_id
                    try:
                        silence_id = await put(replace(silence, id=silence_id))
                    except AlertmanagerError as error:
                        outcome.append(error.reason)
                        continue
                    outcome.append(silence_id == before)
                    is_real = put == at.client.write
                    silences_now = (await at.client.silences()).silences if is_real else fake.all()
                    states = {one.id: (one.state, one.is_expired_by_request) for one in silences_now}
                    outcome.append([states[one] for one in (before, silence_id) if one])
                outcomes.append(outcome)
            return outcomes

        for first in spans:
            for second in spans:
                for matchers in (on(host="a"), on(host="b")):
                    begin = now()
                    one = Written(
                        starts_at=begin + first[0],
                        ends_at=begin + first[1],
                        matchers=on(host="a"),
                        comment="x",
                    )
                    other = replace(
                        one, starts_at=begin + second[0], ends_at=begin + second[1], matchers=matchers
                    )
                    model, truth = await both(one, other)
                    assert model == truth, (first, second, matchers)


@pytest.mark.parametrize("suite", [OLD, NEW, pytest.param(NEWEST, marks=pytest.mark.full)])
async def test_what_a_crash_loses_is_back_within_seconds(suite: str, tmp_path: Path) -> None:
    real = RealAlertmanager(unpacked(suite), tmp_path).start()
    async with bench(real.url) as at:
        for number in range(20):
            at.file(fresh(f"d{number}", matcher_sets=(on(host=f"n{number}"),)))
        task = asyncio.create_task(at.reconciler.run())
        try:
            await at.until(lambda found: len(found) == 20)
            real.kill()
            await asyncio.sleep(0.5)
            real.start()
            await at.until(lambda found: len(found) == 20)
            assert at.records.noted == []
            filed = time.monotonic()
            at.file(fresh("later"))
            at.reconciler.wake()
            await at.until(lambda found: len(found) == 21)
            assert time.monotonic() - filed < 1
        finally:
            task.cancel()
            real.stop()


@pytest.mark.full
@pytest.mark.parametrize("suite", [OLD, NEW, NEWEST])
async def test_no_crash_among_many_leaves_it_out_of_step(suite: str, tmp_path: Path) -> None:
    """Alertmanager is killed 20 times at random moments while downtimes are filed, moved and cancelled."""
    real, chance = RealAlertmanager(unpacked(suite), tmp_path).start(), random.Random(1)  # noqa: S311 - a game
    async with bench(real.url) as at:
        task = asyncio.create_task(at.reconciler.run())
        try:
            for number in range(20):
                for name in (f"d{number}-{n}" for n in range(5)):
                    at.file(fresh(name, matcher_sets=(on(host=name), on(host=f"{name}b"))))
                    if number:
                        other = f"d{chance.randrange(number)}-{chance.randrange(5)}"
                        change = chance.choice([{"end": now() + 2 * HOUR_S}, {"cancelled_at": now()}])
                        at.records.change(other, **change)
                    at.reconciler.wake()
                    await asyncio.sleep(chance.random() / 50)
                real.kill()
                await asyncio.sleep(chance.random())
                real.start()
                await at.until(lambda found: ends(found) == at.ends(), 2 * SOON_S)
            assert at.records.noted == []
        finally:
            task.cancel()
            real.stop()


async def test_a_hanging_alertmanager_costs_itself_alone(tmp_path: Path) -> None:
    tools = unpacked(OLD)
    hung, good = (RealAlertmanager(tools, tmp_path / name).start() for name in ("hung", "good"))
    hung.signal(signal.SIGSTOP)
    try:
        async with bench(hung.url) as one, bench(good.url) as other:
            tasks = [asyncio.create_task(at.reconciler.run()) for at in (one, other)]
            for at in (one, other):
                at.file(fresh("d1"))
                at.reconciler.wake()
            await other.until(lambda found: len(found) == 1)
            hung.signal(signal.SIGCONT)
            await one.until(lambda found: len(found) == 1, within_s=15)
            for task in tasks:
                task.cancel()
    finally:
        hung.stop()
        good.stop()


async def test_as_many_silences_as_alertmanager_takes(tmp_path: Path) -> None:
    real = RealAlertmanager(unpacked(NEW), tmp_path, "--silences.max-silences=2").start()
    try:
        async with bench(real.url) as at:
            for name in ("a", "b", "c"):
                at.file(fresh(name))
            await at.reconciler.reconcile()
            report = at.reconciler.report
            assert (report.wanted, report.present, report.is_in_step) == (3, 2, False)
            assert report.errors[Reason.LIMIT] == 1
            there = [one.key.downtime_id for one in await at.listed() if one.key]
            (refused,) = {"a", "b", "c"} - {*there}  # they are written side by side: any may come last
            at.records.change(there[0], end=now() + 2 * HOUR_S)
            at.records.change(refused, cancelled_at=now())
            assert len(await at.live()) == 2
    finally:
        real.stop()


async def test_a_pair_of_members_is_one_alertmanager(tmp_path: Path) -> None:
    with cluster(unpacked(NEW), tmp_path) as pair:
        async with bench(*(member.url for member in pair), timeout=1.0) as at, bench(pair[1].url) as second:
            at.file(fresh("pair"))
            second.file(fresh("pair"))
            (silence,) = await at.live()
            await second.until(lambda found: [one.id for one in found] == [silence.id])
            pair[0].kill()
            assert [one.id for one in await at.live()] == [silence.id]
            at.records.change("pair", end=now() + 2 * HOUR_S)
            assert [one.id for one in await at.live()] == [silence.id]


async def test_two_members_in_two_entries_do_not_fight(tmp_path: Path) -> None:
    with cluster(unpacked(NEW), tmp_path) as pair:
        clients = [
            Alertmanager(AlertmanagerSettings(name=f"am-{n}", urls=(one.url,))) for n, one in enumerate(pair)
        ]
        records, clusters = Records([fresh("pair")]), Clusters([one.name for one in clients])
        first, second = (Reconciler(one, records, records, clusters=clusters) for one in clients)
        try:
            async with asyncio.timeout(SOON_S):
                while len((await clients[0].status()).members) < len(pair):
                    pass
            for _ in range(3):
                await asyncio.gather(first.reconcile(), second.reconcile())
            assert (first.report.is_in_step, first.report.present) == (True, 1)
            assert (second.report.is_in_step, second.report.present) == (False, None)
            assert "same cluster as the entry am-0" in second.report.trouble
            assert [one.id for one in (await clients[0].silences()).silences] == [records.all[0].silence_id]
            pair[0].kill()
            records.change("pair", end=now() + 2 * HOUR_S)
            for _ in range(2):
                await asyncio.gather(first.reconcile(), second.reconcile())
            assert (first.report.present, second.report.is_in_step, second.report.present) == (None, True, 1)
            (silence,) = (await clients[1].silences()).silences
            assert (silence.id, round(silence.ends_at)) == (
                records.all[0].silence_id, records.downtimes["pair"].end,
            )  # fmt: skip
        finally:
            for client in clients:
                await client.close()


async def test_without_a_log_in_nothing_is_planned(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text(USERS)
    real = RealAlertmanager(unpacked(OLD), tmp_path / "am", f"--web.config.file={tmp_path / 'web.yml'}")
    real.start(is_open=False)
    try:
        async with bench(real.url) as at:
            at.file(fresh("d1"))
            await at.reconciler.reconcile()
            assert at.reconciler.report.errors[Reason.UNAUTHORIZED] == 1
            assert at.records.all == []
    finally:
        real.stop()
