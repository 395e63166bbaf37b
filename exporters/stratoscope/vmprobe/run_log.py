"""The log of a run, as `/probe?debug=true` answers it: a line for each fact, bounded, secrets masked."""

from collections.abc import Iterator
from typing import Final

import msgspec

from stratoscope.core.errors import short_line
from stratoscope.core.masking import masked
from stratoscope.vmprobe.record import Run
from stratoscope.vmprobe.view import ProbeView
from stratoscope.vmprobe.written import as_written

MOST: Final = 200
"""Lines."""


def run_log(view: ProbeView, run: Run) -> str:
    """What is recorded of a run that has ended, and of the one in progress after it."""
    lines = [*_of_run(view, run)]
    if view.running is not None and view.running.id != run.id:
        lines += ["", *_of_run(view, view.running)]
    if len(lines) > MOST:
        lines = [*lines[: MOST - 1], f"... {len(lines) - MOST + 1} more lines"]
    return "".join(f"{masked(short_line(line))}\n" for line in lines)


def _of_run(view: ProbeView, run: Run) -> Iterator[str]:
    yield f"probe {view.name} of cloud {view.cloud}, run {run.id}: {run.outcome}"
    described = msgspec.to_builtins(view.vm, enc_hook=str)
    yield from (f"{key}: {as_written(value)}" for key, value in described.items())
    yield f"image id: {run.image_id or 'unknown'}"
    yield f"host: {run.host or 'unknown'}"
    yield f"VM id: {run.vm_id or 'none'}"
    yield from (f"phase {phase}: {seconds:.3f} s" for phase, seconds in run.phases.items())
    yield from (f"phase {phase}: left out: {why}" for phase, why in run.left_out.items())
    yield from (f"accepted to {phase}: {seconds:.3f} s" for phase, seconds in run.accepted_s.items())
    yield f"polls: {run.polls}"
    for sent in view.sent.get(run.id, ()):
        yield f"request {sent.method} {sent.place}: {sent.code} after {sent.seconds:.3f} s"
    yield f"the VM existed for {run.vm_s:.1f} s"
    if run.failure is not None:
        failure = run.failure
        yield f"failed in {failure.phase}: {failure.reason}, blame {failure.blame}: {failure.message}"
