"""What a service's answer means that is none to the question: no 200."""

from typing import Any, Final

import msgspec

from stratoscope.clouds.calls import Answer, TooLargeError
from stratoscope.clouds.openstack.api import BadRequestError, ForbiddenError, NotThereError
from stratoscope.clouds.openstack.decoding import Decoder
from stratoscope.core.errors import CollectError, LeftOutError, Reason, one_line

_KEYS: Final = ("message", "detail", "error_message", "faultstring", "title", "description")
_DEEPEST: Final = 3
_LONGEST: Final = 200
_NO_SUCCESS: Final = 300
_LARGEST: Final = 1 << 16
"""Bytes of a body that is looked at for words."""
_BODY: Final[Decoder[object]] = Decoder(object)


def error(what: str, answer: Answer) -> CollectError | LeftOutError:
    """What to raise.

    Args:
        what: Service and operation, for the message.
        answer: One that is neither 200, nor 401, 429, 503 or a redirect that something is done about.
    """
    said = _said(answer) if answer.status >= _NO_SUCCESS else "that is no whole answer"
    message = f"{what}: answered {answer.status}{f': {said}' if said else ''}"
    match answer.status:
        case 400:
            return BadRequestError(message)
        case 401:
            return CollectError(Reason.UNAUTHORIZED, message)
        case 403:
            return ForbiddenError(message)
        case 404:
            return NotThereError(message)
        case 413 if "retry-after" in answer.headers:  # Nova and Cinder before 429 was usual
            return CollectError(Reason.BUSY, message)
        case 413:
            return TooLargeError(message, "413")
        case status if status >= 500 or 300 <= status < 400:  # noqa: PLR2004 - HTTP's own
            return CollectError(Reason.UNAVAILABLE, message)
        case _:
            return CollectError(Reason.MALFORMED, message)


def _said(answer: Answer) -> str:
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
