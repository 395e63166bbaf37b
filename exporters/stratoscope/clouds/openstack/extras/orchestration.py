"""Heat: engines and stacks. Source: /services (role admin), /stacks.

All projects' stacks (`global_tenant`) are denied to everybody by Heat's own default policy; then the
credential's own project's are counted.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.model import Extra, Objects, Service
from stratoscope.clouds.openstack.api import Api, ForbiddenError
from stratoscope.clouds.openstack.extras.extra import counted, extra, extra_question, if_allowed
from stratoscope.clouds.openstack.fields import Id, Text, moment
from stratoscope.clouds.openstack.listing import WHOLE_PAGE, Listing

_SERVICE: Final = "orchestration"


class _Stack(msgspec.Struct, frozen=True, gc=False):
    id: Id
    stack_status: Text


class _Engine(msgspec.Struct, frozen=True, gc=False):
    binary: Text
    host: Text
    status: Text
    updated_at: datetime | None = None


_STACKS: Final = Listing(_SERVICE, "/stacks", "stacks", _Stack)
_ENGINES: Final = Listing(_SERVICE, "/services", "services", _Engine)


class Orchestration:
    """Heat's question."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def questions(self) -> Sequence[Question[Extra]]:
        return (
            extra_question(
                "orchestration",
                self.read,
                cost="2, and 1 for each further 1,000 stacks; 1 more where all stacks are denied",
                role="what Heat's policy names for `stacks:global_index`; any other sees its own stacks",
            ),
        )

    async def read(self) -> Extra:
        """Stacks by status; engines by host."""
        try:
            stacks = await self._stacks({**WHOLE_PAGE, "global_tenant": "true"}, is_whole=True)
        except ForbiddenError:
            stacks = await self._stacks(WHOLE_PAGE, is_whole=False)
        engines, malformed = await if_allowed(self._api.items(_ENGINES), ([], 0))
        return extra(_SERVICE, (_hosts(engines), malformed), stacks)

    async def _stacks(self, query: dict[str, str], *, is_whole: bool) -> tuple[Objects, ...]:
        states = {"stacks": _status}
        return await counted(self._api, _STACKS, query, states, is_whole=is_whole)


def _status(stack: _Stack) -> str:
    return stack.stack_status


def _hosts(engines: Iterable[_Engine]) -> tuple[Service, ...]:
    """One for each host and binary: it has several engines, and those that died stay listed for a while."""
    by_host: dict[tuple[str, str], list[_Engine]] = {}
    for engine in engines:
        by_host.setdefault((engine.binary, engine.host), []).append(engine)
    return tuple(_service(*of, engines_of) for of, engines_of in by_host.items())


def _service(binary: str, host: str, engines: Sequence[_Engine]) -> Service:
    heartbeats = [moment(engine.updated_at) or 0.0 for engine in engines]
    is_up = any(engine.status == "up" for engine in engines)
    return Service(_SERVICE, binary, host, "", is_up, True, "", max(heartbeats) or None)
