"""Changes of servers: POST /servers, DELETE, and the actions os-start, os-stop and reboot."""

import secrets
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from multidict import CIMultiDict

from stratoscope.demo.openstack.http_errors import BootError
from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.models import VM
from stratoscope.demo.openstack.nova.create_server import ServerRequest, read
from stratoscope.demo.openstack.nova.servers import find
from stratoscope.demo.openstack.nova.view import links
from stratoscope.demo.openstack.operations import Operations
from stratoscope.demo.openstack.quotas import exceeded
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.world import World

_REBOOTS: Final = ("HARD", "Hard", "hard", "SOFT", "Soft", "soft")


class ServerActions:
    """Their handlers. Args: boot_error: Called at each boot; the error with which it is to fail, or None."""

    def __init__(
        self, world: World, operations: Operations, boot_error: Callable[[], BootError | None]
    ) -> None:
        self._world, self._operations, self._boot_error = world, operations, boot_error

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/servers", self._create)
        yield Route("DELETE", "/servers/{server}", self._delete)
        yield Route("POST", "/servers/{server}/action", self._act)

    def _create(self, request: Request) -> Response:
        if "member" not in request.caller.roles:
            raise request.denied("servers:create")
        wanted = read(request)
        if (text := exceeded(wanted.project, wanted.flavor, wanted.count)) is not None:
            raise HttpError(403, text)
        error = self._boot_error()
        if error is not None and error.status:
            raise HttpError(error.status, _filled(error.text, wanted, ""))
        first, *_ = [self._boot(wanted, number, error) for number in range(wanted.count)]
        body: Json = {
            "id": first.id,
            "links": links(request.base, "servers", first.id),
            "OS-DCF:diskConfig": "MANUAL",
            "security_groups": [{"name": "default"}],
            "adminPass": secrets.token_urlsafe(9),
        }
        location = f"{request.base}/v2.1/servers/{first.id}"
        return Response({"server": body}, 202, CIMultiDict({"location": location}))

    def _boot(self, wanted: ServerRequest, number: int, error: BootError | None) -> VM:
        vm = wanted.vm(self._world, number)
        if error is not None:
            error = error._replace(text=_filled(error.text, wanted, vm.id))
        return self._operations.boots.boot(vm, error)

    def _delete(self, request: Request) -> Response:
        self._operations.delete(find(request), request.caller.user)
        return Response(status=204, headers=CIMultiDict({"Content-Type": "application/json"}))

    def _act(self, request: Request) -> Response:
        vm = _find_for_action(request)
        action, argument = _action(request)
        user = request.caller.user
        if action == "os-start":
            _must_be(vm, "start", "stopped")
            self._operations.start(vm, user)
        elif action == "os-stop":
            _must_be(vm, "stop", "active", "error")
            self._operations.stop(vm, user)
        elif action == "reboot":
            is_hard = _kind_of_reboot(argument) == "HARD"
            _must_be(
                vm, "reboot", "active", *(("stopped", "paused", "suspended", "error") if is_hard else ())
            )
            self._operations.reboot(vm, hard=is_hard, user=user)
        else:
            raise HttpError(400, f"There is no such action: {action}")
        return Response(status=202)


def _filled(text: str, wanted: ServerRequest, vm_id: str) -> str:
    """The text of an error with its placeholders replaced."""
    values = {
        "vm": vm_id,
        "image": wanted.image.id if wanted.image else "",
        "flavor": wanted.flavor.id,
        "network": wanted.network.id if wanted.network else "",
        "port": "5e9c1b0a-3d43-4c53-a3f5-0a3b2f1d6c11",
        "volume": "0b7d9c62-8f4e-4a0e-9d55-2f1f5cf0a7e3",
        "cores": str(wanted.flavor.vcpus),
        "ram": str(wanted.flavor.memory_mib),
        "used": "20",
        "disk": str(wanted.flavor.disk_gib << 30),
        "size": str((wanted.image.size or 0) if wanted.image else 0),
    }
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _find_for_action(request: Request) -> VM:
    try:
        return find(request)
    except HttpError:
        if request.args["server"] in request.world.vms:
            raise
        raise HttpError(404, f"Instance {request.args['server']} has no mapping to a cell.") from None


def _action(request: Request) -> tuple[str, object]:
    try:
        body = request.json(dict[str, object])
    except msgspec.DecodeError as error:
        raise HttpError(400, "Malformed request body") from error
    if len(body) != 1:
        raise HttpError(400, "Malformed request body")
    return next(iter(body.items()))


def _kind_of_reboot(argument: object) -> str:
    kind = argument.get("type") if isinstance(argument, dict) else None
    if kind not in _REBOOTS:
        text = (
            f"Invalid input for field/attribute type. Value: {kind}. {kind!r} is not one of {list(_REBOOTS)}"
        )
        raise HttpError(400, text)
    return str(kind).upper()


def _must_be(vm: VM, action: str, *states: str) -> None:
    """Raise HttpError where the VM's state does not allow an action."""
    if vm.task_state is not None:
        state = f"task_state {vm.task_state}"
    elif vm.vm_state not in states:
        state = f"vm_state {vm.vm_state}"
    else:
        return
    raise HttpError(409, f"Cannot '{action}' instance {vm.id} while it is in {state}")
