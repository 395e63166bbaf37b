"""Glance's images one by one. Source: /v2/images with `visibility=all`, and again with `os_hidden=true`."""

from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds import objects
from stratoscope.clouds.openstack.client.fields import Id, Number, Text, moment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.each.object_list import ObjectList


class _Image(msgspec.Struct, frozen=True, gc=False):
    """Attributes: size: Bytes; None until there are data."""

    id: Id
    status: Text = ""
    name: Text | None = None
    owner: Id | None = None
    visibility: Text = ""
    os_hidden: bool | None = None
    protected: bool | None = None
    disk_format: Text | None = None
    container_format: Text | None = None
    size: Number | None = None
    created_at: datetime | None = None


def _image(row: _Image) -> objects.Image:
    return objects.Image(
        row.id,
        row.name or "",
        row.owner or "",
        row.visibility,
        row.os_hidden,
        row.protected,
        row.disk_format or "",
        row.container_format or "",
        row.status,
        row.size,
        moment(row.created_at),
    )


_ALL: Final = {**WHOLE_PAGE, "visibility": "all"}
LISTS: Final = (
    ObjectList(
        "each_image",
        objects.Image,
        Listing("image", "/v2/images", "images", _Image),
        _image,
        cost="2, and 1 for each further 1,000 images",
        hidden_owner=lambda row: row.owner if row.visibility == "private" else None,
        queries=(_ALL, {**_ALL, "os_hidden": "true"}),
        role="admin; any other sees what it may boot",
    ),
)
