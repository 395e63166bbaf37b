"""Keystone: domains, groups and regions, counted. Source: /v3/domains, groups and regions; role admin."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.model import Extra
from stratoscope.clouds.openstack.api import Api
from stratoscope.clouds.openstack.extras.extra import NO_AGENTS, counted, extra, extra_question
from stratoscope.clouds.openstack.fields import Id, enabled_state
from stratoscope.clouds.openstack.listing import Listing
from stratoscope.core.collector import Every


class _Domain(msgspec.Struct, frozen=True, gc=False):
    id: Id
    enabled: bool | None = None


class _Named(msgspec.Struct, frozen=True, gc=False):
    id: Id


_DOMAINS: Final = Listing("identity", "/v3/domains", "domains", _Domain)
_GROUPS: Final = Listing("identity", "/v3/groups", "groups", _Named)
_REGIONS: Final = Listing("identity", "/v3/regions", "regions", _Named)


class Keystone:
    """The question about what `projects` does not tell."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def questions(self) -> Sequence[Question[Extra]]:
        return (
            replace(
                extra_question("identity", self.read, cost="3", role="admin"),
                every=Every(600, 60, 1800),
                is_on=False,
            ),
        )

    async def read(self) -> Extra:
        """Domains by whether they are enabled, groups and regions. Raises as Api."""
        domains = await counted(
            self._api,
            _DOMAINS,
            {},
            {"keystone_domains": lambda one: enabled_state(one.enabled)},
            is_whole=True,
        )
        groups = await counted(self._api, _GROUPS, {}, {"groups": lambda _: ""}, is_whole=True)
        regions = await counted(self._api, _REGIONS, {}, {"regions": lambda _: ""}, is_whole=True)
        return extra("identity", NO_AGENTS, domains + groups + regions)
