"""An HTTP request as the handlers of all services get it, and the responses and errors that they give."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import msgspec
from aiohttp import web
from multidict import CIMultiDict, MultiMapping

from stratoscope.demo.world.models import Project, User
from stratoscope.demo.world.world import World

T = TypeVar("T")

Json: TypeAlias = dict[str, object]
"""An object of a response's body."""


class HttpError(Exception):
    """An error response; each service has its own format for it.

    Attributes:
        kind: Its type where the service names types: Neutron's `PortNotFound`, Placement's codes.
        is_early: The service raised it before it looked at the microversion.
    """

    def __init__(self, status: int, message: str, kind: str = "", *, is_early: bool = False) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.is_early = status, message, kind, is_early


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a token. Attributes: project: None for a token without one."""

    user: User
    project: Project | None
    roles: frozenset[str]
    methods: Sequence[str] = ("password",)

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    def owns(self, project: Project | None) -> bool:
        return project is not None and project is self.project


@dataclass(slots=True)
class Response:
    """What a handler returns.

    Attributes:
        body: It is sent as JSON; bytes are sent as they are.
        is_early: The service answered before it looked at the microversion, which changes its headers.
    """

    body: object = None
    status: int = 200
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    is_early: bool = False


@dataclass(slots=True, kw_only=True)
class Request:
    """One request.

    Attributes:
        base: URL of the service, without its version: `http://127.0.0.1:10980/compute`.
        path: Below the service's endpoint; "" for its list of versions.
        args: Parts of the path by name.
        content: The body.
        denied: Makes the service's error for a policy rule that the caller fails.
        minor: Of the microversion (2.96: 96); 0 where the service has none.
        token_owner: None without a valid token.
    """

    raw: web.Request
    world: World
    base: str
    path: str
    args: Mapping[str, str]
    content: bytes
    request_id: str
    denied: Callable[[str], HttpError]
    minor: int = 0
    token_owner: Caller | None = None

    @property
    def caller(self) -> Caller:
        """Who made the request. Raises HttpError without a valid token."""
        if self.token_owner is None:
            raise HttpError(401, "The request you have made requires authentication.")
        return self.token_owner

    @property
    def now(self) -> float:
        return self.world.now

    @property
    def query(self) -> MultiMapping[str]:
        return self.raw.query

    @property
    def keystone(self) -> str:
        """The URL of Keystone's API."""
        return f"{self.raw.scheme}://{self.raw.host}/identity/v3"

    def since(self, minor: int) -> bool:
        """Whether the requested microversion is this one or newer."""
        return self.minor >= minor

    def newer(self, additions: Mapping[int, Json]) -> Json:
        """The additions of the requested microversion and of those before it; the keys are minor numbers."""
        return {
            key: value
            for minor in additions
            if self.minor >= minor
            for key, value in additions[minor].items()
        }

    def flag(self, name: str) -> bool:
        """A query parameter that is on or off, as oslo.utils reads it."""
        return self.query.get(name, "").lower() in ("1", "true", "t", "on", "yes", "y")

    def matches(self, **values: str) -> bool:
        """Whether each value equals the query parameter of its name, or the query has no such parameter."""
        return all(self.query.get(name, value) == value for name, value in values.items())

    def json(self, kind: type[T]) -> T:
        """The body. Raises msgspec.DecodeError."""
        return msgspec.json.decode(self.content, type=kind)

    def body(self, kind: type[T], *, lacks: str, malformed: str = "Malformed request body") -> T:
        """The body. Raises HttpError 400: with `lacks` if it is not of the kind, or it is no JSON."""
        try:
            return self.json(kind)
        except msgspec.ValidationError as error:
            raise HttpError(400, lacks) from error
        except msgspec.DecodeError as error:
            raise HttpError(400, malformed) from error

    def only_admin(self, rule: str) -> None:
        """Raise the error of a policy rule unless the caller is an administrator."""
        if not self.caller.is_admin:
            raise self.denied(rule)

    def own_project(self, rule: str) -> Project | None:
        """The project in the path: the caller's own one, or any (known or not) for administrators."""
        project = self.world.projects.get(self.args["project"])
        if not self.caller.owns(project):
            self.only_admin(rule)
        return project

    def query_for(self, page: Mapping[str, str], besides: Iterable[str] = ()) -> str:
        """The query of a link to another page: `page` replaces parameters, and those in `besides` go."""
        pairs = [(name, value) for name, value in self.query.items() if name not in (*page, *besides)]
        return "&".join(f"{name}={value}" for name, value in (*pairs, *page.items()))
