"""A collection of Neutron's API: filters, fields and pages are the same for all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.service import Route, cached, encoded, listed
from stratoscope.demo.world.models import Port
from stratoscope.demo.world.sorted_index import Identified, SortedIndex

T = TypeVar("T", bound=Identified)

_CONTROLS: Final = frozenset({"fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir"})


@dataclass(frozen=True, kw_only=True)
class Collection(Generic[T]):
    """Attributes:
    singular: Its name in responses; the plural with dashes is its path.
    index: All objects.
    view: One object, for the caller.
    is_visible: Whether a caller who is no administrator may see an object.
    error: The type of the error for an unknown object.
    missing: The message of that error, with `{}` for the id.
    filters: Values of attributes for which no view is made when a list is filtered by them.
    """

    singular: str
    index: SortedIndex[T]
    view: Callable[[Request, T], Json]
    is_visible: Callable[[Request, T], bool]
    error: str
    missing: str
    filters: Mapping[str, Callable[[T], str]] = field(default_factory=dict)

    @property
    def plural(self) -> str:
        return f"{self.singular}s"

    def routes(self) -> Iterable[Route]:
        path = f"/v2.0/{self.plural.replace('_', '-')}"
        yield Route("GET", path, self._list)
        yield Route("GET", f"{path}/", self._list)
        yield Route("GET", f"{path}/{{one}}", self._show)

    def _list(self, request: Request) -> Response:
        limit, tests = _limit_of(request), list(self._tests(request))
        items = self.index.page(
            limit,
            request.query.get("marker", ""),
            keep=lambda one: all(test(one) for test in tests),
            backwards=request.flag("page_reverse"),
        )
        fields = request.query.getall("fields", ())
        links = self._links(request, [one.id for one in items], limit)
        return Response(listed(self.plural, [self._item(request, one, fields) for one in items], links))

    def _show(self, request: Request) -> Response:
        identity = request.args["one"]
        one = self.index.get(identity)
        if one is None or not (request.caller.is_admin or self.is_visible(request, one)):
            raise HttpError(404, self.missing.format(identity), self.error)
        fields = request.query.getall("fields", ())
        return Response({self.singular: selected(self.view(request, one), fields)})

    def _item(self, request: Request, one: T, fields: Sequence[str]) -> bytes:
        def view() -> Json:
            return selected(self.view(request, one), fields)

        if isinstance(one, Port) and request.caller.is_admin:
            return cached(one, tuple(fields), view)
        return encoded(view())

    def _tests(self, request: Request) -> Iterable[Callable[[T], bool]]:
        if not request.caller.is_admin:
            yield lambda one: self.is_visible(request, one)
        for name in set(request.query) - _CONTROLS:
            yield self._test(request, name, {value.lower() for value in request.query.getall(name)})

    def _test(self, request: Request, name: str, wanted: set[str]) -> Callable[[T], bool]:
        if (value_of := self.filters.get(name)) is not None:
            return lambda one: value_of(one).lower() in wanted
        sample = next(iter(self.index), None)
        if sample is not None and name not in self.view(request, sample):
            raise HttpError(400, f"['{name}'] is invalid attribute for filtering", "HTTPBadRequest")
        return lambda one: str(self.view(request, one).get(name)).lower() in wanted

    def _links(self, request: Request, ids: Sequence[str], limit: int | None) -> Json:
        """The link to the next page, if this one is full, and always one to the page before."""
        if limit is None:
            return {}
        here = f"{request.base}{request.path}"
        links: list[Json] = []
        if len(ids) == limit:
            query = request.query_for({"marker": ids[-1]}, ("page_reverse",))
            links.append({"rel": "next", "href": f"{here}?{query}"})
        back = {"marker": ids[0]} if ids else {}
        query = request.query_for({**back, "page_reverse": "True"}, ("marker",))
        links.append({"rel": "previous", "href": f"{here}?{query}"})
        return {f"{self.plural}_links": links}


def selected(view: Json, fields: Sequence[str]) -> Json:
    """The requested fields of a view; all where the request names none."""
    return {name: value for name, value in view.items() if name in fields} if fields else view


def _limit_of(request: Request) -> int | None:
    """The limit of a list; None for none. Raises HttpError where it is no such number."""
    text = request.query.get("limit", "0")
    if not text.isdecimal():
        message = f"Bad limit request: Limit must be an integer 0 or greater and not '{text}'."
        raise HttpError(400, message, "BadRequest")
    return int(text) or None
