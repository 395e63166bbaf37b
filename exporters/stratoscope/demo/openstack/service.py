"""What all services have in common: routes, policy, headers, and errors in their own formats."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec
from multidict import CIMultiDict

from stratoscope.demo.openstack.http_request import HttpError, Request, Response
from stratoscope.demo.world.models import VM, Port
from stratoscope.demo.world.world import World

Handler = Callable[[Request], Response]

UNAUTHORIZED: Final = "The request you have made requires authentication."
_JSON: Final = "application/json"
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


class Service(ABC):
    """One of OpenStack's services.

    Attributes:
        kind: Its type in the catalogue.
        name: Its name there.
        prefix: Of all its paths.
        endpoint: Below the prefix, as in the catalogue.
        denial: The message for a policy rule that fails, with `{}` for the rule.
        absent: The message for what a microversion does not have yet.
        newest: The minor number of its newest microversion; a smaller one makes it an older release.
    """

    kind: str
    name: str
    prefix: str
    endpoint: str = ""
    denial: str = "Policy doesn't allow {} to be performed."
    absent: str = "The resource could not be found."
    newest: int = 0

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def root(self) -> str:
        """The path of the endpoint."""
        return self.prefix + self.endpoint

    @abstractmethod
    def routes(self) -> Iterable[Route]:
        """All its routes; `unknown` answers other paths."""

    @abstractmethod
    def error(self, request: Request, error: HttpError) -> Response:
        """An error in the service's own format."""

    def negotiate(self, request: Request) -> None:  # noqa: B027 - most services have no microversions
        """Set the request's microversion. Raises HttpError for an unknown one."""

    def check(self, request: Request, route: Route) -> None:
        """Raise HttpError where the microversion has no such route, or the caller may not use it."""
        if not request.since(route.since):
            raise HttpError(404, self.absent)
        if route.rule:
            request.only_admin(route.rule)

    def denied(self, rule: str) -> HttpError:
        return HttpError(403, self.denial.format(rule))

    def headers(self, request: Request, response: Response) -> None:
        """Add the headers that every response of the service has."""
        response.headers["x-openstack-request-id"] = request.request_id

    def fail(self, request: Request, error: HttpError) -> Response:
        """The response for an error."""
        response = self.error(request, error)
        response.is_early = error.is_early
        return response

    def unauthorized(self, request: Request) -> Response:
        """The response to a missing, wrong or expired token: keystonemiddleware's."""
        body = {"error": {"code": 401, "title": "Unauthorized", "message": UNAUTHORIZED}}
        return Response(body, 401, CIMultiDict({"WWW-Authenticate": f'Keystone uri="{request.keystone}"'}))

    def unknown(self, request: Request) -> Response:
        """The response to an unknown path."""
        response = webob_error(request, 404, "The resource could not be found.")
        response.is_early = True
        return response


def webob_error(request: Request, status: int, text: str) -> Response:
    """An error as webob writes it: JSON for clients that accept it, else a page."""
    title = HTTPStatus(status).phrase
    if _JSON in request.raw.headers.get("Accept", ""):
        body = {"message": f"{text}<br /><br />\n\n\n", "code": f"{status} {title}", "title": title}
        return Response(body, status)
    page = (
        f"<html>\n <head>\n  <title>{status} {title}</title>\n </head>\n <body>\n"
        f"  <h1>{status} {title}</h1>\n  {text}<br /><br />\n\n\n\n </body>\n</html>"
    )
    return Response(page.encode(), status, CIMultiDict({"Content-Type": "text/html; charset=UTF-8"}))


def named_fault(error: HttpError) -> Response:
    """An error as Nova and Cinder write it."""
    name = _FAULT_NAMES.get(error.status, "computeFault")
    return Response({name: {"code": error.status, "message": error.message}}, error.status)


def encoded(body: object) -> bytes:
    """The bytes of a response."""
    if isinstance(body, bytes):
        return body
    return b"" if body is None else msgspec.json.encode(body)


def cached(item: VM | Port, view: object, make: Callable[[], object]) -> bytes:
    """An item as JSON: the bytes made before, if the item and the view are the same."""
    if item.json_view != view:
        item.json, item.json_view = encoded(make()), view
    return item.json


def listed(key: str, items: Sequence[bytes], more: dict[str, object]) -> bytes:
    """The body of a list of encoded items, with `more` beside it."""
    rest = msgspec.json.encode(more)[1:] if more else b"}"
    comma = b"," if more else b""
    return b'{"%s":[%s]%s%s' % (key.encode(), b",".join(items), comma, rest)
