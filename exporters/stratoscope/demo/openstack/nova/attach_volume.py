"""POST /servers/{server}/os-volume_attachments; and the volumes that a request for a server names."""

from typing import Final

import msgspec

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.nova.servers import find, must_be
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.world import storage
from stratoscope.demo.world.models import VM, Volume

_STATES: Final = ("active", "paused", "stopped", "resized", "suspended")
"""VM states in which Nova attaches a volume."""


class _Attachment(msgspec.Struct, rename={"volume_id": "volumeId"}):
    volume_id: str
    delete_on_termination: bool = False


class _Body(msgspec.Struct, rename={"attachment": "volumeAttachment"}):
    attachment: _Attachment


def _attach(request: Request) -> Response:
    vm = find(request)
    lacks = "'volumeAttachment' with 'volumeId' is a required property"
    wanted = request.body(_Body, lacks=lacks).attachment
    volume = visible_volume(request, wanted.volume_id)
    if volume is None:
        raise HttpError(404, f"Volume {wanted.volume_id} could not be found.")
    must_be(vm, "attach_volume", *_STATES)
    check_free(request, volume)
    storage.attach(request.world, volume, vm, is_deleted_with_vm=wanted.delete_on_termination)
    return Response({"volumeAttachment": _view(request, vm, volume)})


ROUTES: Final = (Route("POST", "/servers/{server}/os-volume_attachments", _attach),)


def visible_volume(request: Request, identity: str) -> Volume | None:
    """The volume of an id; None for an unknown one and for one of another project."""
    volume = request.world.volumes.get(identity)
    return volume if volume is not None and request.caller.owns(volume.project) else None


def check_free(request: Request, volume: Volume, prefix: str = "") -> None:
    """Raise HttpError unless a volume can be reserved: in Cinder's words, as Nova passes them on."""
    if volume.status != "available":
        text = (
            f"{prefix}Invalid input received: Invalid volume: Volume {volume.id} status must be available or "
            f"downloading to reserve, but the current status is {volume.status}. (HTTP 400) "
            f"(Request-ID: {request.request_id})"
        )
        raise HttpError(400, text)


def _view(request: Request, vm: VM, volume: Volume) -> Json:
    """nova/api/openstack/compute/volume_attachments.py, create: the device is known beforehand."""
    device = f"/dev/vd{'abcdefghijklmnopqrstuvwxyz'[len(vm.volumes) - (vm.image is None)]}"
    additions: dict[int, Json] = {
        70: {"tag": None},
        79: {"delete_on_termination": volume.is_deleted_with_vm},
    }
    shown: Json = {"id": volume.id, "serverId": vm.id, "volumeId": volume.id, "device": device}
    return shown | request.newer(additions)
