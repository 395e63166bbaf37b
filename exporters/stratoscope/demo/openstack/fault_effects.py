"""What faults do to this cloud: broken or truncated responses, silent daemons, wrong allocations."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from stratoscope.demo.faults import Fault
from stratoscope.demo.openstack.http_request import Response
from stratoscope.demo.openstack.models import VM, Host, Migration, Resources
from stratoscope.demo.openstack.world import World

_HUGE: Final = 10 * 1024 * 1024
_GARBAGE: Final = "<html><body>This is not what you have asked for.</body></html>"
_MOST_NAMED: Final = 10


def broken(body: bytes, fault: Fault) -> bytes:
    """A body whose first item is malformed, or that is no JSON at all."""
    if fault.fault == "garbage":
        return (fault.text or _GARBAGE).encode()
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body
    for key, value in document.items() if isinstance(document, dict) else ():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value[0] = _BREAK[fault.variant](value[0])
            break
        if isinstance(value, dict):
            document[key] = _BREAK[fault.variant](value)
            break
    return msgspec.json.encode(document)


_BREAK: Final[Mapping[str, Callable[[dict[str, Any]], object]]] = {
    "no_flavor": lambda item: {key: value for key, value in item.items() if key != "flavor"},
    "null_host": lambda item: {**item, "OS-EXT-SRV-ATTR:host": None},
    "huge_name": lambda item: {**item, "name": "x" * _HUGE},
    "no_id": lambda item: {key: value for key, value in item.items() if key not in ("id", "uuid")},
    "no_object": lambda _: 17,
}


async def cut_off(request: web.Request, response: Response, body: bytes) -> web.StreamResponse:
    """Send the head and half the body, then drop the connection; at once where there is no body."""
    if not body and request.transport is not None:
        request.transport.abort()
        return web.Response()
    partial = web.StreamResponse(status=response.status, headers=response.headers)
    partial.content_length = len(body)
    await partial.prepare(request)
    await partial.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return partial


def silence(world: World, service: str, host: str, seconds: float | None) -> Callable[[], None]:
    """Stop the reports of a service's daemons on a host; the returned function lets them report again.

    Args:
        world: Whose daemons.
        service: Its type.
        host: As the service spells it.
        seconds: After how long they are down; None for as long as the service usually waits.

    Raises:
        LookupError: There is no such daemon; the message lists the hosts that have one.
    """
    of_service = [daemon for daemon in world.daemons if daemon.service == service]
    daemons = [daemon for daemon in of_service if daemon.host == host]
    if not daemons:
        known = sorted({daemon.host for daemon in of_service})
        raise LookupError(", ".join(known[:_MOST_NAMED]) + (", ..." if len(known) > _MOST_NAMED else ""))
    before = [(daemon, daemon.silent_since, daemon.silent_patience_s) for daemon in daemons]
    for daemon in daemons:
        daemon.silent_since = world.now if daemon.silent_since is None else daemon.silent_since
        daemon.silent_patience_s = seconds

    def undo() -> None:
        for daemon, since, patience_s in before:
            daemon.silent_since, daemon.silent_patience_s = since, patience_s

    return undo


_LEAKED: Final = Resources(vcpus=1, memory_mib=512, disk_gib=1)


def misallocate(world: World, what: str, host: str) -> Callable[[], None]:
    """Make an allocation on a host wrong; the returned function mends it.

    Args:
        world: Whose allocations.
        what: `allocation_without_vm`, `vm_without_allocation`, `other_host`, `ended_migration`.
        host: Where the allocation is, or is missing.

    Raises:
        LookupError: There is no such host, or none of its VMs stays as it is; the message lists hosts.
    """
    there = world.hosts.get(host)
    vm = None if there is None else _resting(there)
    if there is None or vm is None:
        known = sorted(name for name, one in world.hosts.items() if _resting(one) is not None)
        raise LookupError(", ".join(known[:_MOST_NAMED]) + (", ..." if len(known) > _MOST_NAMED else ""))
    if what == "vm_without_allocation":
        world.release(there, vm.id)
        return lambda: _claim_again(world, vm)
    consumer = world.dice.uuid()
    if what == "other_host":
        there, consumer = _another(world, there), vm.id
    elif what == "ended_migration":
        migration = Migration(consumer, vm, there, there, vm.flavor, vm.vm_state)
        world.ended.append((migration, "completed"))
    world.claim(there, consumer, _LEAKED)
    return lambda: world.release(there, consumer)


def _resting(host: Host) -> VM | None:
    """A VM of the host that is in no transition, if possible one that stays."""
    vms = [vm for vm in host.vms.values() if vm.task_state is None and vm.id in host.claims]
    return max(vms, key=lambda vm: vm.is_tame, default=None)


def _another(world: World, host: Host) -> Host:
    return next(one for one in world.hosts.values() if one is not host)


def _claim_again(world: World, vm: VM) -> None:
    if vm.host is not None and vm.terminated is None and vm.id not in vm.host.claims:
        world.claim(vm.host, vm.id, vm.claim)
