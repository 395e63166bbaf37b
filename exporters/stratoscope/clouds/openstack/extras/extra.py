"""What the readers of services share that are not asked in depth: agents, and objects counted by state.

None of these services runs where this project is tested: the readers are tested on the samples of the
services' API references.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, NamedTuple, TypeVar

from stratoscope.clouds.abilities import question
from stratoscope.clouds.model import Extra, Objects, Service
from stratoscope.clouds.openstack.agents import once
from stratoscope.clouds.openstack.client.api import Api, ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.counting import Tally
from stratoscope.clouds.openstack.client.listing import Listing, Query
from stratoscope.core.collector import Every

T = TypeVar("T")


class Agents(NamedTuple):
    """What a service's list of agents came to.

    Attributes:
        are_listed: False where the credential may not list them; None where there is no such list.
    """

    found: tuple[Service, ...] = ()
    malformed: int = 0
    are_listed: bool | None = None


NO_AGENTS: Final = Agents()


other_service: Final = partial(question, every=Every(120, 60, 360))
"""Marks what answers the one question to such a service."""


async def if_allowed(api: Api, answer: Awaitable[T], otherwise: T) -> T:
    """An answer that not every credential gets.

    Raises:
        NotThereError: An administrator is answered 404, which nobody needs to hide from: it is out of order.
    """
    try:
        return await answer
    except ForbiddenError:
        return otherwise
    except NotThereError:
        if (await api.access()).is_admin:
            raise
        return otherwise


async def counted(
    api: Api,
    listing: Listing[T],
    query: Query,
    states: Mapping[str, Callable[[T], str]],
    *,
    is_whole: bool,
) -> tuple[Objects, ...]:
    """The items of a list, counted once by each of their states.

    Args:
        states: By sort, how to tell an item's state.
    """
    tallies = {sort: Tally(sort) for sort in states}
    first = next(iter(tallies.values()))
    async for page in api.pages(listing, query):
        first.malformed += page.malformed  # each of them once, however many states are counted
        for tally in tallies.values():
            tally.is_cut = tally.is_cut or page.is_cut
        for item in page.items:
            for sort, state in states.items():
                tallies[sort].add(state(item), None)
    return tuple(tally.objects(is_whole=is_whole) for tally in tallies.values())


async def agents_of(api: Api, listing: Listing[T], query: Query, service: Callable[[T], Service]) -> Agents:
    """Agents as they are listed. Raises as Api, and as `if_allowed`."""
    answer = await if_allowed(api, api.items(listing, query), None)
    if answer is None:
        return Agents(are_listed=False)
    items, malformed = answer
    return Agents(once(map(service, items)), malformed, are_listed=True)


def extra(service: str, agents: Agents, objects: tuple[Objects, ...]) -> Extra:
    """The whole answer."""
    malformed = agents.malformed + sum(one.malformed for one in objects)
    return Extra(service, agents.found, objects, malformed, agents.are_listed)
