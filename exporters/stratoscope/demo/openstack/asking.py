"""A request as the handlers of all services see it, and what they answer with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

import msgspec
from aiohttp import web
from multidict import CIMultiDict, MultiMapping

from stratoscope.demo.openstack.things import Project, User
from stratoscope.demo.openstack.world import World

T = TypeVar("T")

Json: TypeAlias = dict[str, object]
"""An object of an answer, its keys in the order in which the real service writes them."""


EARLY: Final = "early"
"""The kind of a refusal that comes before the service has looked at the microversion."""


class RefusalError(Exception):
    """A request that is refused; each service has its own way to word it.

    Attributes:
        status: Of the answer.
        kind: Where the service names its errors: Neutron's `PortNotFound`.
    """

    def __init__(self, status: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is; project: None for a token without one."""

    user: User
    project: Project | None
    roles: frozenset[str]
    methods: Sequence[str] = ("password",)

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    @property
    def project_id(self) -> str:
        return "" if self.project is None else self.project.project_id

    def owns(self, project: Project | None) -> bool:
        return project is not None and project is self.project


@dataclass(slots=True)
class Answer:
    """What a handler answers.

    Attributes:
        body: Becomes JSON; bytes are sent as they are.
        is_early: It comes before the service has looked at the microversion: its headers show that.
    """

    body: object = None
    status: int = 200
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    is_early: bool = False


@dataclass(slots=True)
class Ask:
    """One request.

    Attributes:
        minor: Of the microversion that is asked for (2.96: 96); 0 where the service has none.
        base: URL of the service, without its version: `http://127.0.0.1:10980/compute`.
        path: Below the service's root; "" for what is above it: the list of its versions.
        args: Parts of the path by name.
        content: The body.
    """

    request: web.Request
    world: World
    base: str
    path: str
    args: Mapping[str, str]
    content: bytes = b""
    minor: int = 0
    caller: Caller | None = None
    request_id: str = ""

    @property
    def who(self) -> Caller:
        """Whose request it is; raises where nobody's is, and the path is not open to all."""
        if self.caller is None:
            raise RefusalError(401, "The request you have made requires authentication.")
        return self.caller

    @property
    def now(self) -> float:
        return self.world.now

    @property
    def query(self) -> MultiMapping[str]:
        return self.request.query

    def since(self, minor: int) -> bool:
        """Whether the microversion that is asked for is this one or newer."""
        return self.minor >= minor

    def flag(self, name: str) -> bool:
        """A query parameter that is on or off, as oslo.utils reads it."""
        return self.query.get(name, "").lower() in ("1", "true", "t", "on", "yes", "y")

    def json(self, kind: type[T]) -> T:
        """The body, strictly; raises msgspec.DecodeError."""
        return msgspec.json.decode(self.content, type=kind)

    def url(self, page: Mapping[str, str]) -> str:
        """Of this request, without host and path: its query with other values for some parameters."""
        pairs = [(name, value) for name, value in self.query.items() if name not in page]
        pairs += page.items()
        return "&".join(f"{name}={value}" for name, value in pairs)
