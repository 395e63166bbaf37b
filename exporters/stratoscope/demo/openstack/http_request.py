"""An HTTP request as the handlers of all services get it, and the responses and errors that they give."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import msgspec
from aiohttp import web
from multidict import MultiMapping

from stratoscope.demo.world.models import Project, User
from stratoscope.demo.world.world import World

T = TypeVar("T")

Json: TypeAlias = dict[str, object]
"""An object of a response's body."""


class HttpError(Exception):
    """An error response; each service has its own format for it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a token. Attributes: project: None for a token without one."""

    user: User
    project: Project | None
    roles: frozenset[str]

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    def owns(self, project: Project | None) -> bool:
        return project is not None and project is self.project

    def sees(self, project: Project | None) -> bool:
        """Whether an object of a project may be shown by its id."""
        return self.is_admin or self.owns(project)


@dataclass(slots=True)
class Response:
    """What a handler returns. Attributes: body: It is sent as JSON; bytes are sent as they are."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Request:
    """One request.

    Attributes:
        prefix: Of all paths of the service.
        content: The body.
        denied: Makes the service's error for a policy rule that the caller fails.
        minor: Of the microversion (2.96: 96); 0 where the service has none.
        token_owner: None without a valid token.
    """

    raw: web.Request
    world: World
    prefix: str
    content: bytes
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
    def args(self) -> Mapping[str, str]:
        """Parts of the path by name."""
        return self.raw.match_info

    @property
    def query(self) -> MultiMapping[str]:
        return self.raw.query

    @property
    def origin(self) -> str:
        """Where the cloud listens: `http://127.0.0.1:10980`."""
        return f"{self.raw.scheme}://{self.raw.host}"

    @property
    def base(self) -> str:
        """URL of the service, without its version."""
        return f"{self.origin}{self.prefix}"

    def since(self, minor: int) -> bool:
        """Whether the requested microversion is this one or newer."""
        return self.minor >= minor

    def flag(self, name: str) -> bool:
        """A query parameter that is on or off, as oslo.utils reads it."""
        return self.query.get(name, "").lower() in ("1", "true", "t", "on", "yes", "y")

    def body(self, kind: type[T]) -> T:
        """The body. Raises msgspec.DecodeError if it is not of the kind."""
        return msgspec.json.decode(self.content, type=kind)

    def only_admin(self, rule: str) -> None:
        """Raise the error of a policy rule unless the caller is an administrator."""
        if not self.caller.is_admin:
            raise self.denied(rule)

    def only_member(self, rule: str) -> None:
        """Raise the error of a policy rule for a caller who may only read."""
        if "member" not in self.caller.roles:
            raise self.denied(rule)

    def own_project(self, rule: str) -> Project | None:
        """The project in the path: the caller's own one, or any (known or not) for administrators."""
        project = self.world.projects.get(self.args["project"])
        if not self.caller.owns(project):
            self.only_admin(rule)
        return project

    def url(self, **changed: str) -> str:
        """The request's own URL with changed parameters of the query."""
        pairs = [(name, value) for name, value in self.query.items() if name not in changed]
        query = "&".join(f"{name}={value}" for name, value in (*pairs, *changed.items()))
        return f"{self.origin}{self.raw.path}?{query}"
