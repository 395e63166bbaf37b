"""Reads the body of a request: a form with its CSRF token, or JSON; of limited size, within limited time."""

import asyncio
import hmac
import secrets
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from multidict import MultiDict

from stratoscope.core.config import decode
from stratoscope.core.errors import ConfigError
from stratoscope.core.web.connections import LARGEST_BODY, Connection

T = TypeVar("T")

CSRF_FIELD: Final = "csrf"
"""The hidden field of a form that holds the token."""
LARGEST: Final = LARGEST_BODY
"""Bytes of a body of somebody who is known; such a body must announce its length."""
LARGEST_OF_ANYBODY: Final = 32 * 1024
_READ_S: Final = 10.0
_LONGEST_S: Final = 12 * 3600
_MOST_FIELDS: Final = 1000


class FormTokens:
    """CSRF tokens: each for one asker, for some hours, and until the process ends."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._key, self._monotonic = secrets.token_bytes(32), monotonic

    def token(self, asker: str) -> str:
        """A token for the forms of this asker."""
        made = str(int(self._monotonic()))
        return f"{made}.{self._signature(made, asker)}"

    def is_good(self, token: str, asker: str) -> bool:
        """Whether it was made for this asker, and not too long ago."""
        made, _, signature = token.partition(".")
        is_ours = hmac.compare_digest(
            signature.encode("utf-8", "replace"), self._signature(made, asker).encode()
        )
        return is_ours and self._monotonic() - int(made) < _LONGEST_S

    def _signature(self, made: str, asker: str) -> str:
        return hmac.digest(self._key, f"{made}.{asker}".encode("utf-8", "replace"), "sha256").hex()


async def form(http: web.Request, tokens: FormTokens, asker: str) -> MultiDict[str]:
    """The fields of a form, without the token.

    Args:
        http: The request.
        tokens: The maker of the form's token.
        asker: Who asks; "" for anybody.

    Raises:
        web.HTTPException: It is no form, too large, too slow, or its token is wrong or old.
    """
    body = await _body(http, "application/x-www-form-urlencoded", asker)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"no form in UTF-8 of {_MOST_FIELDS} fields at most\n") from error
    fields = MultiDict(pairs)
    if not tokens.is_good(fields.popall(CSRF_FIELD, [""])[0], asker):
        raise web.HTTPForbidden(
            text="This form is too old, or is another user's, so nothing was changed."
            " Go back, reload the page, and send it again.\n"
        )
    return fields


async def json(http: web.Request, kind: type[T], asker: str) -> T:
    """The body as a `kind`.

    Args:
        http: The request.
        kind: A type that msgspec knows.
        asker: Who asks; "" for anybody.

    Raises:
        web.HTTPException: It is no JSON, too large, too slow, or a field is wrong: it names the field.
    """
    body = await _body(http, "application/json", asker)
    try:
        return decode(kind, msgspec.json.decode(body), "")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise web.HTTPBadRequest(text=f"no JSON: {error}\n") from error
    except ConfigError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error


async def _body(http: web.Request, content_type: str, asker: str) -> bytes:
    if http.content_type != content_type:
        raise web.HTTPUnsupportedMediaType(text=f"expected Content-Type: {content_type}\n")
    largest = LARGEST if asker else LARGEST_OF_ANYBODY
    _check_size(http.content_length or 0, largest)
    body, connection = bytearray(), http.protocol
    assert isinstance(connection, Connection)  # noqa: S101 - each of ours is
    try:
        with connection.reads_body():
            async with asyncio.timeout(_READ_S):
                while part := await http.content.readany():
                    body += part
                    _check_size(len(body), largest)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"the body was not sent within {_READ_S:.0f} s\n") from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise web.HTTPBadRequest(text="the body broke off\n") from error
    return bytes(body)


def _check_size(size: int, largest: int) -> None:
    if size > largest:
        raise web.HTTPRequestEntityTooLarge(largest, size, text=f"too large; allowed: {largest} bytes\n")
