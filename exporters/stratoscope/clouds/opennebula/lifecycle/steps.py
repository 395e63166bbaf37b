"""The steps `stopped` and `started`. Sources: `vm.action`, `vm.info`; any user, for VMs of its own."""

from typing import Final

from stratoscope.clouds.lifecycle import Phase, RunReason, StepError, Underway
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.opennebula.client.oned import Oned
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.opennebula.lifecycle.calls import seen
from stratoscope.clouds.opennebula.lifecycle.errors import build_fault, translated
from stratoscope.clouds.opennebula.lifecycle.vm import RUNNING
from stratoscope.clouds.steps.last_look import is_last_look

_POWEROFF: Final = "POWEROFF"


class Switching:
    """Implements Step: the VM is powered off, whatever its guest does, or resumed.

    oned lets a VM run on whose driver does not power it off, and says nothing: the last look says so.
    """

    creates: str = ""
    is_before_request: bool = False
    seen: str = ""

    def __init__(self, oned: Oned, phase: Phase) -> None:
        self.phase = phase
        self._oned, self._pools = oned, Pools(oned)
        is_stop = phase is Phase.STOPPED
        self._action, self._wanted = ("poweroff-hard", _POWEROFF) if is_stop else ("resume", RUNNING)

    async def begin(self, run: Underway) -> None:
        with translated():
            await self._oned.act("vm.action", self._action, int(run.vm_id))

    async def has_ended(self, run: Underway) -> bool:
        """Whether the VM is in the state. Raises StepError, also if it is in error, or gone."""
        with translated():
            one = await seen(self._pools, run.vm_id)
        if one is None or one.is_done:
            raise StepError(RunReason.UNKNOWN, "the VM has disappeared, not by the probe")
        if (reason := states.fault(one.state)) is not None:
            raise build_fault(one.state, reason, one.error)
        self.seen = f"the VM is in {one.state}"
        if one.state == RUNNING != self._wanted and is_last_look():
            what = "the VM runs on: its driver has not powered it off; the VM's log has why"
            raise StepError(RunReason.HYPERVISOR, what)
        return one.state == self._wanted
