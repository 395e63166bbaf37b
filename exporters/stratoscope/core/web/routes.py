"""The routes of an exporter: path, who may ask, and the function that answers."""

import enum
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

from aiohttp import web
from multidict import MultiDict

from stratoscope.core.collector import Collector
from stratoscope.core.runner import Runner, Status
from stratoscope.core.web import forms
from stratoscope.core.web.forms import FormTokens

T = TypeVar("T")

TOKEN: Final = "token"  # noqa: S105 - the name of a part of a path
"""The part of a path that holds a token."""
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_CORES: Final = frozenset({"-", "collectors", "config", "metrics", "static"})
"""First segments of core's own paths."""
_VARIABLE: Final = re.compile(r"\{[^\W\d]\w*(?=[:}])")
_PATH: Final = re.compile(r"/(?:([A-Za-z0-9._~-]+)(?:/[^/]+)*/?)?")


class Anyone(enum.Enum):
    """Who may ask, for a route without a role."""

    OPEN = "open"
    LOGGED_IN = "logged in"
    AS_METRICS = "as /metrics"


OPEN, LOGGED_IN, AS_METRICS = Anyone.OPEN, Anyone.LOGGED_IN, Anyone.AS_METRICS
"""AS_METRICS: whoever may scrape: the users of the web configuration; without users, everybody."""


class Role:
    """Askers with one of these roles: `Role("editor", "admin")`."""

    __slots__ = ("names",)

    def __init__(self, *names: str) -> None:
        self.names = names


@dataclass(frozen=True, slots=True)
class UrlToken:
    """Askers who know the token, the variable `{token}` of the path: for feeds, whose readers cannot log in.

    Attributes:
        hashes: Called with the open parts and the variables of the path; returns the SHA-256 (hexadecimal
            digits) of the valid tokens. It must be cheap: anybody may have it called.
    """

    hashes: Callable[[Mapping[str, Any], Mapping[str, str]], Awaitable[Iterable[str]]]


Who: TypeAlias = Anyone | Role | UrlToken


@dataclass(frozen=True, slots=True)
class Asker:
    """Who sends a request. Without a name it is anybody, on an open route or with a token in the URL.

    Attributes:
        name: The user's name; `token:NAME` for a bearer token; `loopback` if nobody can log in.
    """

    name: str = ""
    roles: frozenset[str] = frozenset()


class NotOpenedError(KeyError):
    """A handler needs a part that is not opened yet; the answer is 503."""


class OpenedParts(Mapping[str, Any]):
    """The values of the open parts, by the part's name; a missing one raises NotOpenedError."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self._parts = parts

    def __getitem__(self, name: str) -> Any:
        if name not in self._parts:
            raise NotOpenedError(name)
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was admitted.

    Attributes:
        http: aiohttp's request; `http.match_info` has the variables of the path, decoded: `/` may occur.
        asker: Who asks.
        opened: The value of each open part (`Opened.value`), by the part's name.
    """

    http: web.Request
    asker: Asker
    opened: Mapping[str, Any]
    _tokens: FormTokens = field(repr=False)
    _html: Callable[..., str] = field(repr=False)
    _runners: Sequence[Runner] = field(default=(), repr=False)

    @property
    def csrf(self) -> str:
        """The token for this asker's forms, in `<input type=hidden name=csrf autocomplete=off>`."""
        return self._tokens.token(self.asker.name)

    def page(self, template: str, /, *, status: int = 200, **values: object) -> web.Response:
        """A page from one of the exporter's templates, which gets the values and `request`."""
        path, is_known = self.http.rel_url.raw_path, bool(self.asker.name)
        html = self._html(path, template, with_warnings=is_known, request=self, **values)
        return web.Response(text=html, status=status, content_type="text/html")

    def statuses(self, collector: str) -> Mapping[str, Status]:
        """The status of the collectors of this name, by the cloud of each."""
        found = [one for one in self._runners if one.collector.name == collector]
        return {one.collector.cloud: one.shown()[1] for one in found}

    def runner(self, collector: Collector[Any]) -> Runner | None:
        """What runs a collector; None if it is switched off."""
        return next((one for one in self._runners if one.collector is collector), None)

    async def form(self) -> MultiDict[str]:
        """The fields of a form, without its CSRF token, which has been checked.

        Raises:
            web.HTTPException: The body is no valid form, or its CSRF token is wrong.
        """
        return await forms.form(self.http, self._tokens, self.asker.name)

    async def json(self, kind: type[T]) -> T:
        """The body, decoded from JSON as a `kind` (a msgspec.Struct).

        Raises:
            web.HTTPException: The body is invalid; the text names the field and what is allowed.
        """
        return await forms.json(self.http, kind, self.asker.name)


Answer: TypeAlias = Callable[[Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A page or an endpoint of an exporter.

    Attributes:
        method: GET answers HEAD, too, and must change nothing: pages of other sites can request it.
        path: In aiohttp's syntax, `/probes/{name}`; its first segment is fixed.
        answer: The handler; it may raise aiohttp's HTTP exceptions.
        who: Who may ask.
        title: The text of the link to it in the frame of all pages; "" for no link.
    """

    method: str
    path: str
    answer: Answer
    who: Who
    title: str = ""

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(f"{self.method} {self.path}: allowed methods: {', '.join(_METHODS)}")
        found = _PATH.fullmatch(self.path)
        if found is None:
            raise ValueError(f"{self.path}: allowed: / and paths whose first segment is fixed")
        if found[1] in _CORES:
            raise ValueError(f"{self.path}: it is core's own; allowed: another first segment")
        if isinstance(self.who, UrlToken) and f"{{{TOKEN}}}" not in self.path:
            raise ValueError(f"{self.path}: its path has no {{{TOKEN}}}")
        if isinstance(self.who, Role) and not self.who.names:
            raise ValueError(f"{self.path}: names no role")

    @property
    def shape(self) -> str:
        """The path without the names of its variables: two paths of one shape match the same requests."""
        return _VARIABLE.sub("{", self.path)


def roles_of(routes: Iterable[Route]) -> Collection[str]:
    """All roles that routes require."""
    return {name for route in routes if isinstance(route.who, Role) for name in route.who.names}
