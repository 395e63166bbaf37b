"""What every Lifecycle promises, for each kind: the same cases on libvirt, OpenStack and OpenNebula."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import pytest

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.lifecycle import BusyError, Mark, Object, Phase, RunReason, Seen, StepError, Underway
from stratoscope.vmprobe.entries import TIMEOUTS
from stratoscope.vmprobe.order import Order
from stratoscope.vmprobe.record import Outcome, Run
from stratoscope.vmprobe.records import Records
from stratoscope.vmprobe.run import run
from support.fake_ledger import FakeLedger
from support.lifecycles import KINDS, NONSENSE, TROUBLES, LifecycleCloud, Trouble
from support.opennebula_vms import SkippingClock

T = TypeVar("T")

TAG: Final = "ours"
MARK: Final = Mark(TAG, "boot", "0123456789abcdef", 2e9)
STEP_S: Final = 0.5
LOOKS: Final = 200
"""So many looks at most until a VM is built, or gone."""
AWAITS: Final = 1_000
"""More than any run has."""
OF_CLOUDS: Final = frozenset(RunReason) - {RunReason.INTERNAL}
SIDE_BY_SIDE: Final = frozenset({Phase.NETWORKED, Phase.BUILT})
OF_EACH_RUN: Final = SIDE_BY_SIDE | {
    Phase.AUTHENTICATE, Phase.RESOLVE, Phase.QUOTA_CHECK, Phase.REQUEST, Phase.SCHEDULED, Phase.DELETED,
    Phase.GONE,
}  # fmt: skip
"""The phases that are not optional."""


@pytest.fixture(params=KINDS)
async def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LifecycleCloud]:
    async with KINDS[request.param](tmp_path) as cloud:
        yield cloud


async def requested(lifecycle: Lifecycle, mark: Mark = MARK) -> str:
    await lifecycle.authenticate()
    resolved = await lifecycle.resolve()
    await lifecycle.check_quota(resolved)
    return await lifecycle.request(Underway(mark, resolved))


async def built(cloud: LifecycleCloud, lifecycle: Lifecycle, vm_id: str) -> list[Seen]:
    """All looks at a VM until it is built."""
    looks: list[Seen] = []
    for _ in range(LOOKS):
        cloud.after(STEP_S)
        seen = await lifecycle.see(vm_id)
        assert seen is not None
        looks.append(seen)
        if seen.is_built and seen.is_networked:
            return looks
    raise AssertionError(f"last seen as {looks[-1]}")


async def removed(cloud: LifecycleCloud, lifecycle: Lifecycle, one: Object) -> None:
    """Request the deletion of a VM until it is gone and nothing is left of it."""
    for _ in range(LOOKS):
        with suppress(BusyError):  # it moves: requested again, as a clean-up does
            await lifecycle.delete(one)
        cloud.after(STEP_S)
        if await lifecycle.see(one.id) is None and not await lifecycle.left(one.id):
            return
    raise AssertionError(f"{one} stays")


def as_listed(lifecycle: Lifecycle, vm_id: str) -> Object:
    return Object(lifecycle.vm_kind, vm_id, MARK.name, MARK)


async def owned(lifecycle: Lifecycle) -> list[Object]:
    found = await lifecycle.owned(TAG)
    assert found.failed == {}
    return [*found.objects]


class Attempt:
    """A run of a probe, whose waiting lets the cloud's time pass. Attributes: ledger: What it wrote down."""

    def __init__(self, cloud: LifecycleCloud) -> None:
        self.ledger, self._cloud, self._clock = FakeLedger(), cloud, SkippingClock()
        self._clock.slept = cloud.after

    async def run(self, report: Callable[[Run], None] = lambda _: None) -> Run:
        order = Order(id=MARK.run, probe="boot", tag=TAG, timeouts=TIMEOUTS)
        records = Records(self.ledger, "uni")
        return await run(order, self._cloud.lifecycle(), records, report, self._clock.clock)

    async def found(self) -> list[Object]:
        """What it left; its ledger has a line for it, by which a sweep removes it."""
        left = await owned(self._cloud.lifecycle())
        assert not left or self.ledger.open_objects[MARK.run]
        return left


# -- A VM's life ------------------------------------------------------------------------------------


async def test_vm_is_created_built_deleted_and_gone(cloud: LifecycleCloud) -> None:
    lifecycle = cloud.lifecycle()
    vm_id = await requested(lifecycle)
    assert cloud.created() == 1
    looks = await built(cloud, lifecycle, vm_id)
    assert looks[-1].host
    assert {one.fault for one in looks} == {None}
    left = await lifecycle.left(vm_id)
    assert left[0].id == vm_id
    await removed(cloud, lifecycle, left[0])
    assert await owned(lifecycle) == []
    assert cloud.created() == 1


