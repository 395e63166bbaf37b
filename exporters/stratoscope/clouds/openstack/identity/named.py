"""Keystone's lists of projects, users and domains, with names. Keystone may truncate a list."""

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.fields import Id, Text
from stratoscope.clouds.openstack.client.listing import Listing, Page, Query


class Named(msgspec.Struct, frozen=True, gc=False):
    """A project, user, group, domain or region.

    Attributes:
        name, enabled: "" and None if a directory behind Keystone has none.
    """

    id: Id
    name: Text = ""
    domain_id: Id | None = None
    enabled: bool | None = None


async def read(api: Api, listing: Listing[Named], query: Query = ()) -> Page[Named]:
    """A complete list as one page; truncated if there are more items than Keystone lists. Raises as Api."""
    items: list[Named] = []
    malformed, is_cut = 0, False
    async for page in api.pages(listing, query):
        items += page.items
        malformed += page.malformed
        is_cut = is_cut or page.is_cut
    listing.check(len(items), malformed)
    return Page(items, malformed, is_cut=is_cut)


def seen_by(access: Access, found: Page[Named]) -> Page[Named]:
    """The list as seen with a token: a part if Keystone lists only one domain for it."""
    are_all = access.sees_all_domains(one.domain_id for one in found.items)
    return found if are_all else replace(found, is_cut=True)
