"""Manila: services and shares. Source: /services (role admin), /shares/detail."""

from contextlib import aclosing
from typing import Any, Final

import msgspec

from stratoscope.clouds.abilities import Reader
from stratoscope.clouds.model import Extra, Objects
from stratoscope.clouds.openstack.agents import ServiceRow
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.counting import Tally
from stratoscope.clouds.openstack.client.fields import GIB, Id, Text, size
from stratoscope.clouds.openstack.client.listing import Listing, Page
from stratoscope.clouds.openstack.extras.extra import agents_of, extra, other_service

_SERVICE: Final = "shared-file-system"
_VERSION: Final = "2.7"
"""The first that spells its paths without `os-`."""


class _Share(msgspec.Struct, frozen=True, gc=False):
    id: Id
    status: Text = ""
    size: Any = None
    project_id: Id | None = None


_SHARES: Final = Listing(_SERVICE, "/shares/detail", "shares", _Share, version=_VERSION, oldest=_VERSION)
_SERVICES: Final = Listing(_SERVICE, "/services", "services", ServiceRow, version=_VERSION, oldest=_VERSION)


class SharedFileSystem(Reader):
    """Manila's question."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @other_service(
        "shared_file_system",
        cost="3, and 1 for each further 1,000 shares",
        role="admin; any other sees its own project's shares and public ones, and no services",
    )
    async def read(self) -> Extra:
        """Shares by status."""
        shares = await self._shares()
        services = await agents_of(self._api, _SERVICES, {}, lambda row: row.service(_SERVICE))
        return extra(_SERVICE, services, (shares,))

    async def _shares(self) -> Objects:
        """By offset: of the marker in Manila's link to the next page its list of shares takes no notice."""
        tally = Tally("shares", is_sized=True)
        seen: set[str] = set()
        lost = 0
        while page := await self._page(len(seen) + lost):
            new = [share for share in page.items if share.id not in seen]
            if page.items and not new:
                break  # it takes no notice of the offset
            seen.update(share.id for share in new)
            lost += page.malformed
            tally.malformed += page.malformed
            for share in new:
                tally.add(share.status, share.project_id, size(share.size, GIB))
            if not new:
                break
        return tally.objects(is_whole=(await self._api.access()).is_admin)

    async def _page(self, offset: int) -> Page[_Share] | None:
        query = {"all_tenants": "1", "offset": str(offset)}  # without `limit`: with it comes the link
        async with aclosing(self._api.pages(_SHARES, query)) as pages:
            return await anext(pages, None)
