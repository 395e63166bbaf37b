"""Cinder's volumes: their view, POST /volumes, GET and DELETE /volumes/{volume}."""

from typing import Annotated, Final

import msgspec

from stratoscope.demo.openstack.glance import visible_image
from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.quotas import exceeded_by_volume
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import micro, shown
from stratoscope.demo.world import storage
from stratoscope.demo.world.models import Image, Pool, Volume

_DEFAULT_TYPE: Final = "__DEFAULT__"
_GIB: Final = 1 << 30
_FREE: Final = frozenset({"available", "error", "error_restoring", "error_extending", "error_managing"})
_NOT_FREE: Final = (
    "Invalid volume: Volume status must be available or error or error_restoring or error_extending or "
    "error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a "
    "transfer, or be disassociated from snapshots after volume transfer."
)
"""cinder/volume/api.py, delete."""


class _Volume(msgspec.Struct, rename={"image": "imageRef", "type": "volume_type"}):
    size: Annotated[int, msgspec.Meta(ge=1)]
    name: str = ""
    type: str = _DEFAULT_TYPE
    image: str | None = None
    metadata: dict[str, str] = {}


class _Body(msgspec.Struct):
    volume: _Volume


def view(request: Request, one: Volume) -> Json:
    fields: Json = {
        **shown(one, "id", "status", "name", "metadata", size="size_gib"),
        "availability_zone": "nova",
        "created_at": micro(one.created),
        "updated_at": micro(one.updated),
        "volume_type": one.pool.type_name,
        "user_id": one.user.id,
        "bootable": "true" if one.has_image else "false",
        "encrypted": False,
        "multiattach": False,
        "attachments": _attachments(request, one),
        "os-vol-tenant-attr:tenant_id": one.project.id,
    }
    host = f"{one.pool.host}#{one.pool.name}"
    return fields | ({"os-vol-host-attr:host": host} if request.caller.is_admin else {})


def _attachments(request: Request, one: Volume) -> list[Json]:
    if one.vm is None or one.status in ("reserved", "attaching"):
        return []
    host = one.vm.host.name if one.vm.host and request.caller.is_admin else None
    return [{"server_id": one.vm.id, "host_name": host, "device": one.device}]


def _create(request: Request) -> Response:
    """Answered 413 over quota."""
    request.only_member("volume:create")
    project, wanted = request.caller.project, request.body(_Body).volume
    if project is None:
        raise request.denied("volume:create")
    image, pool = _image(request, wanted), _pool(request, wanted.type)
    if (text := exceeded_by_volume(project, wanted.size)) is not None:
        raise HttpError(413, text)
    volume = Volume(
        serial=request.world.serial(),
        id=request.world.dice.uuid(),
        name=wanted.name,
        metadata=wanted.metadata,
        project=project,
        user=request.caller.user,
        size_gib=wanted.size,
        pool=pool,
        image=image,
        created=request.now,
        updated=request.now,
    )
    return Response({"volume": view(request, storage.create(request.world, volume))}, 202)


def _image(request: Request, wanted: _Volume) -> Image | None:
    """The image to copy to the volume; None for an empty volume."""
    if wanted.image is None:
        return None
    image = visible_image(request, wanted.image)
    if image is None:
        raise HttpError(400, "Invalid image identifier or unable to access requested image.")
    size_gib = -(-(image.size or 0) // _GIB)
    if size_gib > wanted.size:
        text = f"Size of specified image {size_gib}GB is larger than volume size {wanted.size}GB."
        raise HttpError(400, f"Invalid input received: {text}")
    if image.min_disk_gib > wanted.size:
        text = f"Volume size {wanted.size}GB cannot be smaller than the image minDisk size"
        raise HttpError(400, f"Invalid input received: {text} {image.min_disk_gib}GB.")
    return image


def _pool(request: Request, kind: str) -> Pool:
    """The backend of a volume type, by the type's name or id."""
    for pool in request.world.pools:
        if kind in (pool.type_name, pool.type_id):
            return pool
    raise HttpError(404, f"Volume type with name {kind} could not be found.")


def _find(request: Request) -> Volume:
    one = request.world.volumes.get(request.args["volume"])
    if one is None or not request.caller.sees(one.project):
        raise HttpError(404, f"Volume {request.args['volume']} could not be found.")
    return one


def _show(request: Request) -> Response:
    return Response({"volume": view(request, _find(request))})


def _delete(request: Request) -> Response:
    volume = _find(request)
    request.only_member("volume:delete")
    has_snapshots = any(one.volume is volume for one in request.world.snapshots)
    if volume.status not in _FREE or volume.vm is not None or has_snapshots:
        raise HttpError(400, _NOT_FREE)
    storage.delete(request.world, volume)
    return Response(status=202)


ROUTES: Final = (
    Route("POST", "/v3/volumes", _create),
    Route("GET", "/v3/volumes/{volume}", _show),
    Route("DELETE", "/v3/volumes/{volume}", _delete),
)
