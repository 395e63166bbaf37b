"""Requests to the programs of the demo, over HTTP on loopback."""

import json
from functools import cache
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from stratoscope.show.terminal import DemoError

_TIMEOUT_S = 5


class NoAnswerError(DemoError):
    """A program did not answer, or refused.

    Attributes:
        why: In words, without the address.
    """

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url}: {why}")
        self.why = why


@cache
def _opener() -> OpenerDirector:
    """It asks no proxy, whatever the environment names: that would ask its own loopback."""
    return build_opener(ProxyHandler({}))


def get(url: str, body: object = None) -> bytes:
    """What the URL answers; with a body, which is sent as JSON, to a POST. Raises NoAnswerError."""
    content = None if body is None else json.dumps(body).encode()
    request = Request(url, content, {"Content-Type": "application/json"})  # noqa: S310 - http://127.0.0.1 only
    try:
        with _opener().open(request, timeout=_TIMEOUT_S) as answer:
            found: bytes = answer.read()
            return found
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        late = f"it takes longer than {_TIMEOUT_S} s"
        raise NoAnswerError(url, late if isinstance(reason, TimeoutError) else str(error)) from error


def get_json(url: str) -> Any:
    """The document that the URL answers. Raises NoAnswerError."""
    content = get(url)
    try:
        return json.loads(content)
    except ValueError as error:
        raise NoAnswerError(url, f"no JSON: {error}") from error


def is_ready(base: str) -> bool:
    try:
        get(f"{base}/-/ready")
    except NoAnswerError:
        return False
    return True


def first_page(urls: list[str], instead: bytes) -> str:
    """The first address that answers with a page; "" for none. Args: instead: Debian's words in its place."""
    for url in urls:
        try:
            if instead not in get(url):
                return url
        except NoAnswerError:
            continue
    return ""


def ask(prometheus: str, query: str) -> list[dict[str, Any]]:
    """The results of a query now; those are `metric`, its labels, and `value`, a moment and a text.

    Raises:
        NoAnswerError: As `get`.
    """
    answer = get_json(f"{prometheus}/api/v1/query?{urlencode({'query': query})}")
    result: list[dict[str, Any]] = answer["data"]["result"]
    return result
