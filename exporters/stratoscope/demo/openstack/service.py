"""What all services have in common: routes, microversions, headers, and refusals in their own words."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec
from multidict import CIMultiDict

from stratoscope.demo.openstack.asking import Answer, Ask, RefusalError
from stratoscope.demo.openstack.world import World

Handler = Callable[[Ask], Answer]

_JSON: Final = "application/json"


class Route(NamedTuple):
    """Attributes: path: Below the prefix, in aiohttp's syntax; is_open: no token is needed."""

    method: str
    path: str
    handler: Handler
    is_open: bool = False


class Service(ABC):
    """One of OpenStack's services.

    Attributes:
        kind: Its type in the catalogue.
        name: Its name there.
        prefix: Of all its paths.
        endpoint: Below the prefix, what the catalogue says.
        newest: The minor number of its newest microversion: less makes it an older release.
    """

    kind: str
    name: str
    prefix: str
    endpoint: str = ""
    newest: int = 0

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def root(self) -> str:
        """The path of the endpoint: what stands below it is what is asked for."""
        return self.prefix + self.endpoint

    @abstractmethod
    def routes(self) -> Iterable[Route]:
        """All that it answers; what is not there is answered by `unknown`."""

    @abstractmethod
    def refusal(self, ask: Ask, error: RefusalError) -> Answer:
        """How it words a refusal."""

    def negotiate(self, ask: Ask) -> None:  # noqa: B027 - most services have no microversions
        """Set the microversion; raises RefusalError for one that it does not know."""

    def headers(self, ask: Ask, answer: Answer) -> None:
        """Add those that every answer of the service has."""
        answer.headers["x-openstack-request-id"] = ask.request_id

    def unauthorized(self, ask: Ask) -> Answer:
        """The answer to a token that is missing, wrong or too old: keystonemiddleware's."""
        text = "The request you have made requires authentication."
        answer = Answer({"error": {"code": 401, "title": "Unauthorized", "message": text}}, 401)
        answer.headers["WWW-Authenticate"] = f'Keystone uri="{keystone(ask)}"'
        return answer

    def unknown(self, ask: Ask) -> Answer:
        """The answer to a path that it does not know."""
        answer = webob(ask, 404, "The resource could not be found.")
        answer.is_early = True
        return answer

    def failure(self, ask: Ask, status: int, text: str) -> Answer:
        """The answer to whatever does not work: what faults on demand are answered with."""
        return self.refusal(ask, RefusalError(status, text or HTTPStatus(status).phrase))


def keystone(ask: Ask) -> str:
    """The URL at which tokens are had."""
    return f"{ask.request.scheme}://{ask.request.host}/identity/v3"


def webob(ask: Ask, status: int, text: str) -> Answer:
    """An error as webob words it: JSON for who asks for it, else a page."""
    title = HTTPStatus(status).phrase
    if _JSON in ask.request.headers.get("Accept", ""):
        body = {"message": f"{text}<br /><br />\n\n\n", "code": f"{status} {title}", "title": title}
        return Answer(body, status)
    page = (
        f"<html>\n <head>\n  <title>{status} {title}</title>\n </head>\n <body>\n"
        f"  <h1>{status} {title}</h1>\n  {text}<br /><br />\n\n\n\n </body>\n</html>"
    )
    return Answer(page.encode(), status, CIMultiDict({"Content-Type": "text/html; charset=UTF-8"}))


def encoded(body: object) -> bytes:
    """The bytes of an answer."""
    if isinstance(body, bytes):
        return body
    return b"" if body is None else msgspec.json.encode(body)


def listed(key: str, items: Sequence[bytes], **more: object) -> bytes:
    """An answer that is a list of items that are bytes already; `more` follows it."""
    rest = msgspec.json.encode(more)[1:] if more else b"}"
    comma = b"," if more else b""
    return b'{"%s":[%s]%s%s' % (key.encode(), b",".join(items), comma, rest)
