"""The optional steps of a run, each a phase: begun once, and then looked at until it has ended."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds.abilities import Step
from stratoscope.clouds.lifecycle import Object, Phase, RunReason, StepError, StepLeftOutError
from stratoscope.vmprobe.polling import Polling
from stratoscope.vmprobe.progress import PhaseError, Progress, answered

_USES_ADDRESSES: Final = frozenset({Phase.REACHABLE})
"""Before each look of these the VM is seen again: a floating address shows late."""


async def do(run: Progress, steps: Iterable[Step]) -> None:
    """Do these steps in order. One that is left out is noted, and those after it are done.

    Raises PhaseError of the first that fails; LedgerError if an object cannot be recorded.
    """
    for step in steps:
        try:
            await _do(run, step)
        except StepLeftOutError as error:
            run.change(left_out={**run.run.left_out, step.phase: str(error)})
            run.report()


async def _do(run: Progress, step: Step) -> None:
    """Record the step's object, if it creates one, and do it. If none was created, the record is closed."""
    wanted = await run.intend(step.creates) if step.creates else None
    run.waits_for = ""

    async def accept(one: Object | None) -> None:
        if one is not None:
            run.objects[step.phase] = one
            await run.records.created(run.run.id, one)

    is_unknown = True
    try:
        async with run.phase(step.phase) as limit:
            await _see(run, step)
            await answered(step.begin(run.underway), accept, limit)
            polling = Polling(run.clock)
            while not await step.has_ended(run.underway):
                run.waits_for = step.seen
                await run.poll(polling)
                await _see(run, step)
        is_unknown = False
    except PhaseError as error:
        is_unknown = error.is_unknown
        raise
    except StepLeftOutError:
        is_unknown = False
        raise
    finally:
        if wanted is not None and not is_unknown and step.phase not in run.objects:
            await run.records.gone(run.run.id, wanted)


async def _see(run: Progress, step: Step) -> None:
    """See the VM again for a step that uses its addresses."""
    if step.phase not in _USES_ADDRESSES:
        return
    run.change(polls=run.run.polls + 1)
    run.seen = await run.lifecycle.see(run.vm_id)
    if run.seen is None:
        raise StepError(RunReason.UNKNOWN, "the VM has disappeared, not by the probe")
    if run.seen.fault is not None:
        raise run.seen.fault
