"""The steps `console`, `stopped`, `started` and `resized`. Sources: Nova's POST /servers/{id}/action and
GET /servers/{id}; any role.
"""

from typing import Final

import msgspec

from stratoscope.clouds.client.request import CallError
from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.lifecycle import Phase, RunReason, StepError, StepLeftOutError, Underway
from stratoscope.clouds.openstack.client.fields import Text, segment
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle.errors import causes, step_translated
from stratoscope.clouds.openstack.lifecycle.requests import act, is_named, living_server
from stratoscope.clouds.steps.last_look import is_last_look
from stratoscope.core.errors import CollectError

_STOPPED: Final = "SHUTOFF"
_RUNS: Final = "ACTIVE"
_TO_CONFIRM: Final = "VERIFY_RESIZE"
_NOT_IMPLEMENTED: Final = "501"
_NO_CONSOLE: Final = "console available"
"""Of the text of ConsoleNotAvailable."""


class _Console(msgspec.Struct, frozen=True):
    """Attributes: output: None from drivers that have nothing yet."""

    output: Text | None


class ReadingConsole:
    """Implements Step: the VM has written a text to its console."""

    phase: Phase = Phase.CONSOLE
    creates: str = ""
    is_before_request: bool = False
    seen: str = ""

    def __init__(self, api: Session, text: str) -> None:
        self._api, self._text = api, text

    async def begin(self, run: Underway) -> None:
        """Nothing is to be requested."""

    async def has_ended(self, run: Underway) -> bool:
        """Whether the text is in the console's log. The last look says what was found instead.

        Raises as console_log.
        """
        log = await console_log(self._api, run.vm_id)
        if self._text not in log and is_last_look():
            with step_translated(RunReason.HYPERVISOR):
                server = await living_server(self._api, run.vm_id)
            if server.status == _STOPPED:
                raise StepError(RunReason.HYPERVISOR, "the VM has ended: it is SHUTOFF")
            what = f"the console's log has {len(log)} characters, and not the text {self._text!r}"
            raise StepError(RunReason.TIMEOUT, what)
        return self._text in log


async def console_log(api: Session, vm_id: str) -> str:
    """What a VM has written to its console, as far as Nova keeps it; "" before it has one.

    Raises StepError; StepLeftOutError if the hypervisor keeps no log, or Nova has none until the last look.
    """
    path = f"/servers/{segment(vm_id)}/action"
    body: dict[str, dict[str, int]] = {"os-getConsoleOutput": {}}
    with step_translated(RunReason.HYPERVISOR):
        try:
            answer = await api.change(
                "POST", "compute", path, _Console, operation="console_output", body=body
            )
        except NotThereError as error:
            return await _no_console(api, vm_id, error)
        except CollectError as error:
            if any(isinstance(one, CallError) and one.code == _NOT_IMPLEMENTED for one in causes(error)):
                raise StepLeftOutError(f"the hypervisor keeps no log of the console: {error}") from error
            raise
    return answer.output or ""


async def _no_console(api: Session, vm_id: str, error: NotThereError) -> str:
    """What a 404 says of a console: "" if there may be one later. Raises as console_log, and the error
    itself if it is not Nova's."""
    if is_named(vm_id, error):
        await living_server(api, vm_id)
    elif _NO_CONSOLE not in str(error).lower():
        raise error
    elif is_last_look() and (await living_server(api, vm_id)).is_built:
        raise StepLeftOutError(f"Nova has no log of the VM's console: {error}") from error
    return ""


class Stopping:
    """Implements Step: the VM is shut off."""

    phase: Phase = Phase.STOPPED
    creates: str = ""
    is_before_request: bool = False
    seen: str = ""

    def __init__(self, api: Session) -> None:
        self._api = api

    async def begin(self, run: Underway) -> None:
        with step_translated(RunReason.HYPERVISOR):
            await act(self._api, run.vm_id, "os-stop", operation="server_stop")

    async def has_ended(self, run: Underway) -> bool:
        with step_translated(RunReason.HYPERVISOR):
            server = await living_server(self._api, run.vm_id)
        self.seen = f"the VM is {server.status}"
        return server.status == _STOPPED


class Starting:
    """Implements Step: the VM that was shut off runs again."""

    phase: Phase = Phase.STARTED
    creates: str = ""
    is_before_request: bool = False
    seen: str = ""

    def __init__(self, api: Session) -> None:
        self._api = api

    async def begin(self, run: Underway) -> None:
        """Raises StepLeftOutError if the step before was left out."""
        with step_translated(RunReason.HYPERVISOR):
            if (await living_server(self._api, run.vm_id)).status != _STOPPED:
                raise StepLeftOutError("the VM was not stopped")
            await act(self._api, run.vm_id, "os-start", operation="server_start")

    async def has_ended(self, run: Underway) -> bool:
        with step_translated(RunReason.HYPERVISOR):
            server = await living_server(self._api, run.vm_id)
        self.seen = f"the VM is {server.status}"
        return server.status == _RUNS


class Resizing:
    """Implements Step: the VM has another flavor, the resize is confirmed, and it runs."""

    phase: Phase = Phase.RESIZED
    creates: str = ""
    is_before_request: bool = False
    seen: str = ""

    def __init__(self, api: Session) -> None:
        self._api = api
        self._confirmed = ""

    async def begin(self, run: Underway) -> None:
        wanted = {"flavorRef": _flavor_id(run)}
        with step_translated(RunReason.HYPERVISOR):
            await act(self._api, run.vm_id, "resize", wanted, operation="server_resize")

    async def has_ended(self, run: Underway) -> bool:
        """Whether it runs with the flavor. The resize is confirmed once, as soon as Nova waits for it."""
        with step_translated(RunReason.HYPERVISOR):
            server = await living_server(self._api, run.vm_id)
            if server.status == _TO_CONFIRM and self._confirmed != run.vm_id:
                self._confirmed = run.vm_id
                await act(self._api, run.vm_id, "confirmResize", operation="resize_confirm")
        if server.status == _RUNS and server.flavor.id != _flavor_id(run):
            what = "the VM is ACTIVE with its old flavor: Nova has given up, as when no host has room"
            raise StepError(RunReason.UNKNOWN, what)
        self.seen = f"the VM is {server.status}"
        return server.status == _RUNS


def _flavor_id(run: Underway) -> str:
    return str(run.resolved.plan.resize_flavor.id)
