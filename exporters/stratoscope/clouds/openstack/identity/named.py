"""What Keystone lists: projects, users and domains, each with its name. Keystone may end a list early."""

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.fields import Id, Text
from stratoscope.clouds.openstack.client.listing import Listing, Query


class Named(msgspec.Struct, frozen=True, gc=False):
    """A project, user, group, domain or region.

    Attributes:
        name, enabled: "" and None if a directory behind Keystone has none.
    """

    id: Id
    name: Text = ""
    domain_id: Id | None = None
    enabled: bool | None = None


class Found(msgspec.Struct, frozen=True):
    """What a list had.

    Attributes:
        malformed: How many made no sense.
        is_cut: There are more: it was truncated, or a part of it could not be read.
    """

    items: list[Named]
    malformed: int = 0
    is_cut: bool = False


async def read(api: Api, listing: Listing[Named], query: Query = ()) -> Found:
    """A whole list, as far as Keystone tells it. Raises as Api."""
    items: list[Named] = []
    malformed, is_cut = 0, False
    async for page in api.pages(listing, query):
        items += page.items
        malformed += page.malformed
        is_cut = is_cut or page.is_cut
    listing.check(len(items), malformed)
    return Found(items, malformed, is_cut)


def seen_by(access: Access, found: Found) -> Found:
    """What a list told: a part, where Keystone tells the token one domain's alone."""
    are_all = access.sees_all_domains(one.domain_id for one in found.items)
    return found if are_all else replace(found, is_cut=True)
