"""Cinder's volumes one by one. Source: /volumes/detail with `all_tenants=1`; the host: role admin."""

from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds import objects
from stratoscope.clouds.openstack.client.fields import GIB, Id, Number, Text, moment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.each.object_list import ObjectList, parts


class _Attachment(msgspec.Struct, frozen=True, gc=False):
    """Attributes: host_name: Told to administrators alone; None also where Nova did not tell it."""

    server_id: Id | None = None
    host_name: Text | None = None
    device: Text | None = None


class _Volume(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"project_id": "os-vol-tenant-attr:tenant_id", "host": "os-vol-host-attr:host"},
):
    """Attributes: size: GiB. bootable: A truth value as text."""

    id: Id
    status: Text = ""
    size: Number | None = None
    name: Text | None = None
    project_id: Id | None = None
    user_id: Id | None = None
    availability_zone: Text | None = None
    host: Text | None = None
    volume_type: Text | None = None
    bootable: Text | bool | None = None
    encrypted: bool | None = None
    multiattach: bool | None = None
    created_at: datetime | None = None
    attachments: list[_Attachment] | None = None


def _volume(row: _Volume) -> objects.Volume:
    return objects.Volume(
        row.id,
        row.name or "",
        row.project_id or "",
        row.user_id or "",
        row.availability_zone or "",
        row.host or "",
        row.volume_type or "",
        None if row.bootable is None else str(row.bootable).lower() == "true",
        row.encrypted,
        row.multiattach,
        row.status,
        None if row.size is None else row.size * GIB,
        moment(row.created_at),
        parts(
            row.attachments,
            lambda one: objects.Attachment(one.server_id or "", one.host_name or "", one.device or ""),
            objects.Attachment("", "", ""),
        ),
    )


LISTS: Final = (
    ObjectList(
        "each_volume",
        objects.Volume,
        Listing("block-storage", "/volumes/detail", "volumes", _Volume),
        _volume,
        cost="1 for each 1,000 volumes",
        hidden_owner=lambda row: row.project_id,
        queries=({**WHOLE_PAGE, "all_tenants": "1"},),
    ),
)
