"""The objects that are shown one by one, a list for each sort; Neutron's are in network.py.

Source: Cinder's /volumes/detail with `all_tenants=1` (the host: role admin); Glance's /v2/images with
`visibility=all`, and again with `os_hidden=true`; Keystone's /v3/domains and /v3/projects (role admin), each
in one answer, without the projects that stand for a domain.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from stratoscope.clouds import objects
from stratoscope.clouds.abilities import Fetch, Question, Reader
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.fields import GIB, Id, Number, Text, enabled_state, moment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.each import network
from stratoscope.clouds.openstack.each.object_list import Fields, ObjectList, parts
from stratoscope.clouds.openstack.each.router_agents import RouterAgents


class _Attachment(msgspec.Struct, frozen=True, gc=False):
    """Attributes: host_name: Visible only to administrators; None also if Nova did not report it."""

    server_id: Id | None = None
    host_name: Text | None = None
    device: Text | None = None

    def shown(self) -> objects.Attachment:
        return objects.Attachment(self.server_id or "", self.host_name or "", self.device or "")


_VOLUME: Final = Fields(
    kind=objects.Volume,
    names={
        "project_id": "os-vol-tenant-attr:tenant_id",
        "backend": "os-vol-host-attr:host",
        "zone": "availability_zone",
        "is_encrypted": "encrypted",
        "is_multiattach": "multiattach",
        "gib": "size",
    },
    types={
        "gib": Number,
        "bootable": Text | bool,  # a truth value as text
        "created_at": datetime,
        "attachments": list[_Attachment],
    },
    made={
        "is_bootable": lambda row: None if row.bootable is None else str(row.bootable).lower() == "true",
        "size": lambda row: None if row.gib is None else row.gib * GIB,
        "created": lambda row: moment(row.created_at),
        "parts": lambda row: parts(row.attachments, _Attachment.shown, objects.Attachment("", "", "")),
    },
)
_IMAGE: Final = Fields(
    kind=objects.Image,
    names={"project_id": "owner", "is_hidden": "os_hidden", "is_protected": "protected"},
    types={"created_at": datetime},
    made={"created": lambda row: moment(row.created_at)},
)
_DOMAIN: Final = Fields(
    kind=objects.KeystoneDomain,
    names={"keystone_domain": "name", "text": "description"},
    types={"enabled": bool},
    made={"state": lambda row: enabled_state(row.enabled)},
)
_PROJECT: Final = Fields(
    kind=objects.Project,
    names={"keystone_domain_id": "domain_id", "text": "description"},
    types={"enabled": bool, "tags": list[Text]},
    made={
        "state": lambda row: enabled_state(row.enabled),
        "parts": lambda row: tuple(map(objects.Tag, row.tags or ())),
    },
)

_OF_ALL: Final = {**WHOLE_PAGE, "visibility": "all"}
_of_keystone: Final = partial(
    ObjectList, sees_all=Access.sees_all_domains, queries=({},), cost="1", role="admin"
)
LISTS: Final[Sequence[ObjectList]] = (
    *network.LISTS,
    ObjectList(
        _VOLUME,
        Listing("block-storage", "/volumes/detail", "volumes", _VOLUME.row()),
        hidden_owner=lambda row: row.project_id,
        queries=({**WHOLE_PAGE, "all_tenants": "1"},),
    ),
    ObjectList(
        _IMAGE,
        Listing("image", "/v2/images", "images", _IMAGE.row()),
        hidden_owner=lambda row: row.project_id if row.visibility == "private" else None,
        queries=(_OF_ALL, {**_OF_ALL, "os_hidden": "true"}),
        cost="2, and 1 for each further 1,000 images",
        role="admin; any other sees what it may boot",
    ),
    _of_keystone(_DOMAIN, Listing("identity", "/v3/domains", "domains", _DOMAIN.row())),
    _of_keystone(_PROJECT, Listing("identity", "/v3/projects", "projects", _PROJECT.row())),
)


class EachObject(Reader):
    """Its questions; off by default."""

    def __init__(self, api: Api) -> None:
        self._api, self._router_agents = api, RouterAgents(api)

    @classmethod
    def questions(cls) -> Sequence[Question]:
        return [*(one.question for one in LISTS), *RouterAgents.questions()]

    def fetches(self) -> Mapping[str, Fetch]:
        return {one.name: partial(one.read, self._api) for one in LISTS} | dict(self._router_agents.fetches())
