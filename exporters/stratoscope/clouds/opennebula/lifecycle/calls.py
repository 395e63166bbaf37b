"""Calls to oned for single objects: a VM, what it still holds, its end; any user, for VMs of its own."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.lifecycle import BusyError, Object, RunReason
from stratoscope.clouds.opennebula.client.errors import ACTION, RefusedError
from stratoscope.clouds.opennebula.client.items import Element, fields, ids
from stratoscope.clouds.opennebula.client.oned import SERVICE, Oned
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.opennebula.lifecycle.vm import Look, look
from stratoscope.clouds.opennebula.lifecycle.zone import Memory
from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")

LEASE: Final = "lease"
IMAGE_USE: Final = "image_use"
"""The kinds of the Objects that oned frees itself when a VM ends."""
_DELETE: Final = 3
"""The operation of `vm.recover` that deletes the VM, whatever it does."""
_PATIENCE_S: Final = 60.0
"""So long oned may be busy with a VM that is to be terminated; then it is deleted all the same."""
_ENDING: Final = frozenset({"SHUTDOWN", "EPILOG", "CLEANUP_DELETE"})


def decoded(what: str, decode: Callable[[], T]) -> T:
    """What an answer says. Raises CollectError if that makes no sense."""
    try:
        return decode()
    except (ValueError, KeyError) as error:
        message = f"{SERVICE}: {what}: {type(error).__name__}: {error}"
        raise CollectError(Reason.MALFORMED, message) from error


async def seen(pools: Pools, vm_id: str) -> Look | None:
    """A VM, also one that is done; None if oned knows none. Raises as Pools."""
    try:
        element = await pools.one("vm.info", int(vm_id))
    except NotThereError:
        return None
    found = decoded("vm.info", lambda: look(element))
    if found.vm_id != vm_id:
        raise CollectError(Reason.MALFORMED, f"{SERVICE}: vm.info: {vm_id}: the answer is about another VM")
    return found


async def still_held(pools: Pools, one: Look) -> Sequence[Object]:
    """The leases and images that oned still has as those of a VM that is done, as far as it shows them."""
    held: list[Object] = []
    for network in one.networks:
        element = await _shown(pools, "vn.info", network)
        held += [] if element is None else _leases(element, network, one.vm_id)
    for image in one.images:
        element = await _shown(pools, "image.info", image)
        if element is not None and one.vm_id in ids(element.find("VMS")):
            held.append(Object(IMAGE_USE, f"{image}/{one.vm_id}"))
    return held


async def terminate(oned: Oned, pools: Pools, vm_id: str, memory: Memory) -> None:
    """Terminate a VM at once; one that is gone or just ends is no error.

    oned does not terminate a VM while it moves its disks or boots it (DispatchManager::terminate). After a
    minute of that it is asked to delete the VM all the same, which needs the right ADMIN of it, or MANAGE if
    the user's VM_MANAGE_OPERATIONS have `delete`.

    Raises:
        BusyError: It has to be requested again later.
        CollectError, LeftOutError: As Oned.act.
    """
    try:
        await oned.act("vm.action", "terminate-hard", int(vm_id))
    except NotThereError:
        memory.forget(vm_id)
    except RefusedError as error:
        if error.code != ACTION:
            raise
        one = await seen(pools, vm_id)
        if one is None or one.is_done or one.state in _ENDING:
            return
        now = oned.budget.clock.monotonic()
        if now - memory.refused.setdefault(vm_id, now) >= _PATIENCE_S:
            await _recover(oned, vm_id, one)
        else:
            raise BusyError(RunReason.CLEANUP, f"the VM is in {one.state}: {error}") from error


async def _recover(oned: Oned, vm_id: str, one: Look) -> None:
    try:
        await oned.act("vm.recover", int(vm_id), _DELETE)
    except ForbiddenError as error:
        what = f"the VM stays in {one.state}, and the user may not delete it there: {error}"
        raise BusyError(RunReason.CLEANUP, what) from error


async def _shown(pools: Pools, method: str, number: str) -> Element | None:
    """The document of an object; None if it is gone, or not shown to the user."""
    try:
        return await pools.one(method, int(number))
    except (ForbiddenError, NotThereError):
        return None


def _leases(element: Element, network: str, vm_id: str) -> Iterator[Object]:
    """The leases of a network that a VM has."""
    for one in element.iterfind("AR_POOL/AR/LEASES/LEASE"):
        lease = fields(one)
        if lease.get("VM") == vm_id:
            address = lease.get("IP") or lease.get("IP6") or lease.get("MAC", "")
            yield Object(LEASE, f"{network}/{address}")
