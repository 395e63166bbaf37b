"""Barbican: how many secrets the credential's own project has. Source: /v1/secrets.

No role lists other projects' secrets, and nothing tells them by state: the state is empty.
"""

from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader
from stratoscope.clouds.model import Count, Extra, Objects
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.extras.extra import NO_AGENTS, extra, other_service

_SERVICE: Final = "key-manager"


class _Secrets(msgspec.Struct, frozen=True):
    total: int


class KeyManager(Reader):
    """Barbican's question."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @other_service(
        "key_manager",
        cost="1",
        role="any that may list secrets (creator, observer, admin): its own project's",
    )
    async def read(self) -> Extra:
        """The number of secrets; only one of them is asked for, and none of their payloads."""
        page = {"limit": "1"}
        secrets = await self._api.get(_SERVICE, "/v1/secrets", _Secrets, operation="secrets", params=page)
        count = Objects("secrets", {"": Count(secrets.total)}, None, {}, is_whole=False)
        return extra(_SERVICE, NO_AGENTS, (count,))
