"""The step `snapshot`: an image of the VM. Sources: Nova's action createImage, Glance's GET
/v2/images/{id}; any role.
"""

from typing import Final

import msgspec

from stratoscope.clouds.lifecycle import Object, Phase, RunReason, StepError, Underway
from stratoscope.clouds.openstack.client.fields import PathId, Text, segment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle.errors import step_translated
from stratoscope.clouds.openstack.lifecycle.marks import TAG, mark_in, metadata
from stratoscope.clouds.openstack.lifecycle.requests import found

IMAGE: Final = "image"
"""The kind of its Object."""
SERVICE: Final = "image"
PATH: Final = "/v2/images"

_WITH_ID: Final = "2.45"
"""The microversion from which on the answer has the image's id in its body."""
_UNDERWAY: Final = frozenset({"queued", "saving", "importing", "uploading"})


class Image(
    msgspec.Struct,
    frozen=True,
    rename={
        "tag": "stratoscope_tag",
        "probe": "stratoscope_probe",
        "run": "stratoscope_run",
        "deadline": "stratoscope_deadline",
    },
):
    """One of `images`, with the mark among its properties."""

    id: PathId
    status: Text
    name: Text | None = None
    tag: Text | None = None
    probe: Text | None = None
    run: Text | None = None
    deadline: Text | None = None

    @property
    def object(self) -> Object:
        names = zip(self.__struct_fields__, self.__struct_encode_fields__, strict=True)
        values = {encoded: getattr(self, name) for name, encoded in names}
        mark = mark_in({key: value for key, value in values.items() if value is not None})
        return Object(IMAGE, self.id, self.name or "", mark)

    @property
    def item(self) -> "Image":
        return self


class _Accepted(msgspec.Struct, frozen=True):
    image_id: PathId


IMAGES: Final = Listing(SERVICE, PATH, "images", Image)


def query(tag: str, project_id: str) -> Query:
    """For the list: the project's images with this tag."""
    return {**WHOLE_PAGE, "owner": project_id, TAG: tag}


class TakingSnapshot:
    """Implements Step: an image of the VM is active."""

    phase: Phase = Phase.SNAPSHOT
    creates: str = IMAGE
    is_before_request: bool = False
    seen: str = ""

    def __init__(self, api: Session) -> None:
        self._api = api

    async def begin(self, run: Underway) -> Object:
        body = {"createImage": {"name": run.mark.name, "metadata": metadata(run.mark)}}
        path, operation = f"/servers/{segment(run.vm_id)}/action", "image_create"
        with step_translated(RunReason.IMAGE):
            if await self._api.knows("compute", _WITH_ID):
                answer = await self._api.change(
                    "POST", "compute", path, _Accepted, operation=operation, body=body, version=_WITH_ID
                )
                image_id = answer.image_id
            else:
                where = await self._api.location("POST", "compute", path, operation=operation, body=body)
                image_id = where.rstrip("/").rpartition("/")[2]
        if not image_id.strip(".") or not image_id.isascii():
            raise StepError(RunReason.API_ERROR, "Nova does not name the image", is_unknown=True)
        return Object(IMAGE, image_id, run.mark.name, run.mark)

    async def has_ended(self, run: Underway) -> bool:
        one = run.objects[Phase.SNAPSHOT]
        with step_translated(RunReason.IMAGE):
            image = await found(self._api, SERVICE, PATH, one.id, Image, "image")
        if image is None:
            raise StepError(RunReason.IMAGE, "the image has disappeared: Nova deletes one that fails")
        if image.status != "active" and image.status not in _UNDERWAY:
            raise StepError(RunReason.IMAGE, f"the image is in the state {image.status}")
        self.seen = f"the image is {image.status}"
        return image.status == "active"
