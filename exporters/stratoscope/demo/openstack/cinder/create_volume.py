"""The body of POST /volumes, checked as Cinder checks it."""

import re
from typing import Final

import msgspec

from stratoscope.demo.openstack.glance import visible_image
from stratoscope.demo.openstack.http_request import HttpError, Request
from stratoscope.demo.openstack.quotas import exceeded_by_volume
from stratoscope.demo.world.models import Image, Pool, Volume

_DEFAULT_TYPE: Final = "__DEFAULT__"
_GIB: Final = 1 << 30
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


class _Body(msgspec.Struct):
    volume: dict[str, object]


class _Typed(msgspec.Struct, rename={"image_ref": "imageRef"}):
    size: int
    name: str | None = None
    description: str | None = None
    volume_type: str | None = None
    image_ref: str | None = None
    metadata: dict[str, str] | None = None


def read(request: Request) -> Volume:
    """The volume that a body requests; not yet added to the world.

    Raises:
        HttpError: With Cinder's message: 400 for what is wrong, 404 for an unknown type, 413 over quota.
    """
    project, user = request.caller.project, request.caller.user
    if project is None or "member" not in request.caller.roles:
        raise request.denied("volume:create")
    wanted = _typed(_fields(request))
    image = _image(request, wanted)
    pool = _pool(request, wanted.volume_type or _DEFAULT_TYPE)
    if (text := exceeded_by_volume(project, wanted.size)) is not None:
        raise HttpError(413, text)
    return Volume(
        serial=request.world.serial(),
        id=request.world.dice.uuid(),
        name=wanted.name or "",
        description=wanted.description,
        metadata=wanted.metadata or {},
        project=project,
        user=user,
        size_gib=wanted.size,
        pool=pool,
        image=image,
        created=request.now,
        updated=request.now,
    )


def _fields(request: Request) -> dict[str, object]:
    malformed = "There is no such action: create. Verify the request body."
    return request.body(_Body, lacks="'volume' is a required property", malformed=malformed).volume


def _typed(fields: dict[str, object]) -> _Typed:
    size = fields.get("size")
    if "size" not in fields:
        raise _invalid("volume", fields, "'size' is a required property")
    if isinstance(size, int) and size < 1:
        raise _invalid("size", size, f"{size} is less than the minimum of 1")
    try:
        return msgspec.convert(fields, _Typed, strict=False)  # Cinder takes "1" for a number, too
    except msgspec.ValidationError as error:
        raise _invalid("volume", fields, str(error)) from error


def _image(request: Request, wanted: _Typed) -> Image | None:
    """The image to copy to the volume; None for an empty volume."""
    if not wanted.image_ref:
        return None
    image = visible_image(request, wanted.image_ref.rpartition("/")[2])
    if image is None:
        raise HttpError(400, "Invalid image identifier or unable to access requested image.")
    if image.status != "active":
        raise _refused(f"Image {image.id} is not active.")
    size_gib = -(-(image.size or 0) // _GIB)
    if size_gib > wanted.size:
        text = f"Size of specified image {size_gib}GB is larger than volume size {wanted.size}GB."
        raise _refused(text)
    if image.min_disk_gib > wanted.size:
        text = (
            f"Volume size {wanted.size}GB cannot be smaller than the image minDisk size "
            f"{image.min_disk_gib}GB."
        )
        raise _refused(text)
    return image


def _pool(request: Request, kind: str) -> Pool:
    """The backend of a volume type, by the type's name or id."""
    for pool in request.world.pools:
        if kind in (pool.volume_type.name, pool.volume_type.id):
            return pool
    name = kind if _UUID.fullmatch(kind) else f"with name {kind}"
    raise HttpError(404, f"Volume type {name} could not be found.")


def _refused(why: str) -> HttpError:
    return HttpError(400, f"Invalid input received: {why}")


def _invalid(field: str, value: object, why: str) -> HttpError:
    return HttpError(400, f"Invalid input for field/attribute {field}. Value: {value}. {why}")
