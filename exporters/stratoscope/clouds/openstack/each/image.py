"""Glance's images one by one. Source: /v2/images with `visibility=all`, and again with `os_hidden=true`."""

from datetime import datetime
from typing import Final

from stratoscope.clouds import objects
from stratoscope.clouds.openstack.client.fields import Id, Number, Text, moment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.each.object_list import ObjectList, ObjectRow, named


class _Image(
    ObjectRow, rename=named("image", project_id="owner", is_hidden="os_hidden", is_protected="protected")
):
    """Attributes: size: Bytes; None until there are data."""

    image_id: Id
    state: Text = ""
    image_name: Text | None = None
    project_id: Id | None = None
    visibility: Text = ""
    is_hidden: bool | None = None
    is_protected: bool | None = None
    disk_format: Text | None = None
    container_format: Text | None = None
    size: Number | None = None
    created_at: datetime | None = None

    @property
    def created(self) -> float | None:
        return moment(self.created_at)


_ALL: Final = {**WHOLE_PAGE, "visibility": "all"}
LISTS: Final = (
    ObjectList(
        objects.Image,
        Listing("image", "/v2/images", "images", _Image),
        hidden_owner=lambda row: row.project_id if row.visibility == "private" else None,
        queries=(_ALL, {**_ALL, "os_hidden": "true"}),
        cost="2, and 1 for each further 1,000 images",
        role="admin; any other sees what it may boot",
    ),
)
