"""The clean-up of a run: its VM, and then what its steps have created."""

from collections.abc import Sequence

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
        async with run.phase(Phase.DELETED):
            await run.lifecycle.delete(run.vm)
            polling = Polling(run.clock)
            while await run.see(polling) is not None:
                pass
    ours = left = [*([run.vm] if run.vm else ()), *objects]
    busy: dict[Object, BusyError] = {}
    try:
        async with run.phase(Phase.GONE):
            busy = await _delete(run, objects[::-1])
            polling = Polling(run.clock)
            while left := await left_of(run.lifecycle, run.vm_id, objects):
                await run.poll(polling)
                busy = await _delete(run, [*busy])
    except PhaseError as error:
        if busy and error.failure.reason is RunReason.TIMEOUT:
            raise PhaseError(Phase.GONE, RunReason.CLEANUP, str(next(iter(busy.values())))) from error
        raise
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


async def _delete(run: Progress, objects: Sequence[Object]) -> dict[Object, BusyError]:
    """Request the deletion of each. Returns those that are busy, and why.

    Raises the first other StepError, after all were tried.
    """
    busy: dict[Object, BusyError] = {}
    failed: StepError | None = None
    for one in objects:
        try:
            await run.lifecycle.delete(one)
        except BusyError as error:
            busy[one] = error
        except StepError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return busy