async def test_vm_is_found_by_its_tag_with_its_mark_and_by_no_other_tag(cloud: LifecycleCloud) -> None:
    vm_id = await requested(cloud.lifecycle())
    (one,) = await owned(cloud.lifecycle())
    assert (one.kind, one.id, one.name) == (cloud.lifecycle().vm_kind, vm_id, MARK.name)
    assert one.mark is not None
    assert (one.mark.tag, one.mark.run, one.mark.deadline) == (MARK.tag, MARK.run, MARK.deadline)
    for tag in ("our", "ours2", ""):
        assert (await cloud.lifecycle().owned(tag)).objects == []


async def test_what_one_made_another_of_the_same_credential_removes(cloud: LifecycleCloud) -> None:
    await requested(cloud.lifecycle())
    (one,) = await owned(cloud.lifecycle())
    await removed(cloud, cloud.lifecycle(), one)
    assert await owned(cloud.lifecycle()) == []


async def test_vm_that_is_gone_is_deleted_again_without_an_error(cloud: LifecycleCloud) -> None:
    lifecycle = cloud.lifecycle()
    vm_id = await requested(lifecycle)
    one = as_listed(lifecycle, vm_id)
    await removed(cloud, lifecycle, one)
    await lifecycle.delete(one)
    assert await lifecycle.see(vm_id) is None
    assert not await lifecycle.left(vm_id)


async def test_nothing_is_left_of_a_vm_that_was_never_accepted(cloud: LifecycleCloud) -> None:
    assert not await cloud.lifecycle().left("")
    assert await owned(cloud.lifecycle()) == []


async def test_two_vms_are_apart(cloud: LifecycleCloud) -> None:
    lifecycle, other = cloud.lifecycle(), replace(MARK, run="fedcba9876543210")
    first, second = await requested(lifecycle), await requested(lifecycle, other)
    assert {one.mark.run: one.id for one in await owned(lifecycle) if one.mark} == {
        MARK.run: first, other.run: second,
    }  # fmt: skip
    await built(cloud, lifecycle, second)
    await removed(cloud, lifecycle, as_listed(lifecycle, first))
    assert [one.id for one in await owned(lifecycle)] == [second]


async def failed(step: Awaitable[Any]) -> StepError | None:
    try:
        await step
    except StepError as error:
        return error
    return None


# -- What fails -------------------------------------------------------------------------------------


async def test_wrong_credential_is_auth_and_nothing_is_created(cloud: LifecycleCloud) -> None:
    with pytest.raises(StepError) as caught:
        await cloud.stranger.authenticate()
    assert (caught.value.reason, cloud.created()) == (RunReason.AUTH, 0)
    with pytest.raises(StepError) as listed:
        await cloud.stranger.owned(TAG)
    assert listed.value.reason is RunReason.AUTH


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: one.name)
async def test_reasons_of_each_phase_are_of_the_closed_set(cloud: LifecycleCloud, trouble: Trouble) -> None:
    """No other error than StepError comes out of any step, and its words are one line."""
    lifecycle = cloud.lifecycle()
    vm_id = await requested(lifecycle)
    await built(cloud, lifecycle, vm_id)
    resolved = await lifecycle.resolve()
    another = Underway(replace(MARK, run="fedcba9876543210"), resolved)
    steps: dict[str, Callable[[], Awaitable[Any]]] = {
        "authenticate": lifecycle.authenticate,
        "resolve": lifecycle.resolve,
        "check_quota": lambda: lifecycle.check_quota(resolved),
        "request": lambda: lifecycle.request(another),
        "see": lambda: lifecycle.see(vm_id),
        "left": lambda: lifecycle.left(vm_id),
        "owned": lambda: lifecycle.owned(TAG),
        "delete": lambda: lifecycle.delete(as_listed(lifecycle, vm_id)),
    }
    cloud.trouble(trouble)
    for name, step in steps.items():
        error = await failed(step())
        if error is None:  # what was carried out may be answered with a number, of which nothing is nonsense
            assert name in ("request", "delete")
            assert trouble.is_carried_out
        else:
            assert error.reason in OF_CLOUDS, name
            assert re.fullmatch(r"\S.*", str(error)), name


