"""The optional steps of a run that libvirt has for itself: what they read is the console."""

from stratoscope.clouds.libvirt.lifecycle.console import Console
from stratoscope.clouds.libvirt.lifecycle.hosts import WritableCloud, WritableHost
from stratoscope.clouds.lifecycle import Phase, RunReason, StepError, StepLeftOutError, Underway


class Writing:
    """Implements Step: the domain writes a text to its serial console, at any time since it began."""

    def __init__(self, cloud: WritableCloud) -> None:
        self.phase: Phase = Phase.CONSOLE
        self.creates: str = ""
        self.is_before_request: bool = False
        self.seen: str = ""
        self._cloud = cloud

    async def begin(self, run: Underway) -> None:
        """Nothing is to be requested."""

    async def has_ended(self, run: Underway) -> bool:
        """Whether the text was written; then the console is closed.

        Raises:
            StepLeftOutError: The console is not read: libvirt's driver or the right is missing.
            StepError: It is read no more: the domain or the connection has ended.
        """
        own, console = _console(self._cloud, run.vm_id)
        if not console.has_text:
            await _check_read(own, console)
        if console.has_text:
            own.end(run.vm_id)
        return console.has_text


async def console_log(cloud: WritableCloud, vm_id: str) -> str:
    """The end of what a domain has written to its serial console. Raises as Writing."""
    own, console = _console(cloud, vm_id)
    await _check_read(own, console)
    return console.log


def _console(cloud: WritableCloud, vm_id: str) -> tuple[WritableHost, Console]:
    own = cloud.host_of.get(vm_id)
    console = None if own is None else own.consoles.get(vm_id)
    if own is None or console is None:
        raise StepLeftOutError("console: this driver of libvirt creates no domain that is paused")
    return own, console


async def _check_read(own: WritableHost, console: Console) -> None:
    """Raise StepError or StepLeftOutError for a console that is not read, or no more."""
    if console.fault is not None:
        raise console.fault
    if not await own.is_open(console):
        raise StepError(RunReason.API_UNREACHABLE, f"{own.uri}: the connection of the console broke")
