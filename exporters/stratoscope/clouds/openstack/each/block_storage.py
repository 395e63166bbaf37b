"""Cinder's volumes one by one. Source: /volumes/detail with `all_tenants=1`; the host: role admin."""

from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds import objects
from stratoscope.clouds.openstack.client.fields import GIB, Id, Number, Text, moment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.each.object_list import ObjectList, ObjectRow, named, parts


class _Attachment(msgspec.Struct, frozen=True, gc=False):
    """Attributes: host_name: Shown to administrators alone; None also where Nova did not report it."""

    server_id: Id | None = None
    host_name: Text | None = None
    device: Text | None = None


class _Volume(
    ObjectRow,
    rename=named(
        "volume",
        project_id="os-vol-tenant-attr:tenant_id",
        backend="os-vol-host-attr:host",
        zone="availability_zone",
        is_encrypted="encrypted",
        is_multiattach="multiattach",
        gib="size",
    ),
):
    """Attributes: bootable: A truth value as text."""

    volume_id: Id
    state: Text = ""
    gib: Number | None = None
    volume_name: Text | None = None
    project_id: Id | None = None
    user_id: Id | None = None
    zone: Text | None = None
    backend: Text | None = None
    volume_type: Text | None = None
    bootable: Text | bool | None = None
    is_encrypted: bool | None = None
    is_multiattach: bool | None = None
    created_at: datetime | None = None
    attachments: list[_Attachment] | None = None

    @property
    def is_bootable(self) -> bool | None:
        return None if self.bootable is None else str(self.bootable).lower() == "true"

    @property
    def size(self) -> int | None:
        return None if self.gib is None else self.gib * GIB

    @property
    def created(self) -> float | None:
        return moment(self.created_at)

    @property
    def parts(self) -> tuple[objects.Attachment, ...]:
        return parts(
            self.attachments,
            lambda one: objects.Attachment(one.server_id or "", one.host_name or "", one.device or ""),
            objects.Attachment("", "", ""),
        )


LISTS: Final = (
    ObjectList(
        objects.Volume,
        Listing("block-storage", "/volumes/detail", "volumes", _Volume),
        hidden_owner=lambda row: row.project_id,
        queries=({**WHOLE_PAGE, "all_tenants": "1"},),
    ),
)
