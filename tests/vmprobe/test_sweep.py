"""The sweep: what is left of earlier runs goes, and nothing else is touched."""

from collections.abc import AsyncIterator, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.lifecycle import Object, Owned, RunReason
from stratoscope.core import deadline
from stratoscope.vmprobe import sweep as sweep_module
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.sweep import GRACE_S, Leaks, Sweep
from support.ledgers import TAG, a_mark, intend, intended
from support.probe_cloud import PORT, SERVER, Fault, ProbeCloud, ProbeLifecycle, Thing, as_metadata
from support.wheel import Wheel

HOUR_S = 3600.0
DEADLINE = 2000.0
PAST = DEADLINE + GRACE_S + 1


@dataclass
class Prober:
    """A ledger and its cloud. Attributes: ahead_s: The local clock is so far ahead; the cloud's is right."""

    wheel: Wheel
    cloud: ProbeCloud
    ledger: Ledger
    sweep: Sweep
    ahead_s: float = 0.0

    @classmethod
    def over(cls, wheel: Wheel, cloud: ProbeCloud, folder: Path) -> "Prober":
        clock = replace(wheel.clock, now=lambda: wheel.time_s + prober.ahead_s)
        ledger = Ledger(folder, "uni", clock)
        prober = cls(wheel, cloud, ledger, Sweep(ledger, TAG, clock))
        return prober

    async def once(self, running: Container[str] = ()) -> Leaks:
        """What a sweep with the cloud's own credential leaves."""
        await self.sweep.once({"": self.cloud.lifecycle()}, running)
        return self.sweep.leaks

    async def until_clean(self) -> int:
        """Sweep every minute; how many sweeps it took until nothing was left."""
        for number in range(1, 100):
            if not (await self.once()).total:
                return number
            self.wheel.time_s += 60
        raise AssertionError(self.sweep.leaks)

    async def leave(self, run_id: str, *, deadline: float = DEADLINE, credential: str = "") -> str:
        """A run that was killed after its VM was created."""
        await intend(self.ledger, run_id, deadline, credential=credential)
        vm = self.cloud.add_vm(f"vm-{run_id}", a_mark(run_id, deadline))
        await self.ledger.created(run_id, vm)
        return vm.id

    async def open_rows(self) -> Sequence[tuple[str, str]]:
        return [(row.run, row.object.id) for row in await self.ledger.remaining()]


@pytest_asyncio.fixture
async def prober(tmp_path: Path) -> AsyncIterator[Prober]:
    wheel = Wheel()
    one = Prober.over(wheel, ProbeCloud(wheel.clock), tmp_path)
    await one.ledger.open()
    yield one
    await one.ledger.close()


async def test_nothing_is_known_before_the_first_sweep(prober: Prober) -> None:
    assert not prober.sweep.leaks.is_known
    assert await prober.once() == Leaks(is_known=True)
    assert prober.cloud.requests == ["owned"]


async def test_vm_of_a_run_that_was_killed_is_deleted_with_its_ports(prober: Prober) -> None:
    await prober.leave("r1")
    leaks = await prober.once()
    assert (leaks.by_kind, leaks.total, leaks.oldest) == ({"server": 1, "port": 1}, 2, 1000.0)
    assert [one.id for one in prober.cloud.deleted] == ["vm-r1"]
    prober.wheel.time_s += 5
    assert (await prober.once()).total == 0
    assert prober.cloud.ids() == []
    assert await prober.open_rows() == []
    assert prober.sweep.leaks.failed_deletions == {}


async def test_vm_of_a_request_whose_outcome_is_unknown_is_found_by_its_mark(prober: Prober) -> None:
    await intend(prober.ledger, "r1", DEADLINE)
    prober.cloud.add_vm("vm-7", a_mark("r1", DEADLINE))
    assert (await prober.once()).by_kind == {"server": 1, "port": 1}
    assert await prober.open_rows() == [("r1", "vm-7"), ("r1", "vm-7-port")]
    await prober.until_clean()
    assert prober.cloud.ids() == []
    assert prober.wheel.time_s < DEADLINE


async def test_vm_that_was_created_twice_is_deleted_twice(prober: Prober) -> None:
    await intend(prober.ledger, "r1", DEADLINE)
    for vm_id in ("vm-7", "vm-8"):
        prober.cloud.add_vm(vm_id, a_mark("r1", DEADLINE))
    await prober.until_clean()
    assert prober.cloud.ids() == []


