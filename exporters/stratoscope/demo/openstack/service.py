"""What all services have in common: routes, policy, versions, and errors in their own formats."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.world.world import World

Handler = Callable[[Request], Response]

UNAUTHORIZED: Final = "The request you have made requires authentication."
INTERFACES: Final = ("public", "internal", "admin")
NOT_FOUND: Final = "The resource could not be found."
_FAULT_NAMES: Final = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    409: "conflictingRequest",
    413: "overLimit",
    429: "overLimit",
    503: "serviceUnavailable",
}
"""nova/api/openstack/wsgi.py, Fault._fault_names, as in Cinder; others are computeFault."""


class Route(NamedTuple):
    """Attributes:
    path: Below the prefix, in aiohttp's syntax.
    rule: The policy rule that only administrators pass; "" for none.
    since: The minor number of the microversion that has brought it.
    is_open: It needs no token.
    """

    method: str
    path: str
    handler: Handler
    rule: str = ""
    since: int = 0
    is_open: bool = False


class Microversions(NamedTuple):
    """Attributes:
    name: Of the service in the header.
    oldest: The minor number without a header.
    """

    name: str
    major: int
    oldest: int = 0


def _titled(error: HttpError, title: str) -> Json:
    return {"error": {"code": error.status, "title": title, "message": error.message}}


def _named(error: HttpError, _: str) -> Json:
    name = _FAULT_NAMES.get(error.status, "computeFault")
    return {name: {"code": error.status, "message": error.message}}


_FORMATS: Final[Mapping[str, Callable[[HttpError, str], Json]]] = {
    "identity": _titled,
    "compute": _named,
    "block-storage": _named,
    "network": lambda error, _: {"NeutronError": {"type": "", "message": error.message, "detail": ""}},
    "placement": lambda error, title: {"errors": [{"title": title, "detail": error.message}]},
    "image": lambda error, title: {"message": error.message, "title": title},
}
"""The body of an error with the title of its status, by the service's type."""


class Service(ABC):
    """One of OpenStack's services.

    Attributes:
        kind: Its type in the catalogue.
        name: Its name there.
        prefix: Of all its paths.
        endpoint: Below the prefix, as in the catalogue.
        version: The id of its API's version.
        version_path: Below the prefix, if it is no part of the endpoint.
        denial: The message for a policy rule that fails, with `{}` for the rule.
        microversions: None where it has none.
        newest: The minor number of its newest microversion; a smaller one makes it an older release.
        ids: In the catalogue: its own, and those of its endpoints.
    """

    kind: str
    name: str
    prefix: str
    endpoint: str = ""
    version: str
    version_path: str = ""
    denial: str = "Policy doesn't allow {} to be performed."
    microversions: Microversions | None = None
    newest: int = 0

    def __init__(self, world: World) -> None:
        self.world = world
        self.ids = [world.dice.hex_id() for _ in range(1 + len(INTERFACES))]

    @property
    def root(self) -> str:
        """The path of the endpoint; paths of faults are below it."""
        return self.prefix + self.endpoint

    @abstractmethod
    def own_routes(self) -> Iterable[Route]:
        """Its routes beside the document of its versions."""

    def routes(self) -> Iterable[Route]:
        """All its routes; `unknown` answers other paths."""
        for path in {"", "/", self.endpoint, f"{self.endpoint}/"}:
            yield Route("GET", path, self._versions, is_open=True)
        yield from self.own_routes()
        yield Route("*", "/{rest:.*}", self.unknown)

    def error(self, error: HttpError) -> Response:
        """An error in the service's own format."""
        return Response(_FORMATS[self.kind](error, HTTPStatus(error.status).phrase), error.status)

    def negotiate(self, request: Request) -> None:
        """Set the request's microversion. Raises HttpError for one that the service does not have."""
        if self.microversions is None:
            return
        name, major, request.minor = self.microversions
        header = request.raw.headers.get("OpenStack-API-Version", "").strip()
        if not header.startswith(f"{name} "):
            return
        match = re.fullmatch(rf"{name} +{major}\.(\d+)", header)
        if match is None or int(match[1]) > self.newest:
            raise HttpError(406, f"Version {header} is not supported by the API.")
        request.minor = int(match[1])

    def denied(self, rule: str) -> HttpError:
        return HttpError(403, self.denial.format(rule))

    def unauthorized(self, request: Request) -> Response:
        """The response to a missing, wrong or expired token: keystonemiddleware's."""
        headers = {"WWW-Authenticate": f'Keystone uri="{request.origin}/identity/v3"'}
        return Response(_titled(HttpError(401, UNAUTHORIZED), "Unauthorized"), 401, headers)

    def unknown(self, _: Request) -> Response:
        """The response to an unknown path."""
        return self.error(HttpError(404, NOT_FOUND))

    def _versions(self, request: Request) -> Response:
        """The document of its versions."""
        links = [{"rel": "self", "href": f"{request.base}{self.version_path or self.endpoint}/"}]
        shown: Json = {"id": self.version, "status": "CURRENT", "links": links}
        if self.microversions is not None:
            _, major, oldest = self.microversions
            shown |= {"version": f"{major}.{self.newest}", "min_version": f"{major}.{oldest}"}
        return Response({"versions": [shown]})
