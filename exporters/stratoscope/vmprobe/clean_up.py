"""The clean-up of a run: its VM, and then what its steps have created."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.lifecycle import BusyError, Object, Phase, RunReason, StepError
from stratoscope.vmprobe.polling import Polling
from stratoscope.vmprobe.progress import PhaseError, Progress


async def clean_up(run: Progress) -> None:
    """Delete all that the run has created, and wait until nothing is left.

    Raises PhaseError: something remains; it is recorded, and left to a sweep.
    """
    objects = [*run.objects.values()]
    if run.vm is not None:
        with _busy(Phase.DELETED) as busy:
            async with run.phase(Phase.DELETED):
                await _delete(run, [run.vm], busy)
                polling = Polling(run.clock)
                while await run.see(polling) is not None:
                    await _delete(run, [*busy], busy)
    ours = left = [*([run.vm] if run.vm else ()), *objects]
    try:
        with _busy(Phase.GONE) as busy:
            async with run.phase(Phase.GONE):
                await _delete(run, objects[::-1], busy)
                polling = Polling(run.clock)
                while left := await left_of(run.lifecycle, run.vm_id, objects):
                    await run.poll(polling)
                    await _delete(run, [*busy], busy)
    finally:
        for one in left:
            await run.records.created(run.run.id, one)
    for one in ours:
        await run.records.gone(run.run.id, one)


async def left_of(lifecycle: Lifecycle, vm_id: str, objects: Sequence[Object]) -> list[Object]:
    """What is left of a VM and of these objects. Raises StepError.

    Without a VM nothing else is: what belongs to no VM, such as a free port, is of others.
    """
    ours = {(one.kind, one.id) for one in objects}
    left = await lifecycle.left(vm_id, objects)
    return [one for one in left if vm_id or (one.kind, one.id) in ours]


@contextmanager
def _busy(phase: Phase) -> Iterator[dict[Object, BusyError]]:
    """Around a phase: the objects that are busy, and why; a time-out says so if there is one."""
    busy: dict[Object, BusyError] = {}
    try:
        yield busy
    except PhaseError as error:
        if busy and error.failure.reason is RunReason.TIMEOUT:
            raise PhaseError(phase, RunReason.CLEANUP, str(next(iter(busy.values())))) from error
        raise


async def _delete(run: Progress, objects: Sequence[Object], busy: dict[Object, BusyError]) -> None:
    """Request the deletion of each.

    Args:
        busy: Gets those that are busy, and loses the others.

    Raises the first other StepError, after all were tried.
    """
    failed: StepError | None = None
    for one in objects:
        busy.pop(one, None)
        try:
            await run.lifecycle.delete(one)
        except BusyError as error:
            busy[one] = error
        except StepError as error:
            failed = failed or error
    if failed is not None:
        raise failed
