"""Keystone: domains, groups and regions, counted. Source: /v3/domains, groups and regions; role admin."""

from collections.abc import Callable
from typing import Final

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.model import Objects, OtherService
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.counting import Tally
from stratoscope.clouds.openstack.client.fields import enabled_state
from stratoscope.clouds.openstack.client.listing import Listing, Page
from stratoscope.clouds.openstack.identity.by_domain import MOST, ByDomain
from stratoscope.clouds.openstack.identity.named import Named, read
from stratoscope.clouds.openstack.other_services.reader import if_allowed
from stratoscope.core.collector import Every

_DOMAINS: Final = Listing("identity", "/v3/domains", "domains", Named)
_REGIONS: Final = Listing("identity", "/v3/regions", "regions", Named)


class Keystone(Reader):
    """The question about the objects that `projects` lacks."""

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._api = api
        self._groups = ByDomain(api, "groups", clock)

    @question(
        "identity",
        Every(600, 60, 1800),
        cost="3; where Keystone lists one Keystone domain's groups alone, or the token is for the system, 1 "
        f"more for each Keystone domain in turn, at most {MOST}",
        role="admin",
        is_on=False,
    )
    async def read(self) -> OtherService:
        """Domains by whether they are enabled, groups and regions. Raises as Api."""
        access = await self._api.access()
        domains = await read(self._api, _DOMAINS)
        ids = [one.id for one in domains.items]
        are_all = access.sees_all_domains(ids) and not domains.is_cut
        groups, odd = await self._groups.read(access, ids, are_all=are_all and not domains.malformed)
        regions = await if_allowed(self._api, read(self._api, _REGIONS), None)
        objects = (
            _objects("keystone_domains", domains, lambda one: enabled_state(one.enabled), are_all=are_all),
            _objects("groups", groups or Page[Named]([], is_cut=True), lambda _: "", are_all=True),
            _objects("regions", regions or Page[Named]([], is_cut=True), lambda _: "", are_all=True),
        )
        malformed = sum(one.malformed for one in objects) + (0 if groups else odd)
        return OtherService("identity", (), objects, malformed)


def _objects(sort: str, found: Page[Named], state: Callable[[Named], str], *, are_all: bool) -> Objects:
    """The counts; empty if the list is only a part."""
    tally = Tally(sort)
    tally.malformed, tally.is_cut = found.malformed, found.is_cut or not are_all
    for one in found.items:
        tally.add(state(one), None)
    return tally.objects(is_whole=True)
