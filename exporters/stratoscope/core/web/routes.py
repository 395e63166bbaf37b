"""The routes and pages that an exporter brings: what is asked for, who may ask, what answers."""

import enum
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

from aiohttp import web
from multidict import MultiDict

from stratoscope.core.web import forms
from stratoscope.core.web.forms import FormTokens

T = TypeVar("T")

TOKEN: Final = "token"  # noqa: S105 - the name of a part of a path
"""The part of a path that holds a token."""
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_CORES: Final = frozenset({"-", "collectors", "config", "metrics", "static"})
"""First segments of core's own paths."""
_PATH: Final = re.compile(r"/(?:([A-Za-z0-9._~-]+)(?:/[^/]+)*/?)?")


class Anyone(enum.Enum):
    """Whom a route asks for, where it does not ask for a role."""

    OPEN = "open"
    LOGGED_IN = "logged in"


OPEN, LOGGED_IN = Anyone.OPEN, Anyone.LOGGED_IN


class Role:
    """Whoever has one of these roles: `Role("editor", "admin")`."""

    __slots__ = ("names",)

    def __init__(self, *names: str) -> None:
        self.names = names


@dataclass(frozen=True, slots=True)
class UrlToken:
    """Whoever knows the token that is the part `{token}` of the path: for feeds, whose readers cannot log in.

    Attributes:
        hashes: Told what the exporter has opened and the parts of the path; answers the SHA-256 (hexadecimal
            digits) of the tokens that are right there.
    """

    hashes: Callable[[Mapping[str, Any], Mapping[str, str]], Awaitable[Iterable[str]]]


Who: TypeAlias = Anyone | Role | UrlToken


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks. Without a name: anybody, by an open route or a token in the URL.

    Attributes:
        name: A user's; `token:NAME` for a bearer token; `loopback` where nobody can log in.
    """

    name: str = ""
    roles: frozenset[str] = frozenset()


class NotOpenedError(KeyError):
    """A part of the exporter is asked for that is not opened yet: the answer is 503."""


class OpenedParts(Mapping[str, Any]):
    """What an exporter has opened, by the name of its part; a missing one is a NotOpenedError."""

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
    """A request that was let in.

    Attributes:
        http: As aiohttp has it; parts of the path are in `http.match_info`, decoded: they may hold a `/`.
        asker: Who asks.
        opened: What the exporter has opened, by the name of its part.
    """

    http: web.Request
    asker: Asker
    opened: Mapping[str, Any]
    _tokens: FormTokens = field(repr=False)
    _html: Callable[..., str] = field(repr=False)

    @property
    def csrf(self) -> str:
        """What a form of this asker's sends back, in `<input type=hidden name=csrf autocomplete=off>`."""
        return self._tokens.token(self.asker.name)

    def page(self, template: str, /, *, status: int = 200, **values: object) -> web.Response:
        """The page of one of the exporter's templates, which gets the values and `request`."""
        html = self._html(template, with_warnings=bool(self.asker.name), request=self, **values)
        return web.Response(text=html, status=status, content_type="text/html")

    async def form(self) -> MultiDict[str]:
        """The fields of a form of ours, whose token is right and taken out.

        Raises:
            web.HTTPException: The answer to what is none.
        """
        return await forms.form(self.http, self._tokens, self.asker.name)

    async def json(self, kind: type[T]) -> T:
        """The body, which must be JSON, as a `kind` (a msgspec.Struct).

        Raises:
            web.HTTPException: The answer to what is none; it names the field and what is allowed.
        """
        return await forms.json(self.http, kind, self.asker.name)


Answer: TypeAlias = Callable[[Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A page or an endpoint of an exporter.

    Attributes:
        method: GET answers HEAD, too. It must change nothing: pages of other sites may ask for it.
        path: In aiohttp's syntax, `/probes/{name}`; its first segment is fixed.
        answer: Makes the answer; it may raise aiohttp's HTTP exceptions.
        who: Who may ask.
        title: What a link to it reads.
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


def roles_of(routes: Iterable[Route]) -> Collection[str]:
    """All roles that routes ask for."""
    return {name for route in routes if isinstance(route.who, Role) for name in route.who.names}
