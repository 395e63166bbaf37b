"""Heat: engines and stacks. Source: /services (role admin), /stacks.

All projects' stacks (`global_tenant`) are denied to everybody by Heat's own default policy; then the
credential's own project's are counted.
"""

from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader
from stratoscope.clouds.model import Extra, Objects, Service
from stratoscope.clouds.openstack.client.api import Api, ForbiddenError
from stratoscope.clouds.openstack.client.fields import Id, Text, moment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.extras.extra import agents_of, counted, extra, other_service

_SERVICE: Final = "orchestration"


class _Stack(msgspec.Struct, frozen=True, gc=False):
    id: Id
    stack_status: Text = ""


class _Engine(msgspec.Struct, frozen=True, gc=False):
    binary: Text
    host: Text
    status: Text
    updated_at: datetime | None = None


_STACKS: Final = Listing(_SERVICE, "/stacks", "stacks", _Stack)
_ENGINES: Final = Listing(_SERVICE, "/services", "services", _Engine)


class Orchestration(Reader):
    """Heat's question."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @other_service(
        "orchestration",
        cost="2, and 1 for each further 1,000 stacks; 1 more where all stacks are denied",
        role="what Heat's policy names for `stacks:global_index`; any other sees its own stacks",
    )
    async def read(self) -> Extra:
        """Stacks by status; engines by host."""
        try:
            stacks = await self._stacks({**WHOLE_PAGE, "global_tenant": "true"}, is_whole=True)
        except ForbiddenError:
            stacks = await self._stacks(WHOLE_PAGE, is_whole=False)
        return extra(_SERVICE, await agents_of(self._api, _ENGINES, {}, _service), stacks)

    async def _stacks(self, query: dict[str, str], *, is_whole: bool) -> tuple[Objects, ...]:
        states = {"stacks": _status}
        return await counted(self._api, _STACKS, query, states, is_whole=is_whole)


def _status(stack: _Stack) -> str:
    return stack.stack_status


def _service(engine: _Engine) -> Service:
    """One of several engines of a host."""
    is_up = engine.status == "up"
    return Service(_SERVICE, engine.binary, engine.host, "", is_up, True, "", moment(engine.updated_at))
