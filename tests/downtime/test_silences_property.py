"""Whatever people do, crashes lose and clocks say: the plan converges, and touches nothing foreign."""

import asyncio
from collections import Counter
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stratoscope.clouds.client.clock import Clock
from stratoscope.downtime.silences.errors import AlertmanagerError, Reason
from stratoscope.downtime.silences.reconciler import Reconciler
from stratoscope.downtime.silences.silence import CREATED_BY, Silence, Written, comment
from support.fake_alertmanager import NOW, FakeAlertmanager, Records, downtime, on

SETS: Final = (on(host="n1"), on(host="n2"), on(host="n1", service="nova"))
IDS: Final = ("a", "b")
TIMES: Final = (-7200, -600, 0, 5, 600, 7200, 90_000)

_times = st.tuples(st.sampled_from(TIMES), st.sampled_from(TIMES)).filter(lambda one: one[0] < one[1])
_sets = st.lists(st.sampled_from(SETS), min_size=1, max_size=2, unique=True)
_ids, _number = st.sampled_from(IDS), st.integers(0, 5)
_events = st.one_of(
    st.tuples(st.just("file"), _ids, _times, _sets),
    st.tuples(st.just("cancel"), _ids),
    st.tuples(st.just("expire"), _number),
    st.tuples(st.just("take over"), _number),
    st.tuples(st.just("edit"), _number),
    st.tuples(st.just("stretch"), _number),
    st.tuples(st.just("copy"), _number),
    st.tuples(st.just("lose"), _number),
    st.tuples(st.just("crash"), st.sampled_from(["before", "after"])),
    st.tuples(st.just("snapshot")),
    st.tuples(st.just("restore")),
    st.tuples(st.just("pass"), st.sampled_from([1, 30, 601, 7201])),
    st.tuples(st.just("foreign"), st.sampled_from(SETS), st.sampled_from(["bob", CREATED_BY])),
    st.tuples(st.just("reconcile")),
)


def is_ours(one: Silence) -> bool:
    """Not a person's, and not another installation's."""
    return one.key is not None and one.key.downtime_id != "theirs"


