"""Keystone's domains and projects one by one. Source: /v3/domains and /v3/projects; role admin.

Keystone lists them in one answer each. Projects that stand for a domain are not on the list.
"""

from functools import partial
from typing import Final

from stratoscope.clouds import objects
from stratoscope.clouds.openstack.client.api import Access
from stratoscope.clouds.openstack.client.fields import Id, Text, enabled_state
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.clouds.openstack.each.object_list import ObjectList, ObjectRow, named


class _Enabled(ObjectRow, rename={"text": "description"}):
    text: str | None = None
    enabled: bool | None = None

    @property
    def state(self) -> str:
        return enabled_state(self.enabled)


class _Domain(_Enabled, kw_only=True, rename=named("keystone_domain", keystone_domain="name")):
    keystone_domain_id: Id
    keystone_domain: Text = ""


class _Project(_Enabled, kw_only=True, rename=named("project", keystone_domain_id="domain_id")):
    project_id: Id
    project_name: Text = ""
    keystone_domain_id: Id | None = None
    parent_id: Id | None = None
    tags: list[Text] | None = None

    @property
    def parts(self) -> tuple[objects.Tag, ...]:
        return tuple(map(objects.Tag, self.tags or ()))


_list: Final = partial(ObjectList, sees_all=Access.sees_all_domains, queries=({},), cost="1", role="admin")
LISTS: Final = (
    _list(objects.KeystoneDomain, Listing("identity", "/v3/domains", "domains", _Domain)),
    _list(objects.Project, Listing("identity", "/v3/projects", "projects", _Project)),
)
