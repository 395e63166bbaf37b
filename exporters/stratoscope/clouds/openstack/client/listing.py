"""Lists of OpenStack's services: typed items, decoded from bytes, and the query for the next page.

A page is decoded at once. If that fails, each item is decoded by itself, and if that fails, each of its
fields (see by_field.py): only what is malformed is left out, and it is counted. An item with an `id` or
`uuid` is returned once: a list that changes while it is read may have it on two pages.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from stratoscope.clouds.openstack.client.by_field import ByField
from stratoscope.clouds.openstack.client.decoding import Decoder, check
from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")

_LIMIT: Final = re.compile(r"0*[1-9][0-9]{0,8}")

Query: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]
"""The query of a request; pairs if a name occurs more than once: Neutron's `fields`."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page.

    Attributes:
        malformed: Number of items, or fields with a default, that were malformed.
        next_query: The query for the next page; None on the last one.
        is_cut: The service reports that it truncated its list.
    """

    items: list[T]
    malformed: int = 0
    next_query: Query | None = None
    is_cut: bool = False


class Listing(Generic[T]):
    """One list of one service.

    Attributes:
        service: Its type in the catalogue: `compute`, `block-storage`.
        path: Below the endpoint: `/servers/detail`, `/v2.0/ports`; see catalogue.py.
        key: The key of the items in the answer.
        kind: The type of an item.
        operation: The label `operation` of its requests.
        version: The newest microversion that is understood; an older cloud uses its own newest one; "" for
            none.
        oldest: The oldest microversion that is understood; "" if items of a service without microversions
            are, too.
        headers: Additional headers of its requests: Designate's `X-Auth-All-Projects`.
        fields: The attributes of an item, by their names in the answer.
        is_repeated: An item on two pages is returned twice, since the second one may be newer.
    """

    def __init__(  # noqa: PLR0913 - what tells one list from another
        self,
        service: str,
        path: str,
        key: str,
        item: type[T],
        *,
        operation: str = "",
        version: str = "",
        oldest: str = "",
        headers: Mapping[str, str] | None = None,
        is_repeated: bool = False,
    ) -> None:
        self.service, self.path, self.key = service, path, key
        self.version, self.oldest = version, oldest
        self.operation, self.kind = operation or key, item
        self.headers = headers or {}
        names = zip(item.__struct_fields__, item.__struct_encode_fields__, strict=True)  # type: ignore[attr-defined]  # T is a Struct
        self.fields = {encoded: name for name, encoded in names}
        ids = [self.fields[one] for one in ("id", "uuid") if one in self.fields and not is_repeated]
        self._identity: Callable[[T], str | int] | None = attrgetter(ids[0]) if ids else None
        self._by_field: ByField[T] | None = None  # made when first needed
        whole = msgspec.defstruct(f"Whole_{key}", [("items", list[item], msgspec.field(name=key))])  # type: ignore[valid-type]  # a type at run time
        raw = msgspec.defstruct(
            f"Raw_{key}", [("items", list[msgspec.Raw] | None, msgspec.field(name=key, default=None))]
        )
        self._whole: Decoder[Any] = Decoder(whole)
        self._raw: Decoder[Any] = Decoder(raw)
        self._error = ""  # of the first item that made no sense, on the last page with one
        links = msgspec.defstruct(
            f"Links_{key}",
            [("links_of", list[_Link] | None, msgspec.field(name=f"{key}_links", default=None))],
            bases=(_Links,),
        )
        self._links: Decoder[Any] = Decoder(links)

    def items(self, body: bytes) -> tuple[list[T], int]:
        """The items of a page, and the number of malformed ones. Raises CollectError if it is no such
        list.
        """
        try:
            return self._whole.decode(body).items, 0
        except msgspec.DecodeError as error:
            return self._one_by_one(body, error)

    def next_query(self, body: bytes, first: Query = ()) -> Query | None:
        """The query for the page after this one; None if there is none.

        Only the query of the link is used: behind a proxy, its host often cannot be reached.

        Args:
            first: The query for the first page: parameters that the link lacks are added (without
                `all_tenants`, the next page would be one of another list).

        Raises CollectError `malformed` if the link is malformed: the rest of the list would be missing.
        """
        href = self._decode_links(body).href()
        if not href:
            return None
        link = parse_qsl(urlsplit(href).query, keep_blank_values=True)
        names = {name for name, _ in link}
        return [*(pair for pair in pairs(first) if pair[0] not in names), *link]

    def is_cut(self, body: bytes) -> bool:
        """Whether Keystone reports (`truncated`) that it cut its list after this page, at `list_limit`."""
        if b'"truncated"' not in body:  # much quicker than to decode it
            return False
        links = self._decode_links(body)
        return links.truncated is True and not links.href()

    def deduplicate(self) -> Callable[[list[T]], list[T]]:
        """For one reading of a list: the items of a page that no earlier page had, each once."""
        identity, known = self._identity, set[str | int]()
        if identity is None:
            return lambda items: items

        def new(items: list[T]) -> list[T]:
            mine = {identity(item): item for item in items if identity(item) not in known}
            known.update(mine)
            return [*mine.values()]

        return new

    def check(self, good: int, malformed: int) -> None:
        """Raise CollectError `malformed` if all items of a list are malformed: 0 would be an invented
        value.
        """
        if malformed and not good:
            what = f"{self.service}: {self.operation}: all {malformed} items are malformed"
            raise CollectError(Reason.MALFORMED, f"{what}: {self._error}")

    def _one_by_one(self, body: bytes, error: Exception) -> tuple[list[T], int]:
        try:
            check(body)
            raws = self._raw.decode(body).items
        except msgspec.DecodeError as worse:
            raise self._malformed(worse) from worse
        if raws is None:
            raise self._malformed(error) from error
        if self._by_field is None:
            self._by_field = ByField(self.kind)
        good, malformed, first = [], 0, ""
        for raw in raws:
            try:
                item, wrong = self._by_field.decode(raw)
            except msgspec.DecodeError as why:
                wrong = [str(why)]
            else:
                good.append(item)
            malformed += len(wrong)
            first = first or next(iter(wrong), "")
        self._error = first or self._error
        return good, malformed

    def _decode_links(self, body: bytes) -> "_Links":
        try:
            links: _Links = self._links.decode(body)
        except msgspec.DecodeError as error:
            raise self._malformed(error) from error
        return links

    def _malformed(self, error: Exception) -> CollectError:
        return CollectError(Reason.MALFORMED, f"{self.service}: {self.operation}: {error}")


class _Link(msgspec.Struct, frozen=True):
    rel: str | None = None
    href: str | None = None


class _Next(msgspec.Struct, frozen=True):
    next: str | None = None


class _Links(msgspec.Struct, frozen=True):
    """The three ways in which services report the next page.

    Attributes:
        truncated: Keystone's field; any value in lists of other services.
    """

    truncated: Any = None
    next: str | None = None
    links: _Next | list[_Link] | None = None
    links_of: list[_Link] | None = None

    def href(self) -> str | None:
        if self.next:
            return self.next
        if isinstance(self.links, _Next):
            return self.links.next
        links: list[_Link] = [*(self.links_of or ()), *(self.links or ())]
        return next((link.href for link in links if link.rel == "next"), None)


def pairs(query: Query) -> list[tuple[str, str]]:
    """The names and values of a query, in its order."""
    return [*query.items()] if isinstance(query, Mapping) else [*query]


def limit_of(query: Query) -> int | None:
    """How many items per page a query asks for."""
    limit = dict(pairs(query)).get("limit", "")
    return int(limit) if _LIMIT.fullmatch(limit) else None


def limited(query: Query, limit: int | None) -> Query:
    """The query for a number of items per page; None for the service's own number."""
    if limit is None:
        return [(name, value) for name, value in pairs(query) if name != "limit"]
    others = [(name, str(limit) if name == "limit" else value) for name, value in pairs(query)]
    return others if limit_of(others) else [*others, ("limit", str(limit))]


WHOLE_PAGE: Final = {"limit": "1000"}
"""Items per page that are requested of Nova, Neutron, Cinder and Glance; each reduces it to its own
maximum."""


def fields_of(row: type[msgspec.Struct], page: Query = WHOLE_PAGE) -> Query:
    """The query for only the fields of a row, as Neutron and Octavia understand it."""
    return [*pairs(page), *(("fields", name) for name in row.__struct_encode_fields__)]
