"""A collection of Neutron's: filters, fields and pages are the same for all."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.service import Route, encoded, listed
from stratoscope.demo.openstack.shelf import Shelf

T = TypeVar("T")

_CONTROLS: Final = frozenset({"fields", "limit", "marker", "page_reverse", "sort_key", "sort_dir"})


@dataclass(frozen=True)
class Collection(Generic[T]):
    """Attributes:
    plural, singular: Its names in answers; the plural with dashes is its path.
    missing: Of what is not there: the error's type, and its message with `{}` for the id.
    shelf: All of them.
    view: One of them, for whoever asks.
    is_visible: Whether somebody who is no administrator may see one.
    quick: Values of those attributes that can be filtered by without a view.
    keep: Remembers the bytes of an item for one way to see it, where that is worth it.
    """

    plural: str
    singular: str
    missing: tuple[str, str]
    shelf: Shelf[T, str]
    identity: Callable[[T], str]
    view: Callable[[Ask, T], Json]
    is_visible: Callable[[Ask, T], bool]
    quick: dict[str, Callable[[T], str]]
    keep: "Callable[[T, object, Callable[[], bytes]], bytes] | None" = None

    def routes(self) -> Iterable[Route]:
        path = f"/v2.0/{self.plural.replace('_', '-')}"
        yield Route("GET", path, self._list)
        yield Route("GET", f"{path}/", self._list)
        yield Route("GET", f"{path}/{{one}}", self._show)

    def _list(self, ask: Ask) -> Answer:
        limit = limit_of(ask)
        is_reversed = ask.flag("page_reverse")
        marker = ask.query.get("marker", "")
        tests = list(self._tests(ask))
        things = self.shelf.page(
            limit, marker, keep=lambda one: all(test(one) for test in tests), backwards=is_reversed
        )
        fields = ask.query.getall("fields", ())
        items = [self._item(ask, one, fields) for one in things]
        links = self._links(ask, [self.identity(one) for one in things], limit)
        return Answer(listed(self.plural, items, **links))

    def _show(self, ask: Ask) -> Answer:
        wanted = ask.args["one"]
        thing = self.shelf.get(wanted)
        if thing is None or not (ask.who.is_admin or self.is_visible(ask, thing)):
            kind, text = self.missing
            raise RefusalError(404, text.format(wanted), kind)
        return Answer({self.singular: only(self.view(ask, thing), ask.query.getall("fields", ()))})

    def _item(self, ask: Ask, thing: T, fields: Sequence[str]) -> bytes:
        def made() -> bytes:
            return encoded(only(self.view(ask, thing), fields))

        if self.keep is None or not ask.who.is_admin:
            return made()
        return self.keep(thing, tuple(fields), made)

    def _tests(self, ask: Ask) -> Iterable[Callable[[T], bool]]:
        if not ask.who.is_admin:
            yield lambda one: self.is_visible(ask, one)
        for name in set(ask.query) - _CONTROLS:
            wanted = {value.lower() for value in ask.query.getall(name)}
            yield self._test(ask, name, wanted)

    def _test(self, ask: Ask, name: str, wanted: set[str]) -> Callable[[T], bool]:
        if (quick := self.quick.get(name)) is not None:
            return lambda one: quick(one).lower() in wanted
        sample = next(iter(self.shelf), None)
        if sample is not None and name not in self.view(ask, sample):
            raise RefusalError(400, f"['{name}'] is invalid attribute for filtering", "HTTPBadRequest")
        return lambda one: str(self.view(ask, one).get(name)).lower() in wanted

    def _links(self, ask: Ask, ids: Sequence[str], limit: int | None) -> Json:
        """To the page after this one, if this one is full, and always to the one before."""
        if limit is None:
            return {}
        here = f"{ask.base}{ask.path}"
        links: list[Json] = []
        if len(ids) == limit:
            links.append({"rel": "next", "href": f"{here}?{_query(ask, {'marker': ids[-1]})}"})
        back = {"marker": ids[0]} if ids else {}
        links.append({"rel": "previous", "href": f"{here}?{_query(ask, {**back, 'page_reverse': 'True'})}"})
        return {f"{self.plural}_links": links}


def only(shown: Json, fields: Sequence[str]) -> Json:
    """Those of the fields that are wanted, in their own order; all where none is named."""
    return {name: value for name, value in shown.items() if name in fields} if fields else shown


def limit_of(ask: Ask) -> int | None:
    """How many are wanted; None for all.

    Raises:
        RefusalError: It is no such number.
    """
    said = ask.query.get("limit")
    if said is None:
        return None
    if not said.isdecimal():
        text = f"Bad limit request: Limit must be an integer 0 or greater and not '{said}'."
        raise RefusalError(400, text, "BadRequest")
    return int(said) or None


def _query(ask: Ask, page: dict[str, str]) -> str:
    """The query of a link: as it was asked, but for another page."""
    old = [(name, value) for name, value in ask.query.items() if name not in ("marker", "page_reverse")]
    return "&".join(f"{name}={value}" for name, value in (*old, *page.items()))
