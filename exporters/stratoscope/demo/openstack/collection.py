"""A list of a service, declared once: what is in it, who sees what, how it is filtered, and its pages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import msgspec

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.world.sorted_index import SortedIndex
from stratoscope.demo.world.world import World

T = TypeVar("T")
Test = Callable[[T], bool]

_CONTROLS: Final = frozenset(
    {"all_tenants", "deleted", "fields", "is_public", "limit", "marker", "sort", "sort_dir", "sort_key"}
)
"""Query parameters that filter nothing."""
MOST: Final = 1000
"""Items on a page at most."""


def _linked(request: Request, key: str, marker: str) -> Json:
    return {f"{key}_links": [{"rel": "next", "href": request.url(marker=marker)}]}


@dataclass(frozen=True)
class Collection(Generic[T]):
    """Attributes:
    path: Of the list, below the service's prefix.
    items: All objects in the order of the list: an index, or a sequence.
    view: One object, for the caller.
    key: Of the items in the body; "" for the one that the path names.
    rule: The policy rule of the list that only administrators pass; "" for none.
    sees: Whether the list has an object for the caller.
    filters: Values by query parameter, for which no view is made when a list is filtered by them; other
        parameters filter by what the view has.
    tests: Further tests that a request makes, with the parameters in `tested` among others.
    identity: The id of an object, as markers name it.
    next_link: What is beside the items of a page that is full, with the marker of the next one.
    refuses_markers: An unknown marker is an error; else the list begins anew.
    is_cached: Administrators get the bytes of an object that were made before, until it changes: lists of all
        VMs or ports would take long.
    """

    path: str
    items: Callable[[World], SortedIndex[Any] | Iterable[T]]
    view: Callable[[Request, T], Json]
    key: str = ""
    rule: str = ""
    sees: Callable[[Request, T], bool] = lambda _, __: True
    filters: Mapping[str, Callable[[T], object]] = field(default_factory=dict)
    tests: Callable[[Request], Iterable[Test[T]]] = lambda _: ()
    tested: frozenset[str] = frozenset()
    identity: Callable[[T], str] = lambda one: getattr(one, "id", "")
    next_link: Callable[[Request, str, str], Json] = _linked
    refuses_markers: bool = True
    is_cached: bool = False

    @property
    def route(self) -> Route:
        return Route("GET", self.path, self.respond, self.rule)

    def respond(self, request: Request) -> Response:
        """The requested page of the list. Raises HttpError for a wrong limit or marker."""
        text = request.query.get("limit", "")
        if text and not text.isdecimal():
            raise HttpError(400, f"limit must be an integer 0 or greater and not '{text}'.")
        limit = min(MOST, int(text or 0) or MOST)
        found = self._page(request, limit)
        key = self.key or self._last_word()
        more = self.next_link(request, key, self.identity(found[-1])) if len(found) == limit else {}
        rest = b"," + msgspec.json.encode(more)[1:] if more else b"}"
        items = b",".join(self._encoded(request, one) for one in found)
        return Response(b'{"%s":[%s]%s' % (key.encode(), items, rest))

    def _last_word(self) -> str:
        """`services` of `/v2.1/os-services`, `servers` of `/v2.1/servers/detail`."""
        return self.path.removesuffix("/detail").rpartition("/")[2].removeprefix("os-").replace("-", "_")

    def _page(self, request: Request, limit: int) -> Sequence[T]:
        items, marker = self.items(request.world), request.query.get("marker", "")
        names = {*request.query} - _CONTROLS - self.tested
        tests = [*self.tests(request), *(self._test(request, name) for name in names)]

        def is_wanted(one: T) -> bool:
            return self.sees(request, one) and all(test(one) for test in tests)

        if isinstance(items, SortedIndex):
            self._check(marker, is_known=marker in items)
            return items.page(limit, marker, keep=is_wanted)
        found = [one for one in items if is_wanted(one)]
        marked = [place for place, one in enumerate(found, 1) if marker and self.identity(one) == marker]
        self._check(marker, is_known=bool(marked))
        start = marked[0] if marked else 0
        return found[start : start + limit]

    def _check(self, marker: str, *, is_known: bool) -> None:
        if marker and self.refuses_markers and not is_known:
            raise HttpError(400, f"marker [{marker}] not found")

    def _test(self, request: Request, name: str) -> Test[T]:
        wanted = {value.lower() for value in request.query.getall(name)}
        if (value_of := self.filters.get(name)) is not None:
            return lambda one: str(value_of(one)).lower() in wanted
        return lambda one: str(self.view(request, one).get(name)).lower() in wanted

    def _encoded(self, request: Request, one: T) -> bytes:
        fields = request.query.getall("fields", ())

        def encode() -> bytes:
            view = self.view(request, one)
            chosen = {name: value for name, value in view.items() if name in fields} if fields else view
            return msgspec.json.encode(chosen)

        if not self.is_cached or not request.caller.is_admin:
            return encode()
        shown: Any = one  # a VM or a port, which keep their last view
        view = self.path, request.base, request.minor, tuple(fields)
        if shown.json_view != view:
            shown.json, shown.json_view = encode(), view
        json: bytes = shown.json
        return json
