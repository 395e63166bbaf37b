"""Changes of servers: POST /servers, DELETE, the actions, and the attachment of a volume."""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Final

import msgspec

from stratoscope.demo.openstack.http_request import HttpError, Request, Response
from stratoscope.demo.openstack.nova import create_server
from stratoscope.demo.openstack.nova.console import console_output
from stratoscope.demo.openstack.nova.view import find
from stratoscope.demo.openstack.quotas import exceeded, exceeded_by_resize
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.world import storage
from stratoscope.demo.world.boot_errors import BootError
from stratoscope.demo.world.models import VM
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.world import World

_Act = Callable[[Request, VM, object], Response]
"""Does an action: for a request, on a VM, with the action's argument."""
_BODY_SINCE: Final = 45
"""The microversion from which on the new image's id is in the body, and no longer in a header."""


class _CreateImage(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    metadata: dict[str, str] = {}


class _Resize(msgspec.Struct, rename={"flavor": "flavorRef"}):
    flavor: str


class _Volume(msgspec.Struct, rename={"id": "volumeId"}):
    id: str


class _Attachment(msgspec.Struct, rename={"volume": "volumeAttachment"}):
    volume: _Volume


class ServerActions:
    """Their handlers. Args: as of Nova."""

    def __init__(
        self, world: World, operations: Operations, boot_error: Callable[[str], BootError | None]
    ) -> None:
        self._world, self._operations, self._boot_error = world, operations, boot_error
        self._actions: Mapping[str, _Act] = {
            "os-start": partial(_switch, "start", ("stopped",), operations.start),
            "os-stop": partial(_switch, "stop", ("active", "error"), operations.stop),
            "resize": self._resize,
            "confirmResize": self._confirm_resize,
            "createImage": self._create_image,
            "os-getConsoleOutput": console_output,
        }

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/v2.1/servers", self._create)
        yield Route("DELETE", "/v2.1/servers/{server}", self._delete)
        yield Route("POST", "/v2.1/servers/{server}/action", self._act)
        yield Route("GET", "/v2.1/servers/{server}/os-instance-actions", self._history)
        yield Route("POST", "/v2.1/servers/{server}/os-volume_attachments", self._attach)

    def _create(self, request: Request) -> Response:
        request.only_member("servers:create")
        vm, volumes = create_server.read(request)
        if (text := exceeded(vm.project, vm.flavor, 1)) is not None:
            raise HttpError(403, text)
        error = self._boot_error("" if vm.image is None else vm.image.name)
        if error is not None:
            error = error._replace(text=_filled(error.text, vm))
            if error.status:
                raise HttpError(error.status, error.text)
        self._operations.boot(vm, error)
        for volume, is_deleted_with_vm in volumes:
            self._world.reserve(volume, vm, is_deleted_with_vm=is_deleted_with_vm)
        return Response({"server": {"id": vm.id, "adminPass": secrets.token_urlsafe(9)}}, 202)

    def _delete(self, request: Request) -> Response:
        self._operations.delete(find(request))
        return Response(status=204)

    def _history(self, request: Request) -> Response:
        vm = find(request)
        actions = ("create", *self._world.actions.get(vm.id, ())) if vm.is_scheduled else ()
        return Response({"instanceActions": [{"action": one} for one in reversed(actions)]})

    def _attach(self, request: Request) -> Response:
        vm = find(request)
        identity = request.body(_Attachment).volume.id
        volume = create_server.visible_volume(request, identity)
        if volume is None:
            raise HttpError(404, f"Volume {identity} could not be found.")
        must_be(vm, "attach_volume", "active", "paused", "stopped", "resized", "suspended")
        create_server.check_free(volume)
        storage.attach(self._world, volume, vm, is_deleted_with_vm=False)
        return Response({"volumeAttachment": {"id": volume.id, "serverId": vm.id, "volumeId": volume.id}})

    def _act(self, request: Request) -> Response:
        vm = find(request)
        body = request.body(dict[str, object])
        for action, argument in body.items():
            if action in self._actions:
                return self._actions[action](request, vm, argument)
        raise HttpError(400, f"There is no such action: {', '.join(body)}")

    def _resize(self, request: Request, vm: VM, argument: object) -> Response:
        flavor = create_server.find_flavor(request, msgspec.convert(argument, _Resize).flavor)
        must_be(vm, "resize", "active", "stopped")
        if flavor is vm.flavor:
            raise HttpError(400, "When resizing, instances must change flavor!")
        create_server.check_memory(vm.image, flavor)
        if (text := exceeded_by_resize(vm.project, vm.flavor, flavor)) is not None:
            raise HttpError(403, text)
        self._operations.resize(vm, flavor)
        return Response(status=202)

    def _confirm_resize(self, _: Request, vm: VM, __: object) -> Response:
        must_be(vm, "confirmResize", "resized")
        self._operations.confirm(vm)
        return Response(status=204)

    def _create_image(self, request: Request, vm: VM, argument: object) -> Response:
        wanted = msgspec.convert(argument, _CreateImage)
        must_be(vm, "createImage", "active", "stopped", "paused", "suspended")
        image = self._operations.snapshot(vm, wanted.name, wanted.metadata)
        if request.since(_BODY_SINCE):
            return Response({"image_id": image.id}, 202)
        return Response(None, 202, {"Location": f"{request.origin}/image/images/{image.id}"})


def _switch(
    action: str, states: Sequence[str], act: Callable[[VM], None], _: Request, vm: VM, __: object
) -> Response:
    must_be(vm, action, *states)
    act(vm)
    return Response(status=202)


def must_be(vm: VM, action: str, *states: str) -> None:
    """Raise HttpError where the VM's state does not allow an action."""
    if vm.task_state is not None:
        state = f"task_state {vm.task_state}"
    elif vm.vm_state not in states:
        state = f"vm_state {vm.vm_state}"
    else:
        return
    raise HttpError(409, f"Cannot '{action}' instance {vm.id} while it is in {state}")


def _filled(text: str, vm: VM) -> str:
    """The text of an error with its placeholders replaced."""
    values = {
        "vm": vm.id,
        "image": vm.image.id if vm.image else "",
        "flavor": vm.flavor.id,
        "network": vm.network.id if vm.network else "",
        "port": "5e9c1b0a-3d43-4c53-a3f5-0a3b2f1d6c11",
        "volume": "0b7d9c62-8f4e-4a0e-9d55-2f1f5cf0a7e3",
        "cores": str(vm.flavor.vcpus),
        "ram": str(vm.flavor.memory_mib),
    }
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
