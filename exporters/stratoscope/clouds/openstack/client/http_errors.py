"""Translates error responses and redirects of a service.

A redirect is followed once, and only from http to https on the same host with the same path and query. A
redirect that loses the query would return another list (one project's instead of all), and another path may
be a log-in page.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from yarl import URL

from stratoscope.clouds.client.request import CallError, Method, Response, TooLargeError
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.api import BadRequestError, OverLimitError
from stratoscope.clouds.openstack.client.decoding import Decoder
from stratoscope.core.errors import CollectError, LeftOutError, Reason, one_line

_KEYS: Final = ("message", "detail", "error_message", "faultstring", "title", "description")
_DEEPEST: Final = 3
_LONGEST: Final = 200
_OWN: Final[Mapping[int, type[BadRequestError | ForbiddenError | NotThereError]]] = {
    400: BadRequestError,
    403: ForbiddenError,
    404: NotThereError,
}
OF_PROXIES: Final = frozenset({403, 407, 502, 503, 504})
"""Statuses with which a proxy refuses, too, or says that it does not reach the service."""
_SAME_METHOD: Final = frozenset({307, 308})
_FOLLOWED: Final = _SAME_METHOD | {301, 302}
"""Browsers follow these with a GET, whatever the method was."""
_LARGEST: Final = 1 << 16
"""Bytes of a body in which an error text is searched."""
_BODY: Final[Decoder[object]] = Decoder(object)


def error(what: str, answer: Response) -> CollectError | LeftOutError:
    """The exception for an error response.

    Args:
        what: The service and operation, for the message.
        answer: Not 200, and not a 401, 429, 503 or redirect that is handled elsewhere.
    """
    text = _error_text(answer) if answer.status >= HTTPStatus.MULTIPLE_CHOICES else "the answer is incomplete"
    status = answer.status
    where = answer.through if status in OF_PROXIES else ""
    message = f"{what}: answered {status}{where}{f': {text}' if text else ''}"
    if status in _OWN:
        return _OWN[status](message)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and "retry-after" not in answer.headers:
        return TooLargeError(message, str(status), may_be_done=False)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return OverLimitError(message)
    if status < HTTPStatus.MULTIPLE_CHOICES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return CallError(_reason(status), message, str(status))
    return CollectError(_reason(status), message)


def _reason(status: int) -> Reason:
    if status == HTTPStatus.UNAUTHORIZED:
        return Reason.UNAUTHORIZED
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    is_of_proxy = status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    is_unavailable = is_redirect or is_of_proxy or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return Reason.UNAVAILABLE if is_unavailable else Reason.MALFORMED


def _error_text(answer: Response) -> str:
    """The service's own message, as one short line; "" without one."""
    if "location" in answer.headers:
        return one_line(f"a redirect to {answer.headers['location']}")[:_LONGEST]
    if len(answer.body) > _LARGEST:
        return ""
    try:
        body = _BODY.decode(answer.body)
    except msgspec.DecodeError:
        if not answer.headers.get("content-type", "").startswith("text/plain"):
            return ""
        body = {"message": answer.body.decode("utf-8", "replace")}  # Glance before Ocata
    return one_line(" ".join(_text(body, _DEEPEST).split()))[:_LONGEST]


def _text(body: Any, levels: int) -> str:
    """The first message in the body; each service uses another key for it."""
    if isinstance(body, list):
        body = body[0] if body else None
    if not isinstance(body, dict):
        return ""
    for key in _KEYS:
        if isinstance(body.get(key), str):
            return str(body[key])
    if not levels:
        return ""
    return next((text for value in body.values() if (text := _text(value, levels - 1))), "")


def redirect_target(url: URL, answer: Response, method: Method = "GET") -> URL | None:
    """The URL to which a request is sent again; None if it is not: a token is sent to no other host."""
    where = answer.headers.get("location")
    followed = _FOLLOWED if method == "GET" else _SAME_METHOD
    if answer.status not in followed or not where or url.scheme != "http":
        return None
    try:
        found = url.join(URL(where)).with_user(None).with_fragment(None)
    except ValueError:
        return None
    is_same = (found.host, found.path, found.query) == (url.host, url.path, url.query)
    return found if found.scheme == "https" and is_same else None
