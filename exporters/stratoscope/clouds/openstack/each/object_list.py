"""What is the same for all objects that are shown one by one: the question, the pages, the bound."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.objects import Each
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.counting import Tally, is_anothers, pages
from stratoscope.clouds.openstack.client.extensions import extension
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query
from stratoscope.core.collector import Every

Row = TypeVar("Row")
Part = TypeVar("Part")

MOST: Final = 20_000
"""So many objects of a sort are shown: the ports of 10,000 VMs with two each. Others are counted."""


class ObjectRow(msgspec.Struct, frozen=True, gc=False):
    """An item of a list: its attributes bear the names of the fields of the class that it is shown as."""


def named(sort: str, **others: str) -> Mapping[str, str]:
    """The source's names of a row's fields. Args: others: Those that are not named as everywhere."""
    usual = {f"{sort}_id": "id", f"{sort}_name": "name", "state": "status", "is_admin_up": "admin_state_up"}
    return usual | others


def nobody(_row: object) -> str | None:
    """For lists whose items others see as well: they tell nothing about the credential."""
    return None


def _is_admin(access: Access) -> bool:
    return access.is_admin


def parts(known: Iterable[Row] | None, made: Callable[[Row], Part], unknown: Part) -> tuple[Part, ...]:
    """What an object has several of; the one that is not known where none is reported: it may have some."""
    return (unknown,) if known is None else tuple(map(made, known))


@dataclass(frozen=True, slots=True)
class ObjectList(Generic[Row]):
    """One list whose items are shown one by one.

    Attributes:
        kind: The class of clouds/objects.py.
        hidden_owner: The project of an item that is shown only to those who see all projects; else None.
        extension: Neutron's extension that it belongs to; "" for none.
        sees_all: Whether a token is shown all, if no such item says so.
        queries: One for each reading of the list: Glance's is read again for the hidden ones.
        cost: For the documentation; "" for 1 request per page.
    """

    kind: type[msgspec.Struct]
    listing: Listing[Row]
    hidden_owner: Callable[[Row], str | None] = nobody
    sees_all: Callable[[Access], bool] = _is_admin
    queries: Sequence[Query] = (WHOLE_PAGE,)
    extension: str = ""
    cost: str = ""
    role: str = "admin; any other sees what its own project may use"

    @property
    def _sort(self) -> str:
        return self.kind.__struct_fields__[0].removesuffix("_id")

    @property
    def name(self) -> str:
        """The question's."""
        return f"each_{self._sort}"

    @property
    def question(self) -> Question:
        """It is asked only where the configuration says so."""
        cost = self.cost or f"1 for each 1,000 {self._sort.replace('_', ' ')}s"
        return Question(self.name, Each, Every(300, 120, 900), cost, self.role, is_on=False)

    async def read(self, api: Api) -> Each:
        """All of them, each id once, up to the bound. Raises as Api, and `extension`."""
        access, tally = await api.access(), Tally(self.name)
        found: dict[str, msgspec.Struct] = {}
        beyond, is_whole = 0, self.sees_all(access)
        async with extension(api, self.extension, self.listing.service):
            for query in self.queries:
                async for rows in pages(api, tally, self.listing, query):
                    is_whole = is_whole or any(is_anothers(self.hidden_owner(row), access) for row in rows)
                    beyond += self._take(rows, found, tally)
        self.listing.check(len(found), tally.malformed)
        is_whole = is_whole and not tally.is_cut
        return Each(self.kind, self.name, tuple(found.values()), beyond, is_whole, tally.malformed)

    def _take(self, rows: Sequence[Row], found: dict[str, msgspec.Struct], tally: Tally) -> int:
        """Put the objects of a page among those found; how many there was no room for."""
        beyond, identity, *_ = 0, *self.kind.__struct_fields__
        texts = {field.name for field in msgspec.structs.fields(self.kind) if field.type is str}
        for row in rows:
            try:
                values = {name: getattr(row, name) for name in self.kind.__struct_fields__}
            except ValueError:  # a property that makes no sense
                tally.malformed += 1
                continue
            if len(found) < MOST:
                texts_of_it = {name: "" if values[name] is None else str(values[name]) for name in texts}
                found[values[identity]] = self.kind(**values | texts_of_it)
            else:
                beyond += 1
        return beyond
