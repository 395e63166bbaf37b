"""Changes of servers: POST /servers, DELETE, and the actions."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Final, TypeVar

import msgspec
from multidict import CIMultiDict

from stratoscope.demo.openstack.http_errors import BOOT_ERRORS
from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.nova.console import console_output
from stratoscope.demo.openstack.nova.create_server import ServerRequest, read
from stratoscope.demo.openstack.nova.servers import find, must_be
from stratoscope.demo.openstack.nova.view import links
from stratoscope.demo.openstack.quotas import exceeded, exceeded_by_resize
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.world.boot_errors import BootError
from stratoscope.demo.world.models import VM
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.world import World

_Act = Callable[[Request, VM, object], Response]
"""Does an action: for a request, on a VM, with the action's argument."""

T = TypeVar("T")

_BODY_SINCE: Final = 45
"""The microversion from which on the new image's id is in the body, and no longer in a header."""
_REBOOTS: Final = ("HARD", "Hard", "hard", "SOFT", "Soft", "soft")


class _Resize(msgspec.Struct, rename={"flavor": "flavorRef"}):
    flavor: str


class _CreateImage(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    metadata: dict[str, str] = {}


class ServerActions:
    """Their handlers.

    Args:
        boot_error: Called at each boot with its image's name; the error with which it is to fail, or None.
    """

    def __init__(
        self, world: World, operations: Operations, boot_error: Callable[[str], BootError | None]
    ) -> None:
        self._world, self._operations, self._boot_error = world, operations, boot_error
        self._actions: Mapping[str, _Act] = {
            "os-start": self._start,
            "os-stop": self._stop,
            "reboot": self._reboot,
            "resize": self._resize,
            "confirmResize": self._confirm_resize,
            "createImage": self._create_image,
            "os-getConsoleOutput": console_output,
        }

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
        error = self._boot_error("" if wanted.image is None else wanted.image.name)
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
        self._operations.boots.boot(vm, error)
        for volume, is_deleted_with_vm in wanted.volumes:
            self._world.reserve(volume, vm, is_deleted_with_vm=is_deleted_with_vm)
        return vm

    def _delete(self, request: Request) -> Response:
        self._operations.delete(find(request), request.caller.user)
        return Response(status=204, headers=CIMultiDict({"Content-Type": "application/json"}))

    def _act(self, request: Request) -> Response:
        vm = _find_for_action(request)
        action, argument = _action(request)
        if action not in self._actions:
            raise HttpError(400, f"There is no such action: {action}")
        return self._actions[action](request, vm, argument)

    def _start(self, request: Request, vm: VM, _: object) -> Response:
        must_be(vm, "start", "stopped")
        self._operations.start(vm, request.caller.user)
        return Response(status=202)

    def _stop(self, request: Request, vm: VM, _: object) -> Response:
        must_be(vm, "stop", "active", "error")
        self._operations.stop(vm, request.caller.user)
        return Response(status=202)

    def _reboot(self, request: Request, vm: VM, argument: object) -> Response:
        is_hard = _kind_of_reboot(argument) == "HARD"
        must_be(vm, "reboot", "active", *(("stopped", "paused", "suspended", "error") if is_hard else ()))
        self._operations.reboot(vm, hard=is_hard, user=request.caller.user)
        return Response(status=202)

    def _resize(self, request: Request, vm: VM, argument: object) -> Response:
        wanted = _typed("resize", argument, _Resize)
        must_be(vm, "resize", "active", "stopped")
        flavor = self._world.flavors.get(wanted.flavor.rpartition("/")[2])
        if flavor is None:
            raise HttpError(400, f"Flavor {wanted.flavor} could not be found.")
        if flavor is vm.flavor:
            raise HttpError(400, "When resizing, instances must change flavor!")
        if vm.image is not None and vm.image.min_memory_mib > flavor.memory_mib:
            raise HttpError(400, BOOT_ERRORS["flavor_memory_too_small"].text)
        if (text := exceeded_by_resize(vm.project, vm.flavor, flavor)) is not None:
            raise HttpError(403, text)
        self._operations.migrations.resize(vm, flavor, request.caller.user)
        return Response(status=202)

    def _confirm_resize(self, request: Request, vm: VM, _: object) -> Response:
        must_be(vm, "confirmResize", "resized")
        self._operations.migrations.confirm(vm, request.caller.user)
        return Response(status=204, headers=CIMultiDict({"Content-Type": "application/json"}))

    def _create_image(self, request: Request, vm: VM, argument: object) -> Response:
        wanted = _typed("createImage", argument, _CreateImage)
        must_be(vm, "createImage", "active", "stopped", "paused", "suspended")
        image = self._operations.snapshots.create(vm, wanted.name, wanted.metadata, request.caller.user)
        if request.since(_BODY_SINCE):
            return Response({"image_id": image.id}, 202)
        location = f"{request.raw.scheme}://{request.raw.host}/image/images/{image.id}"
        return Response(status=202, headers=CIMultiDict({"Location": location}))


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


def _typed(action: str, argument: object, kind: type[T]) -> T:
    """The argument of an action. Raises HttpError for a wrong one."""
    try:
        return msgspec.convert(argument, kind)
    except msgspec.ValidationError as error:
        text = f"Invalid input for field/attribute {action}. Value: {argument}. {error}"
        raise HttpError(400, text) from error


def _kind_of_reboot(argument: object) -> str:
    kind = argument.get("type") if isinstance(argument, dict) else None
    if kind not in _REBOOTS:
        text = (
            f"Invalid input for field/attribute type. Value: {kind}. {kind!r} is not one of {list(_REBOOTS)}"
        )
        raise HttpError(400, text)
    return str(kind).upper()
