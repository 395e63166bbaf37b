"""Keystone's domains and projects one by one. Source: /v3/domains and /v3/projects; role admin.

Keystone lists them in one answer each. Projects that stand for a domain are not on the list.
"""

from typing import Final

import msgspec

from stratoscope.clouds import objects
from stratoscope.clouds.openstack.client.api import Access
from stratoscope.clouds.openstack.client.fields import Id, Text, enabled_state
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.clouds.openstack.each.object_list import ObjectList


class _Domain(msgspec.Struct, frozen=True, gc=False):
    id: Id
    name: Text = ""
    description: str | None = None
    enabled: bool | None = None


def _domain(row: _Domain) -> objects.KeystoneDomain:
    return objects.KeystoneDomain(row.id, row.name, row.description or "", enabled_state(row.enabled))


class _Project(msgspec.Struct, frozen=True, gc=False):
    id: Id
    name: Text = ""
    domain_id: Id | None = None
    parent_id: Id | None = None
    description: str | None = None
    enabled: bool | None = None
    tags: list[Text] = []


def _project(row: _Project) -> objects.Project:
    return objects.Project(
        row.id,
        row.name,
        row.domain_id or "",
        row.parent_id or "",
        row.description or "",
        enabled_state(row.enabled),
        tuple(objects.Tag(one) for one in row.tags),
    )


_ROLE: Final = "admin"
LISTS: Final = (
    ObjectList(
        "each_keystone_domain",
        objects.KeystoneDomain,
        Listing("identity", "/v3/domains", "domains", _Domain),
        _domain,
        cost="1",
        queries=({},),
        sees_all=Access.sees_all_domains,
        role=_ROLE,
    ),
    ObjectList(
        "each_project",
        objects.Project,
        Listing("identity", "/v3/projects", "projects", _Project),
        _project,
        cost="1",
        queries=({},),
        sees_all=Access.sees_all_domains,
        role=_ROLE,
    ),
)
