"""From the request for a VM until it is built."""

from collections.abc import Mapping

from stratoscope.clouds.lifecycle import Object, Phase, RunReason, StepError
from stratoscope.vmprobe.polling import Polling
from stratoscope.vmprobe.progress import PhaseError, Progress, answered


async def request(run: Progress) -> None:
    """Record the VM, and request it. If it is certain that there is none, the record is closed.

    Raises PhaseError; LedgerError if it cannot be recorded.
    """
    wanted = await run.intend(run.lifecycle.vm_kind)
    run.is_vm_unknown = True

    async def accept(vm_id: str) -> None:
        run.accepted, run.is_vm_unknown = run.clock.monotonic(), False
        run.vm = Object(wanted.kind, vm_id, wanted.name, wanted.mark)
        run.change(vm_id=vm_id)
        await run.records.created(run.run.id, run.vm)

    try:
        async with run.phase(Phase.REQUEST) as limit:
            await answered(run.lifecycle.request(run.underway, run.order.host), accept, limit)
    except PhaseError as error:
        if not error.is_unknown:
            run.is_vm_unknown = False
            await run.records.gone(run.run.id, wanted)
        raise


async def watch(run: Progress) -> None:
    """Look at the VM until it is scheduled, networked and built. Raises PhaseError.

    What a look shows that the one before did not has happened in between: the middle is its moment, at
    most half a step from the true one.
    """
    timeouts, polling = run.order.timeouts, Polling(run.clock)
    scheduled, before = 0.0, run.accepted
    ends = {Phase.SCHEDULED: run.accepted + timeouts[Phase.SCHEDULED]}
    while ends:
        phase = min(ends, key=lambda one: ends[one])
        async with run.within(phase, ends[phase] - run.clock.monotonic()):
            seen = await run.see(polling)
        now = run.clock.monotonic()
        moment, before = (before + now) / 2, now
        if seen is None:
            raise PhaseError(phase, RunReason.UNKNOWN, "the VM has disappeared, not by the probe")
        if Phase.SCHEDULED in ends and (seen.host or seen.is_scheduled or seen.is_built):
            del ends[Phase.SCHEDULED]
            scheduled = moment
            run.ended(Phase.SCHEDULED, moment - run.accepted)
            ends = {one: now + timeouts[one] for one in (Phase.NETWORKED, Phase.BUILT)}
        if seen.host and not run.order.host:
            run.change(host=seen.host)
        if Phase.NETWORKED in ends and not seen.host:  # what no host has taken waits for its build
            ends[Phase.NETWORKED] = now + timeouts[Phase.NETWORKED]
        if seen.fault is not None:
            raise PhaseError(_failing(ends, seen.fault), seen.fault.reason, str(seen.fault))
        for one, has_ended in ((Phase.NETWORKED, seen.is_networked), (Phase.BUILT, seen.is_built)):
            if has_ended and ends.pop(one, 0.0):
                run.change(accepted_s={**run.run.accepted_s, one: moment - run.accepted})
                run.ended(one, moment - scheduled)


def _failing(pending: Mapping[Phase, float], fault: StepError) -> Phase:
    """Which of the phases that have not ended a fault belongs to."""
    if Phase.SCHEDULED in pending:
        return Phase.SCHEDULED
    is_network = fault.reason is RunReason.NETWORK and Phase.NETWORKED in pending
    return Phase.NETWORKED if is_network or Phase.BUILT not in pending else Phase.BUILT
