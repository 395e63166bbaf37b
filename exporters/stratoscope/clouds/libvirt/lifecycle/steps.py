"""The optional step of a run that libvirt has for itself."""

from stratoscope.clouds.libvirt.lifecycle.hosts import WritableCloud
from stratoscope.clouds.lifecycle import Phase, RunReason, StepError, StepLeftOutError, Underway


class Writing:
    """Implements Step: the domain writes a text to its serial console, at any time since it began."""

    def __init__(self, cloud: WritableCloud) -> None:
        self.phase: Phase = Phase.CONSOLE
        self.creates: str = ""
        self.is_before_request: bool = False
        self._cloud = cloud

    async def begin(self, run: Underway) -> None:
        """Nothing is to be requested."""

    async def has_ended(self, run: Underway) -> bool:
        """Whether the text was written; then the console is closed.

        Raises:
            StepLeftOutError: The console is not read: libvirt's driver or the right is missing.
            StepError: It is read no more: the domain or the connection has ended.
        """
        own = self._cloud.host_of.get(run.vm_id)
        console = None if own is None else own.consoles.get(run.vm_id)
        if own is None or console is None:
            raise StepLeftOutError("console: this driver of libvirt creates no domain that is paused")
        if not console.has_text and console.fault is not None:
            raise console.fault
        if not console.has_text and not await own.is_open(console):
            raise StepError(RunReason.API_UNREACHABLE, f"{own.uri}: the connection of the console broke")
        if console.has_text:
            own.end(run.vm_id)
        return console.has_text
