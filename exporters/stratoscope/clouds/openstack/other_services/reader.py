"""Reads a service of which only the agents are listed and the objects counted by state."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.model import Objects, OtherService
from stratoscope.clouds.openstack.agents import AgentList
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.counting import Tally
from stratoscope.clouds.openstack.client.fields import Id, Text
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query, pairs
from stratoscope.core.collector import Every

T = TypeVar("T")

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "admin_state_up": ("down", "up"),
    "maintenance": ("false", "true"),
}
"""Boolean fields, and the states for false and true; all other fields are texts."""


class States:
    """A list whose items are counted by each of their states."""

    def __init__(
        self,
        service: str,
        path: str,
        sorts: Mapping[str, str],
        *,
        identity: str = "id",
        query: Query = WHOLE_PAGE,
        **more: Any,
    ) -> None:
        """Make the type of the items from the fields that are counted.

        Args:
            sorts: The field with the state, by the sort that it is counted as (`model.Objects.sort`).
            identity: The field that tells items apart.
            more: As of Listing.
        """
        states = [(one, bool | None if one in _WORDS else Text | None, None) for one in sorts.values()]
        key = path.rpartition("/")[2]
        item = msgspec.defstruct(key, [(identity, Id), *states], frozen=True, gc=False)
        self._listing: Listing[Any] = Listing(service, path, key, item, **more)
        self._sorts, self._query = sorts, query

    async def count(self, api: Api, query: Query = (), *, is_whole: bool) -> Sequence[Objects]:
        """One count for each sort. Args: query: Additional parameters. Raises as Api."""
        tallies = {sort: Tally(sort) for sort in self._sorts}
        first = next(iter(tallies.values()))
        async for page in api.pages(self._listing, [*pairs(self._query), *pairs(query)]):
            first.malformed += page.malformed  # each of them once, however many states are counted
            for sort, tally in tallies.items():
                tally.is_cut = tally.is_cut or page.is_cut
                for item in page.items:
                    tally.add(_state(item, self._sorts[sort]), None)
        return [tally.objects(is_whole=is_whole) for tally in tallies.values()]

    async def by_role(self, api: Api, access: Access) -> Sequence[Objects]:
        """As `count`, for a list that has all projects' objects only with the role admin."""
        return await self.count(api, is_whole=access.is_admin)


def _state(item: object, field: str) -> str:
    value: bool | str | None = getattr(item, field)
    return _WORDS[field][value] if isinstance(value, bool) else value or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One service.

    Attributes:
        name: The question's.
        service: Its type in the catalogue.
        cost, role: As of Question.
        count: Counts its objects. Raises as Api.
        agents: None for a service that lists none.
        agents_since: The first microversion that has this list; "" if all have.
    """

    name: str
    service: str
    cost: str
    role: str
    count: Callable[[Api, Access], Awaitable[Sequence[Objects]]]
    agents: AgentList | None = None
    agents_query: Query = ()
    agents_since: str = ""

    @property
    def question(self) -> Question:
        return Question(
            name=self.name, answer=OtherService, every=Every(120, 60, 360), cost=self.cost, role=self.role
        )

    async def read(self, api: Api) -> OtherService:
        """The service. Raises as Api, and as `if_allowed`."""
        objects = await self.count(api, await api.access())
        malformed = sum(one.malformed for one in objects)
        answer = OtherService(self.service, (), tuple(objects), malformed)
        if not self.agents or (self.agents_since and not await api.knows(self.service, self.agents_since)):
            return answer
        listed = await if_allowed(api, self.agents.read(api, self.agents_query), None)
        if listed is None:
            return replace(answer, are_agents_listed=False)
        agents, odd = listed
        return replace(answer, agents=agents, malformed=malformed + odd, are_agents_listed=True)


async def if_allowed(api: Api, answer: Awaitable[T], otherwise: T) -> T:
    """The answer to a request that some credentials may not send; `otherwise` if it is refused.

    Raises NotThereError if an administrator gets 404: from others the service may hide the list so, but for
    an administrator it is broken.
    """
    try:
        return await answer
    except ForbiddenError:
        return otherwise
    except NotThereError:
        if (await api.access()).is_admin:
            raise
        return otherwise
