"""The steps `volume_created` and `volume_attached`. Sources: Cinder's POST /volumes and GET /volumes/{id},
Nova's POST /servers/{id}/os-volume_attachments; any role.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stratoscope.clouds.lifecycle import (
    Object,
    Phase,
    RunReason,
    StepError,
    StepLeftOutError,
    Underway,
)
from stratoscope.clouds.openstack.client.fields import PathId, Text, segment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.lifecycle.description import Description
from stratoscope.clouds.openstack.lifecycle.errors import step_translated
from stratoscope.clouds.openstack.lifecycle.marks import mark_in, metadata
from stratoscope.clouds.openstack.lifecycle.requests import found

VOLUME: Final = "volume"
"""The kind of its Object."""
SERVICE: Final = "block-storage"
PATH: Final = "/volumes"


class Volume(msgspec.Struct, frozen=True):
    """One of `volumes`."""

    id: PathId
    status: Text
    name: Text | None = None
    metadata: dict[str, str] = {}

    @property
    def object(self) -> Object:
        return Object(VOLUME, self.id, self.name or "", mark_in(self.metadata))


class VolumeAnswer(msgspec.Struct, frozen=True):
    volume: Volume

    @property
    def item(self) -> Volume:
        return self.volume


class _Attached(msgspec.Struct, frozen=True):
    """What Nova answers; nothing of it is needed."""


VOLUMES: Final = Listing(SERVICE, "/volumes/detail", "volumes", Volume)


def query(tag: str, project_id: str) -> Query:  # noqa: ARG001 - without `all_tenants` it lists one project's
    """For the list; Cinder filters by no beginning of a name."""
    return WHOLE_PAGE


async def status_of(api: Session, volume_id: str) -> str | None:
    """The status of a volume; None if it is gone."""
    answer = await found(api, SERVICE, PATH, volume_id, VolumeAnswer, "volume")
    return None if answer is None else answer.volume.status


class CreatingVolume:
    """Implements Step: a volume is available, empty or with the image."""

    phase: Phase = Phase.VOLUME_CREATED
    creates: str = VOLUME
    seen: str = ""

    def __init__(self, api: Session, described: Description) -> None:
        self.is_before_request: bool = described.boot_volume is not None
        self._api, self._described = api, described

    async def begin(self, run: Underway) -> Object:
        with step_translated(RunReason.VOLUME):
            answer = await self._api.change(
                "POST", SERVICE, PATH, VolumeAnswer, operation="volume_create", body=self._body(run)
            )
        return Object(VOLUME, answer.volume.id, run.mark.name, run.mark)

    async def has_ended(self, run: Underway) -> bool:
        status = await _status(self._api, run)
        self.seen = f"the volume is {status}"
        return status == "available"

    def _body(self, run: Underway) -> Mapping[str, Any]:
        described, mark = self._described, run.mark
        volume: dict[str, Any] = {
            "size": described.volume_size,
            "name": mark.name,
            "metadata": metadata(mark),
        }
        if described.volume_type:
            volume["volume_type"] = described.volume_type
        if described.boot_volume is not None:
            volume["imageRef"] = run.resolved.image_id
        return {"volume": volume}


class AttachingVolume:
    """Implements Step: the volume of the step before is attached to the VM."""

    phase: Phase = Phase.VOLUME_ATTACHED
    creates: str = ""
    is_before_request: bool = False
    seen: str = ""

    def __init__(self, api: Session) -> None:
        self._api = api

    async def begin(self, run: Underway) -> None:
        volume = run.objects.get(Phase.VOLUME_CREATED)
        if volume is None:
            raise StepLeftOutError("no volume was created")
        with step_translated(RunReason.VOLUME):
            await self._api.change(
                "POST",
                "compute",
                f"/servers/{segment(run.vm_id)}/os-volume_attachments",
                _Attached,
                operation="volume_attach",
                body={"volumeAttachment": {"volumeId": volume.id}},
            )

    async def has_ended(self, run: Underway) -> bool:
        """Whether the volume is in use. Nova reserves it before it answers."""
        status = await _status(self._api, run)
        self.seen = f"the volume is {status}"
        if status == "available":
            raise StepError(RunReason.VOLUME, "the volume is available again: it could not be attached")
        return status == "in-use"


async def _status(api: Session, run: Underway) -> str:
    """The status of the run's volume. Raises StepError if it is in error or gone."""
    with step_translated(RunReason.VOLUME):
        status = await status_of(api, run.objects[Phase.VOLUME_CREATED].id)
    if status is None:
        raise StepError(RunReason.VOLUME, "the volume has disappeared, not by the probe")
    if status.startswith("error"):
        raise StepError(RunReason.VOLUME, f"the volume is in the state {status}")
    return status