class World:
    """A service, an Alertmanager and the people who use both."""

    def __init__(self, ahead_s: float) -> None:
        self.time = NOW
        clock = Clock(now=lambda: self.time)
        self.am, self.records = FakeAlertmanager(clock=clock, ahead_s=ahead_s), Records()
        self.am_saved = dict(self.am.by_id)
        self.reconciler = Reconciler(self.am, self.records, self.records, clock=clock)

    async def begin(self) -> None:
        """One downtime is active, one comes."""
        for name, start_s in zip(IDS, (-600, 600), strict=True):
            await self.do(("file", name, (start_s, 90_000), [*SETS[:2]]))
        await self.reconciler.reconcile()

    async def do(self, event: tuple[object, ...]) -> None:
        match event:
            case ("crash", str(when)):
                await self._crash(when)
            case ("reconcile",):
                await self.reconciler.reconcile()
            case ("file" | "cancel", *_):
                self._edit(event)
            case (str(what), int(number)) if what != "pass":
                live = [one for one in self.am.live() if one.created_by == CREATED_BY and is_ours(one)]
                if live:
                    self._touch(what, live[number % len(live)].id)
            case _:
                self._happen(event)

    def _edit(self, event: tuple[object, ...]) -> None:
        match event:
            case ("file", str(name), (int(start), int(end)), list(sets)):
                now = int(self.time)
                fields = {"start": now + start, "end": now + end, "matcher_sets": tuple(sorted(sets))}
                if name in self.records.downtimes:
                    self.records.change(name, **fields)
                else:
                    self.records.downtimes[name] = downtime(name, **fields)
            case ("cancel", str(name)) if name in self.records.downtimes:
                self.records.change(name, cancelled_at=int(self.time))

    def _happen(self, event: tuple[object, ...]) -> None:
        match event:
            case ("foreign", tuple(matchers), str(who)):
                words = comment(downtime("theirs"), matchers, "")
                self.am.put(
                    Written(starts_at=self.time, ends_at=self.time + 1e6, matchers=matchers, comment=words),
                    who,
                )
            case ("pass", int(seconds)):
                self.time += seconds
            case ("snapshot",):
                self.am_saved = dict(self.am.by_id)
            case ("restore",):
                self.am.by_id = dict(self.am_saved)
                self.am.process += "1"

    def _touch(self, what: str, silence_id: str) -> None:
        one = self.am.by_id[silence_id]
        if what == "expire":
            self.am.end(silence_id)
        elif what == "take over":
            self.am.by_id[silence_id] = replace(one, created_by="bob", updated_at=self.am.now)
        elif what == "edit":
            self.am.put(
                Written(
                    id=silence_id, starts_at=one.starts_at, ends_at=one.ends_at, matchers=on(host="n7"),
                    comment=one.comment,
                )
            )  # fmt: skip
        elif what == "stretch":
            self.am.by_id[silence_id] = replace(one, ends_at=one.ends_at + 3600, updated_at=self.am.now)
        elif what == "copy":
            self.am.by_id[f"{silence_id}+"] = replace(one, id=f"{silence_id}+")
        elif what == "lose":
            del self.am.by_id[silence_id]

    async def _crash(self, when: str) -> None:
        """Ours, before or after the first write of a reconcile has reached Alertmanager."""
        write = self.am.write

        async def crash(silence: Written) -> str:
            if when == "after":
                await write(silence)
            raise AlertmanagerError(Reason.UNREACHABLE, "killed")

        self.am.write = crash  # type: ignore[method-assign]  # the one request that fails
        await self.reconciler.reconcile()
        self.am.write = write  # type: ignore[method-assign]

    def check(self) -> None:
        """What holds after two reconciles."""
        live = [one for one in self.am.live() if is_ours(one)]
        assert all(count == 1 for count in Counter(one.key for one in live).values())
        report = self.reconciler.report
        assert (report.is_in_step, report.trouble) == (True, "")
        wanted = {
            (one.id, frozenset(matchers))
            for one in self.records.downtimes.values()
            for matchers in one.matcher_sets
            if one.cancelled_at is None
        }
        lasting = [one for one in live if one.ends_at > self.time]
        assert {(one.key.downtime_id, frozenset(one.matchers)) for one in lasting if one.key} <= wanted
        assert report.wanted == report.present


@settings(max_examples=300)
@given(st.sampled_from([-300, -1, 0, 1, 300]), st.lists(_events, max_size=14))
def test_it_converges_within_two_rounds(ahead_s: float, events: list[tuple[object, ...]]) -> None:
    async def work() -> None:
        world = World(ahead_s)
        await world.begin()
        for event in events:
            await world.do(event)
        foreign = {one.id: one for one in world.am.by_id.values() if not is_ours(one)}
        for _ in range(2):
            await world.reconciler.reconcile()
        world.check()
        theirs = [one for one in world.am.live() if one.key and not is_ours(one)]
        assert world.reconciler.report.unknown == len(theirs)
        requests = len(world.am.requests)
        assert all(world.am.by_id[one.id] == one for one in foreign.values())
        await world.reconciler.reconcile()
        assert world.am.requests[requests:] == ["status", "list"]

    asyncio.run(work())


@given(st.lists(_events, max_size=8))
def test_what_a_person_expired_stays_so(events: list[tuple[object, ...]]) -> None:
    async def work() -> None:
        world = World(0)
        world.records.downtimes["own"] = downtime("own", end=int(NOW) + 10**7, matcher_sets=(on(host="n9"),))
        await world.reconciler.reconcile()
        (silence,) = world.am.live()
        world.am.end(silence.id)
        await world.reconciler.reconcile()
        for event in events:
            await world.do(event)
        await world.reconciler.reconcile()
        assert "own" not in {one.key.downtime_id for one in world.am.live() if one.key}
        assert [one.record.downtime_id for one in world.records.noted].count("own") == 1

    asyncio.run(work())
