"""The common part of all objects that are shown one by one: question, pages, limit."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import FieldInfo

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.objects import Each
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.counting import Tally, is_anothers, pages
from stratoscope.clouds.openstack.client.extensions import extension
from stratoscope.clouds.openstack.client.fields import Id, Number, Text
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query
from stratoscope.core.collector import Every

Part = TypeVar("Part")
P = TypeVar("P")

MOST: Final = 20_000
"""Limit on the objects of a sort that are shown: the ports of 10,000 VMs with two each. Others are
counted."""
_SOURCE: Final = {"state": "status", "is_admin_up": "admin_state_up"}
"""The services' names of these fields; an object's own id and name are `id` and `name`."""


def nobody(_row: object) -> str | None:
    """For lists whose items others see as well: they do not show whether the credential sees all."""
    return None


def _is_admin(access: Access) -> bool:
    return access.is_admin


def parts(known: Iterable[P] | None, made: Callable[[P], Part], unknown: Part) -> tuple[Part, ...]:
    """The parts of an object; one unknown part if none is reported, since it may have some."""
    return (unknown,) if known is None else tuple(map(made, known))


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """How an item of a list becomes an object of a class of clouds/objects.py.

    Attributes:
        kind: The class. An item has its fields, by the names in `names`, and those of `types`.
        names: The source's names of fields, unless they are the class's, or in _SOURCE.
        needed: Required fields of an item, besides its id.
        types: The types of fields that the class lacks, or has with another type.
        made: Fields of the class that are computed from other fields. Raises ValueError for malformed ones.
    """

    kind: type[msgspec.Struct]
    names: Mapping[str, str] = {}
    needed: Sequence[str] = ()
    types: Mapping[str, Any] = {}
    made: Mapping[str, Callable[[Any], Any]] = {}

    @property
    def sort(self) -> str:
        return self.kind.__struct_fields__[0].removesuffix("_id")

    def row(self) -> type[msgspec.Struct]:
        """The type of an item; an optional field that is malformed is None."""
        names = {f"{self.sort}_id": "id", f"{self.sort}_name": "name", **_SOURCE, **self.names}
        fields = msgspec.structs.fields(self.kind)
        types = {one.name: _type(one) for one in fields if one.name not in self.made} | dict(self.types)
        needed = (f"{self.sort}_id", *self.needed)
        return msgspec.defstruct(
            self.sort,
            [
                *((name, types[name]) for name in needed),
                *((name, kind | None, None) for name, kind in types.items() if name not in needed),
            ],
            frozen=True,
            gc=False,
            rename=names,
        )

    def objects(self, rows: Iterable[msgspec.Struct]) -> Iterator[msgspec.Struct | None]:
        """The object of each item; None for a malformed one."""
        fields = msgspec.structs.fields(self.kind)
        texts = {one.name for one in fields if one.type is str}
        readers = {one.name: self.made.get(one.name) or attrgetter(one.name) for one in fields}
        for row in rows:
            try:
                values = {name: read(row) for name, read in readers.items()}
            except ValueError:
                yield None
            else:
                shown = {name: "" if values[name] is None else str(values[name]) for name in texts}
                yield self.kind(**values | shown)


def _type(field: FieldInfo) -> Any:
    """The type as which a field is read: id, text, number, or boolean."""
    if field.type is str:
        return Id if field.name.endswith("_id") else Text
    return bool if field.type == bool | None else Number


@dataclass(frozen=True, slots=True)
class ObjectList:
    """One list whose items are shown one by one.

    Attributes:
        fields: What an item has.
        hidden_owner: The project of an item that is visible only to a credential that sees all projects; else
            None.
        extension: Neutron's extension that it belongs to; "" for none.
        sees_all: Whether a token sees all projects, if no such item shows that it does.
        queries: One for each reading of the list: Glance's is read a second time, for hidden images.
        cost: For the documentation; "" for 1 request per page.
    """

    fields: Fields
    listing: Listing[Any]
    hidden_owner: Callable[[Any], str | None] = nobody
    sees_all: Callable[[Access], bool] = _is_admin
    queries: Sequence[Query] = (WHOLE_PAGE,)
    extension: str = ""
    cost: str = ""
    role: str = "admin; any other sees what its own project may use"

    @property
    def name(self) -> str:
        """The question's."""
        return f"each_{self.fields.sort}"

    @property
    def question(self) -> Question:
        """The question; off by default."""
        cost = self.cost or f"1 for each 1,000 {self.fields.sort.replace('_', ' ')}s"
        return Question(
            name=self.name, answer=Each, every=Every(300, 120, 900), cost=cost, role=self.role, is_on=False
        )

    async def read(self, api: Api) -> Each:
        """All objects, each id once, up to the limit. Raises as Api, and as `extension`."""
        access, tally = await api.access(), Tally(self.name)
        kind = self.fields.kind
        identity = attrgetter(kind.__struct_fields__[0])
        found: dict[str, msgspec.Struct] = {}
        beyond, is_whole = 0, self.sees_all(access)
        async with extension(api, self.extension, self.listing.service):
            for query in self.queries:
                async for rows in pages(api, tally, self.listing, query):
                    is_whole = is_whole or any(is_anothers(self.hidden_owner(row), access) for row in rows)
                    for one in self.fields.objects(rows):
                        if one is None:
                            tally.malformed += 1
                        elif len(found) < MOST:
                            found[identity(one)] = one
                        else:
                            beyond += 1
        self.listing.check(len(found), tally.malformed)
        is_whole = is_whole and not tally.is_cut
        return Each(
            kind=kind,
            collector=self.name,
            objects=tuple(found.values()),
            beyond=beyond,
            is_whole=is_whole,
            malformed=tally.malformed,
        )
