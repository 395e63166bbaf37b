"""What is the same for all objects that are told one by one: the question, the pages, the bound."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.objects import Each
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.counting import Tally, is_anothers, pages
from stratoscope.clouds.openstack.client.extensions import extension
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query, pairs
from stratoscope.core.collector import Every

Row = TypeVar("Row")
Part = TypeVar("Part")

MOST: Final = 20_000
"""So many objects of a sort are told: the ports of 10,000 VMs with two each. Others are read, and counted."""


def nobody(_row: object) -> str | None:
    """For lists whose items others see as well: they tell nothing about the credential."""
    return None


def _is_admin(access: Access) -> bool:
    return access.is_admin


def parts(told: Iterable[Row] | None, made: Callable[[Row], Part], unknown: Part) -> tuple[Part, ...]:
    """What an object has several of; the one that is not known where it does not tell: it may have some."""
    return (unknown,) if told is None else tuple(map(made, told))


@dataclass(frozen=True, slots=True)
class ObjectList(Generic[Row]):
    """One list whose items are told one by one.

    Attributes:
        kind: The class of clouds/objects.py.
        made: An object of it from an item. Raises ValueError for one that makes no sense.
        cost: For the documentation: the requests that one refresh makes.
        hidden_owner: The project of an item that only those are shown who see all projects'; else None.
        extension: The one of Neutron's that it is a part of; "" for what each Neutron has.
        sees_all: Whether a token is told all, where no such item says so.
        queries: One for each reading of the list: Glance's is read again for the hidden ones.
    """

    name: str
    kind: type[msgspec.Struct]
    listing: Listing[Row]
    made: Callable[[Row], msgspec.Struct]
    cost: str
    hidden_owner: Callable[[Row], str | None] = nobody
    sees_all: Callable[[Access], bool] = _is_admin
    queries: Sequence[Query] = (WHOLE_PAGE,)
    extension: str = ""
    role: str = "admin; any other sees what its own project may use"

    @property
    def question(self) -> Question:
        """It is asked only where the configuration says so."""
        return Question(self.name, Each, Every(300, 120, 900), self.cost, self.role, is_on=False)

    async def ask(self, api: Api) -> Each:
        """As `read`; left out where it is part of an extension that is not there."""
        if not self.extension:
            return await self.read(api)
        async with extension(api, self.extension, self.listing.service):
            return await self.read(api)

    async def read(self, api: Api) -> Each:
        """All of them, each id once, up to the bound. Raises CollectError, LeftOutError: as Api."""
        access, tally = await api.access(), Tally(self.name)
        found: dict[str, msgspec.Struct] = {}
        beyond, is_whole = 0, self.sees_all(access)
        for query in self.queries:
            async for rows in pages(api, tally, self.listing, query):
                is_whole = is_whole or any(is_anothers(self.hidden_owner(row), access) for row in rows)
                beyond += self._take(rows, found, tally)
        self.listing.check(len(found), tally.malformed)
        is_whole = is_whole and not tally.is_cut
        return Each(self.kind, self.name, tuple(found.values()), beyond, is_whole, tally.malformed)

    def _take(self, rows: Sequence[Row], found: dict[str, msgspec.Struct], tally: Tally) -> int:
        """Put the objects of a page among those found; how many there was no room for."""
        beyond, identity = 0, self.kind.__struct_fields__[0]
        for row in rows:
            try:
                one = self.made(row)
            except ValueError:
                tally.malformed += 1
                continue
            if len(found) < MOST:
                found[getattr(one, identity)] = one
            else:
                beyond += 1
        return beyond


def fields_of(row: type[msgspec.Struct]) -> Query:
    """Neutron's query for the fields of a row alone."""
    names = (field.encode_name for field in msgspec.structs.fields(row))
    return [*pairs(WHOLE_PAGE), *(("fields", name) for name in names)]
