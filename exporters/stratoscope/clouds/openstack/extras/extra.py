"""What the readers of services share that are not asked in depth: agents, and objects counted by state.

None of these services runs where this project is tested: the readers are tested on the samples of the
services' API references.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.model import Extra, Objects, Service
from stratoscope.clouds.openstack.agents import once
from stratoscope.clouds.openstack.api import Api, ForbiddenError, NotThereError
from stratoscope.clouds.openstack.counting import Tally
from stratoscope.clouds.openstack.listing import Listing, Query
from stratoscope.core.collector import Every

T = TypeVar("T")


def extra_question(
    name: str, ask: Callable[[], Awaitable[Extra]], *, cost: str, role: str
) -> Question[Extra]:
    """The one question to such a service."""
    return Question(name, Extra, ask, Every(120, 60, 360), cost=cost, role=role)


async def if_allowed(answer: Awaitable[T], otherwise: T) -> T:
    """An answer that not every credential gets, or not every release gives."""
    try:
        return await answer
    except (ForbiddenError, NotThereError):
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


async def agents_of(
    api: Api, listing: Listing[T], query: Query, service: Callable[[T], Service]
) -> tuple[tuple[Service, ...], int]:
    """Agents as they are listed, and how many made no sense; none where the credential may not list them."""
    items, malformed = await if_allowed(api.items(listing, query), ([], 0))
    return once(map(service, items)), malformed


def extra(service: str, agents: tuple[tuple[Service, ...], int], objects: tuple[Objects, ...]) -> Extra:
    """The whole answer. Args: agents: As `agents_of` has them."""
    found, malformed = agents
    return Extra(service, found, objects, malformed + sum(one.malformed for one in objects))


NO_AGENTS: Final[tuple[tuple[Service, ...], int]] = ((), 0)
