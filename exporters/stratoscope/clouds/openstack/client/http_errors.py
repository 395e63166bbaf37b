"""What a service's answer means that is none to the question: no 200."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stratoscope.clouds.client.request import CallError, Response, TooLargeError
from stratoscope.clouds.openstack.client.api import BadRequestError, ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.decoding import Decoder
from stratoscope.core.errors import CollectError, LeftOutError, Reason, one_line

_KEYS: Final = ("message", "detail", "error_message", "faultstring", "title", "description")
_DEEPEST: Final = 3
_LONGEST: Final = 200
_REDIRECTS: Final = 300
_CLIENT_ERRORS: Final = 400
_UNAUTHORIZED: Final = 401
_TOO_LARGE: Final = 413
_SERVER_ERRORS: Final = 500
_OWN: Final[Mapping[int, type[BadRequestError | ForbiddenError | NotThereError]]] = {
    400: BadRequestError,
    403: ForbiddenError,
    404: NotThereError,
}
_LARGEST: Final = 1 << 16
"""Bytes of a body that is looked at for words."""
_BODY: Final[Decoder[object]] = Decoder(object)


def error(what: str, answer: Response) -> CollectError | LeftOutError:
    """What to raise.

    Args:
        what: Service and operation, for the message.
        answer: One that is neither 200, nor 401, 429, 503 or a redirect that something is done about.
    """
    said = _said(answer) if answer.status >= _REDIRECTS else "that is no whole answer"
    message = f"{what}: answered {answer.status}{f': {said}' if said else ''}"
    status = answer.status
    if status in _OWN:
        return _OWN[status](message)
    if status == _TOO_LARGE and "retry-after" not in answer.headers:
        return TooLargeError(message, str(status), may_be_done=False)
    if status < _REDIRECTS or status >= _SERVER_ERRORS:
        return CallError(_reason(status), message, str(status))
    return CollectError(_reason(status), message)


def _reason(status: int) -> Reason:
    if status == _UNAUTHORIZED:
        return Reason.UNAUTHORIZED
    if status == _TOO_LARGE:  # for a while: Nova and Cinder before 429 was usual
        return Reason.BUSY
    is_redirect = _REDIRECTS <= status < _CLIENT_ERRORS
    return Reason.UNAVAILABLE if is_redirect or status >= _SERVER_ERRORS else Reason.MALFORMED


def _said(answer: Response) -> str:
    """The service's own words, in one short line; "" where it has none."""
    if "location" in answer.headers:
        return one_line(f"a redirect to {answer.headers['location']}")[:_LONGEST]
    if len(answer.body) > _LARGEST:
        return ""
    try:
        body = _BODY.decode(answer.body)
    except msgspec.DecodeError:
        return ""
    return one_line(" ".join(_text(body, _DEEPEST).split()))[:_LONGEST]


def _text(body: Any, levels: int) -> str:
    """The first message in the body; each service wraps it in another key."""
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
