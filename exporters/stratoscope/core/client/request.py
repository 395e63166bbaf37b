"""One request, with the flags of `flags.Parser`.

Redirects are not followed: they would take the password along.
"""

import argparse
import base64
import http.client
import json
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from stratoscope.core.errors import short_line

_LARGEST_SECRET: Final = 4096
_GOOD: Final = frozenset({200, 201})
_REDIRECTS: Final = range(300, 400)
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING")


class AskError(Exception):
    """There is no usable answer; `str()` of it says why."""


class RefusedError(AskError):
    """The server answered with another status than 200 or 201.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}" + (f": {text}" if text else ""))
        self.status = status


class Message(NamedTuple):
    """A request.

    Attributes:
        path: Below that of `--url`.
        body: Sent as JSON; None for none.
        headers: Beside those of the log-in.
    """

    method: str
    path: str
    body: object = None
    headers: Mapping[str, str] = {}


def fetched(flags: argparse.Namespace, path: str, *, largest: int) -> Any:
    """What the server answers in JSON to a GET. As `sent`."""
    return sent(flags, Message("GET", path), largest=largest)


def sent(flags: argparse.Namespace, message: Message, *, largest: int) -> Any:
    """What the server answers in JSON.

    Args:
        flags: Those of `flags.Parser`; with `prefix`, if on the command line they begin with one.
        largest: Of the answer, in bytes.

    Raises:
        AskError, OSError, http.client.HTTPException: There is no answer, or none that is allowed.
        ValueError: It is no JSON.
    """
    connection, data, until = _connection(flags), None, time.monotonic() + flags.timeout
    headers = {**_headers(flags), **message.headers}
    if message.body is not None:
        data, headers["Content-Type"] = json.dumps(message.body).encode(), "application/json"
    try:
        connection.request(message.method, f"{flags.url.path}{message.path}", body=data, headers=headers)
        answer = connection.getresponse()
        text = _read(answer, largest + 1, until)
    finally:
        connection.close()
    if answer.status not in _GOOD:
        raise RefusedError(answer.status, _words(answer, text))
    if len(text) > largest:
        raise AskError(f"the answer has more than {largest} bytes")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _read(answer: http.client.HTTPResponse, most: int, until: float) -> bytes:
    """The body, of which `most` bytes. A time-out of the socket is for each part of it alone."""
    parts, size = list[bytes](), 0
    while part := answer.read1(most - size):
        parts.append(part)
        size += len(part)
        if time.monotonic() > until:
            raise TimeoutError("timed out")
    return b"".join(parts)


def why(error: OSError | http.client.HTTPException) -> str:
    """Why there is no answer, without numbers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}; allowed: --ca-file with who signs it"
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return "it does not speak TLS; allowed: http:// for this server"
    is_system = isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
    return (error.strerror if is_system else "") or str(error)  # type: ignore[union-attr]  # of OSError


def _connection(flags: argparse.Namespace) -> http.client.HTTPConnection:
    url = flags.url
    if not url.is_tls:
        return http.client.HTTPConnection(url.host, url.port, timeout=flags.timeout)
    context = _context(flags.ca_file)
    return http.client.HTTPSConnection(url.host, url.port, timeout=flags.timeout, context=context)


def _headers(flags: argparse.Namespace) -> Mapping[str, str]:
    if flags.token_file is not None:
        flag = f"--{getattr(flags, 'prefix', '')}token-file"
        token = _secret(flag, flags.token_file)
        if not token.isascii():
            raise AskError(f"{flag}: {flags.token_file}: a token has letters of ASCII alone")
        return {"Authorization": f"Bearer {token}"}
    if flags.user is None:
        return {}
    password = _secret("--password-file", flags.password_file)
    pair = f"{flags.user}:{password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # it names no file, and a file without certificates is an SSLError
        what = "no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise AskError(f"--ca-file: {ca_file}: {what}") from error


def _secret(flag: str, file: Path) -> str:
    """The first line of a file."""
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.readline(_LARGEST_SECRET).rstrip("\r\n")
    except OSError as error:
        raise AskError(f"{flag}: {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AskError(f"{flag}: {file}: no text in UTF-8") from error
    if not text:
        raise AskError(f"{flag}: {file}: its first line is empty")
    return text


def _words(answer: http.client.HTTPResponse, body: bytes) -> str:
    """What the server says of a request that it refuses, in plain text or as a JSON string; no pages."""
    if answer.status in _REDIRECTS:
        return "a redirect, which is not followed; allowed: the address that it leads to"
    kind, text = answer.headers.get_content_type(), body.decode(errors="replace").strip()
    is_string = kind == "application/json" and text.startswith('"')
    return short_line(text) if kind == "text/plain" or is_string else ""