async def test_intent_is_looked_for_until_ten_minutes_after_its_deadline(prober: Prober) -> None:
    await intend(prober.ledger, "r1", DEADLINE)
    for moment, rows in ((1001.0, 1), (DEADLINE + 1, 1), (PAST - 1, 1), (PAST, 0)):
        prober.wheel.time_s = moment
        leaks = await prober.once()
        assert leaks == Leaks(is_known=True)  # the list shows that there is nothing
        assert len(await prober.open_rows()) == rows


async def test_objects_that_are_listed_and_not_there_do_not_keep_others_waiting(
    prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prober.leave("r1")
    lifecycle = prober.cloud.lifecycle()
    owned = lifecycle.owned

    async def listed(tag: str, kinds: Collection[str]) -> Owned:
        gone = [Object(SERVER, f"gone-{one}", "", a_mark(f"gone-{one}", DEADLINE)) for one in range(60)]
        return Owned([*gone, *(await owned(tag, kinds)).objects])

    monkeypatch.setattr(lifecycle, "owned", listed)
    prober.wheel.time_s = PAST
    for _ in range(3):
        await prober.sweep.once({"": lifecycle}, ())
        prober.wheel.time_s += 60
    assert await prober.open_rows() == []


async def test_vm_that_appears_late_is_deleted(prober: Prober) -> None:
    await intend(prober.ledger, "r1", DEADLINE)
    for moment in (1001.0, PAST):
        prober.wheel.time_s = moment
        await prober.once()
    assert await prober.open_rows() == []
    prober.cloud.add_vm("vm-7", a_mark("r1", DEADLINE))
    await prober.until_clean()
    assert prober.cloud.ids() == []


async def test_vm_of_a_run_whose_request_was_refused_is_deleted_if_it_is_there(prober: Prober) -> None:
    await intend(prober.ledger, "r1", DEADLINE)
    await prober.ledger.gone("r1", intended("r1"))
    prober.cloud.add_vm("vm-7", a_mark("r1", DEADLINE))
    await prober.until_clean()
    assert prober.cloud.ids() == []
    assert prober.wheel.time_s < DEADLINE


async def test_port_that_outlives_its_server_is_deleted(prober: Prober) -> None:
    await prober.leave("r1")
    prober.cloud.ports_outlive = True
    await prober.until_clean()
    assert [one.id for one in prober.cloud.deleted] == ["vm-r1", "vm-r1-port"]
    assert prober.cloud.ids() == []


async def test_port_that_only_the_ledger_knows_is_deleted_after_a_restart(
    prober: Prober, tmp_path: Path
) -> None:
    vm_id = await prober.leave("r1")
    await prober.ledger.created("r1", Object(PORT, f"{vm_id}-port"))
    del prober.cloud.things[SERVER, vm_id]
    await prober.ledger.gone("r1", Object(SERVER, vm_id))
    await prober.ledger.close()
    again = Prober.over(prober.wheel, prober.cloud, tmp_path)
    await again.ledger.open()
    assert (await again.once()).by_kind == {"port": 1}
    await again.until_clean()
    assert prober.cloud.ids() == []
    await again.ledger.close()


NOT_OURS = {
    "no mark": {},
    "another tag": as_metadata(a_mark("r1", 0.0, tag="theirs")),
    "another tag that begins as ours": as_metadata(a_mark("r1", 0.0, tag=f"{TAG}-2")),
    "no deadline": {"tag": TAG, "probe": "boot", "run": "r9"},
    "no number as deadline": {"tag": TAG, "probe": "boot", "run": "r9", "deadline": "soon"},
    "not a number as deadline": {"tag": TAG, "probe": "boot", "run": "r9", "deadline": "nan"},
    "no run": {"tag": TAG, "probe": "boot", "deadline": "0"},
    "our tag, a run that is not known, a deadline to come": as_metadata(a_mark("r9", 1e9)),
    "our tag, a run that is not known, ten minutes ago": as_metadata(a_mark("r9", PAST - GRACE_S)),
}


@pytest.mark.parametrize("case", NOT_OURS)
async def test_object_that_is_not_certainly_ours_is_left_alone(case: str, prober: Prober) -> None:
    prober.cloud.add(Thing(kind=SERVER, id="vm-9", name="stratoscope-r9", raw=NOT_OURS[case]))
    prober.cloud.add(Thing(kind=PORT, id="vm-9-port", device_id="vm-9"))
    prober.wheel.time_s = PAST
    assert await prober.once() == Leaks(is_known=True)
    assert prober.cloud.deleted == []
    assert await prober.open_rows() == []


async def test_object_of_a_ledger_that_was_lost_is_deleted_ten_minutes_after_its_deadline(
    prober: Prober,
) -> None:
    prober.cloud.add_vm("vm-9", a_mark("r9", DEADLINE))
    prober.cloud.ports_outlive = True
    for moment, deleted in ((1001.0, 0), (DEADLINE + 1, 0), (PAST - 1, 0), (PAST, 1)):
        prober.wheel.time_s = moment
        leaks = await prober.once()
        assert len(prober.cloud.deleted) == deleted
    assert leaks.oldest == PAST
    await prober.until_clean()
    assert prober.cloud.ids() == []


@pytest.mark.parametrize("raw", [as_metadata(a_mark("r1", DEADLINE, tag="theirs")), {}])
async def test_object_that_lost_our_mark_is_left_alone_and_counted(
    raw: Mapping[str, str], prober: Prober
) -> None:
    vm_id = await prober.leave("r1")
    prober.cloud.things[SERVER, vm_id].raw = raw
    for moment in (1001.0, PAST):
        prober.wheel.time_s = moment
        leaks = await prober.once()
        assert leaks.by_kind == {"server": 1}
        assert leaks.failures == {
            "": "cleanup: server vm-r1 does not carry the mark of run r1: it is left alone"
        }
    assert prober.cloud.deleted == []


async def test_run_in_progress_is_left_alone_whatever_its_deadline(prober: Prober) -> None:
    await prober.leave("r1")
    prober.cloud.add_vm("vm-2", a_mark("r2", DEADLINE))
    prober.wheel.time_s = PAST
    assert await prober.once(running={"r1", "r2"}) == Leaks(is_known=True)
    assert prober.cloud.deleted == []
    await prober.until_clean()
    assert prober.cloud.ids() == []


class BeginsMeanwhile(Container[str]):
    """A run begins anew once it was asked for so many times."""

    def __init__(self, times: int) -> None:
        self._times = times

    def __contains__(self, _: object) -> bool:
        self._times -= 1
        return self._times < 0


@pytest.mark.parametrize("times", range(3))
async def test_run_that_is_in_progress_by_then_is_not_touched(times: int, prober: Prober) -> None:
    await prober.leave("r1")
    await prober.once(running=BeginsMeanwhile(times))
    assert prober.cloud.deleted == []
    assert ("left" in prober.cloud.requests) is (times > 1)


async def test_vm_that_is_kept_is_deleted_when_its_time_is_over(prober: Prober) -> None:
    await prober.leave("r1")
    await prober.ledger.keep("r1", 1900.0)
    for moment in (1001.0, 1899.0):
        prober.wheel.time_s = moment
        leaks = await prober.once()
        assert (leaks.by_kind, leaks.oldest, leaks.kept) == ({}, None, {"server": 1})
        assert prober.cloud.deleted == []
    prober.wheel.time_s = 1900.0
    leaks = await prober.once()
    assert (leaks.total, leaks.kept) == (2, {})
    await prober.until_clean()
    assert prober.cloud.ids() == []


async def test_deletion_that_fails_is_counted_and_tried_again_ever_more_slowly(prober: Prober) -> None:
    vm_id = await prober.leave("r1")
    prober.cloud.fails("delete", RunReason.API_ERROR, times=10**6)
    tried: list[float] = []
    for minutes_s in range(0, 4 * 3600, 30):
        prober.wheel.time_s = 1000.0 + minutes_s
        before = prober.cloud.requests.count("delete")
        leaks = await prober.once()
        if prober.cloud.requests.count("delete") > before:
            tried.append(prober.wheel.time_s)
            assert leaks.failures == {"": "api_error: delete: it fails"}
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert prober.sweep.leaks.failed_deletions == {"server": len(tried)}
    assert prober.sweep.leaks.by_kind == {"server": 1, "port": 1}
    prober.cloud.repaired()
    prober.wheel.time_s += 3600
    await prober.until_clean()
    assert (prober.cloud.ids(), vm_id) == ([], "vm-r1")
    assert prober.sweep.leaks.failed_deletions == {"server": len(tried)}


async def test_deletion_that_is_accepted_and_not_done_is_counted(prober: Prober) -> None:
    vm_id = await prober.leave("r1")
    prober.cloud.undeletable.add(vm_id)
    for moment, failed in ((1000.0, {}), (1029.0, {}), (1030.0, {"server": 1}), (1090.0, {"server": 2})):
        prober.wheel.time_s = moment
        assert (await prober.once()).failed_deletions == failed
    assert prober.sweep.leaks.failures == {
        "": "server vm-r1: its deletion was accepted, and it is still there"
    }


async def test_object_that_cannot_be_deleted_does_not_keep_others(prober: Prober) -> None:
    for run_id in ("r1", "r2", "r3"):
        await prober.leave(run_id)
    prober.cloud.fails("delete vm-r1", RunReason.POLICY, times=10**6)
    prober.cloud.fails("left vm-r2", RunReason.API_ERROR, times=3)
    for _ in range(10):
        await prober.once()
        prober.wheel.time_s += 60
    assert prober.cloud.ids() == ["vm-r1", "vm-r1-port"]


@pytest.mark.parametrize("reason", [RunReason.API_UNREACHABLE, RunReason.AUTH, RunReason.API_ERROR])
async def test_cloud_that_cannot_be_listed_forgets_nothing(reason: RunReason, prober: Prober) -> None:
    await prober.leave("r1")
    await intend(prober.ledger, "r2", DEADLINE)
    prober.wheel.time_s = PAST
    prober.cloud.fails("owned", reason, times=2)
    for _ in range(2):
        leaks = await prober.once()
        assert leaks.failures == {"": f"{reason}: owned: it fails"}
        assert (leaks.is_known, leaks.by_kind, leaks.oldest) == (True, {"server": 2}, 1000.0)
        assert await prober.open_rows() == [("r1", "vm-r1"), ("r2", "")]
    await prober.until_clean()
    assert prober.sweep.leaks.failures == {}
    assert await prober.open_rows() == []


async def test_cloud_that_does_not_answer_any_more_ends_the_sweep(prober: Prober) -> None:
    for run_id in ("r1", "r2", "r3"):
        await prober.leave(run_id)
    prober.cloud.fails("left vm-r1", RunReason.TIMEOUT, times=10**6)
    assert (await prober.once()).failures == {"": "timeout: left vm-r1: it fails"}
    assert prober.cloud.requests == ["owned", "left"]
    await prober.once()  # the others first
    assert [one.id for one in prober.cloud.deleted] == ["vm-r2", "vm-r3"]
    prober.cloud.repaired()
    prober.cloud.fails("delete vm-r1", RunReason.API_UNREACHABLE)
    assert (await prober.once()).failures == {"": "api_unreachable: delete vm-r1: it fails"}
    await prober.until_clean()


async def test_step_that_hangs_is_ended(prober: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    await prober.leave("r1")
    monkeypatch.setattr(sweep_module, "_STEP_TIMEOUT_S", 0.02)
    with prober.cloud.hangs("owned"):
        leaks = await prober.once()
    assert leaks.failures == {"": "timeout: has not ended within 0.02 s"}
    monkeypatch.setattr(sweep_module, "_STEP_TIMEOUT_S", 60.0)
    await prober.until_clean()


async def test_requests_of_a_step_see_how_long_it_may_take(
    prober: Prober, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_s: list[float] = []
    step = prober.cloud.step

    async def timed(name: str, *, of: str = "") -> Fault | None:
        left_s.append(deadline.time_left_s())
        return await step(name, of=of)

    monkeypatch.setattr(prober.cloud, "step", timed)
    await prober.leave("r1")
    await prober.once()
    assert prober.cloud.requests == ["owned", "left", "delete"]
    assert all(0 < one <= 60 for one in left_s)
    assert deadline.DEADLINE.get(None) is None


async def test_each_credential_cleans_up_what_it_created(prober: Prober) -> None:
    other = ProbeCloud(prober.wheel.clock)
    await prober.leave("r1")
    await intend(prober.ledger, "r2", DEADLINE, credential="admin")
    other.add_vm("vm-r2", a_mark("r2", DEADLINE))
    lifecycles: dict[str, Lifecycle] = {"": prober.cloud.lifecycle(), "admin": other.lifecycle("admin")}
    prober.cloud.fails("owned", RunReason.AUTH)
    await prober.sweep.once(lifecycles, ())
    assert prober.sweep.leaks.failures == {"": "auth: owned: it fails"}
    assert ([one.id for one in prober.cloud.deleted], [one.id for one in other.deleted]) == ([], ["vm-r2"])
    for _ in range(3):
        prober.wheel.time_s += 60
        await prober.sweep.once(lifecycles, ())
    assert (prober.cloud.ids(), other.ids(), prober.sweep.leaks.total) == ([], [], 0)


async def test_run_of_another_credential_of_the_same_project_is_left_to_that(prober: Prober) -> None:
    await prober.leave("r1", credential="admin")
    lifecycles: dict[str, Lifecycle] = {
        "admin": prober.cloud.lifecycle("admin"),
        "": prober.cloud.lifecycle(),
    }
    await prober.sweep.once(lifecycles, ())
    assert [one.id for one in prober.cloud.deleted] == ["vm-r1"]
    assert {row.credential for row in await prober.ledger.remaining()} == {"admin"}


async def test_what_is_left_of_a_credential_that_is_gone_is_deleted_by_one_that_sees_it(
    prober: Prober,
) -> None:
    await prober.leave("r1", credential="former")
    await intend(prober.ledger, "r2", DEADLINE, credential="former")
    leaks = await prober.once()
    assert leaks.failures == {"former": "no probe uses this credential any more, but objects are left"}
    prober.wheel.time_s = PAST
    leaks = await prober.once()
    assert prober.cloud.ids() == []
    assert leaks.failures["former"]
    assert (await prober.open_rows(), leaks.by_kind) == ([("r2", "")], {"server": 1})


async def test_clock_that_jumps_ahead_deletes_nothing_before_its_time(prober: Prober) -> None:
    prober.cloud.add_vm("vm-9", a_mark("r9", DEADLINE))
    await intend(prober.ledger, "r1", DEADLINE)
    await prober.leave("r2")
    await prober.ledger.keep("r2", DEADLINE)
    prober.ahead_s, prober.cloud.skew_s = HOUR_S, -HOUR_S
    leaks = await prober.once()
    assert prober.cloud.deleted == []
    assert (leaks.total, leaks.kept) == (0, {"server": 1})
    assert ("r1", "") in await prober.open_rows()
    prober.wheel.time_s = PAST
    await prober.until_clean()
    assert prober.cloud.ids() == []
    assert await prober.open_rows() == []


async def test_clock_that_goes_back_deletes_later(prober: Prober) -> None:
    prober.cloud.add_vm("vm-9", a_mark("r9", DEADLINE))
    prober.ahead_s, prober.cloud.skew_s = -HOUR_S, HOUR_S
    for moment, ids in ((PAST, 2), (PAST + HOUR_S, 0)):
        prober.wheel.time_s = moment
        await prober.once()
        prober.wheel.time_s += 5
        assert len(prober.cloud.ids()) == ids


async def test_cloud_whose_clock_is_not_known_is_judged_by_ours(prober: Prober) -> None:
    prober.cloud.add_vm("vm-9", a_mark("r9", DEADLINE))
    prober.cloud.skew_s = None
    prober.wheel.time_s = PAST
    await prober.until_clean()
    assert prober.cloud.ids() == []


async def test_work_of_one_sweep_is_bounded_and_all_are_reached(prober: Prober) -> None:
    for number in range(120):
        await prober.leave(f"r{number}")
    for number in range(20):
        prober.cloud.add_vm(f"old-{number}", a_mark(f"old-{number}", -HOUR_S))
    for done in (50, 100, 140):
        await prober.once()
        assert len(prober.cloud.deleted) == done
    prober.wheel.time_s += 5
    assert await prober.until_clean() <= 4
    assert prober.cloud.ids() == []


async def test_ledger_that_fails_ends_the_sweep(prober: Prober) -> None:
    before = await prober.once()
    await prober.ledger.close()
    with pytest.raises(LedgerError):
        await prober.once()
    assert prober.sweep.leaks == before


async def test_bug_in_a_step_costs_one_run(prober: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    left = ProbeLifecycle.left

    async def broken(self: ProbeLifecycle, vm_id: str, objects: Sequence[Object] = ()) -> Sequence[Object]:
        if vm_id == "vm-r1":
            raise KeyError("port")
        return await left(self, vm_id, objects)

    monkeypatch.setattr(ProbeLifecycle, "left", broken)
    for run_id in ("r1", "r2"):
        await prober.leave(run_id)
    assert (await prober.once()).failures == {"": "internal: KeyError: 'port'"}
    assert [one.id for one in prober.cloud.deleted] == ["vm-r2"]