@pytest.mark.parametrize(
    "trouble", [one for one in TROUBLES if one.name != NONSENSE], ids=lambda one: one.name
)
async def test_creation_is_sent_once_and_found_if_it_was_carried_out(
    cloud: LifecycleCloud, trouble: Trouble
) -> None:
    lifecycle = cloud.lifecycle()
    await lifecycle.authenticate()
    resolved = await lifecycle.resolve()
    cloud.trouble_of_creation(trouble)
    with pytest.raises(StepError) as caught:
        await lifecycle.request(Underway(MARK, resolved))
    assert cloud.created() == 1
    cloud.trouble(None)
    found = await owned(cloud.lifecycle())
    assert len(found) == trouble.is_carried_out
    assert caught.value.is_unknown or not found
    for one in found:
        await removed(cloud, lifecycle, one)
    assert await owned(lifecycle) == []
    assert cloud.created() == 1


@pytest.mark.parametrize("phase", [one for one in Phase if one in OF_EACH_RUN])
async def test_run_to_which_trouble_comes_fails_in_that_phase_or_later_with_a_reason_of_the_closed_set(
    cloud: LifecycleCloud, phase: Phase
) -> None:
    phases = [one for one in Phase if one in OF_EACH_RUN]
    attempt = Attempt(cloud)

    def report(seen: Run) -> None:
        if {*phases[: phases.index(phase)]} <= seen.phases.keys():
            cloud.trouble(TROUBLES[0])

    ended = await attempt.run(report)
    cloud.trouble(None)
    assert ended.outcome is Outcome.FAILED
    assert ended.failure is not None
    assert ended.failure.reason in OF_CLOUDS
    failed_in = ended.failure.phase
    at_once = {*phases[phases.index(phase) :]}  # one look may show the end of several
    assert failed_in in at_once or {failed_in, phase} <= SIDE_BY_SIDE
    assert failed_in not in ended.phases
    assert cloud.created() <= (phase not in phases[: phases.index(Phase.REQUEST)])
    if cloud.created():  # else a log-in may have failed, which is not tried again at once
        for one in await attempt.found():
            await removed(cloud, cloud.lifecycle(), one)


# -- What is cancelled ------------------------------------------------------------------------------


class CancelledAt(Generic[T]):
    """Awaits a coroutine in this task, which is cancelled at the nth of its awaits that wait."""

    def __init__(self, waited: Coroutine[Any, Any, T], at: int) -> None:
        self._waited, self._at, self.number = waited, at, 0

    def __await__(self) -> Generator[Any, Any, T]:
        task = asyncio.current_task()
        assert task is not None
        error: BaseException | None = None
        while True:
            try:
                future = self._waited.send(None) if error is None else self._waited.throw(error)
            except StopIteration as ended:
                result: T = ended.value
                return result
            self.number, error = self.number + 1, None
            if self.number == self._at:
                task.cancel()
            try:
                yield future
            except BaseException as raised:  # noqa: BLE001 - whatever it is, it is the coroutine's
                error = raised


async def was_cancelled(waiting: CancelledAt[Any]) -> bool:
    """Whether it was cancelled before its end."""
    try:
        await waiting
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        return True
    return False


async def settled() -> None:
    """The cloud, in this loop or in a thread, has carried out what was sent."""
    for _ in range(5):
        await asyncio.sleep(0.005)


async def test_request_that_is_cancelled_at_any_await_leaves_nothing_that_its_tag_does_not_find(
    cloud: LifecycleCloud,
) -> None:
    lifecycle = cloud.lifecycle()
    await lifecycle.authenticate()
    resolved = await lifecycle.resolve()
    for at in range(1, AWAITS):
        before = cloud.created()
        waiting = CancelledAt(lifecycle.request(Underway(MARK, resolved)), at)
        is_cancelled = await was_cancelled(waiting)
        await settled()
        found = await owned(cloud.lifecycle())
        assert cloud.created() - before <= 1
        assert len(found) <= 1
        for one in found:
            await removed(cloud, lifecycle, one)
        assert await owned(lifecycle) == []
        if not is_cancelled:
            break
    assert len(found) == 1


async def test_run_that_is_cancelled_at_any_await_leaves_nothing_that_its_ledger_does_not_have(
    cloud: LifecycleCloud,
) -> None:
    for at in range(1, AWAITS):
        before, attempt = cloud.created(), Attempt(cloud)
        is_cancelled = await was_cancelled(CancelledAt(attempt.run(), at))
        await settled()
        found = await attempt.found()
        assert cloud.created() - before <= 1
        for one in found:
            await removed(cloud, cloud.lifecycle(), one)
        if not is_cancelled:
            break
    assert (found, attempt.ledger.open_objects[MARK.run]) == ([], {})
    assert attempt.ledger.saved[MARK.run].outcome is Outcome.SUCCESS
