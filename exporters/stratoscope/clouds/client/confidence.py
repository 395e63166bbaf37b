"""Removes a request's secrets from its response: services and gateways cite what they received."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote, quote_plus

_HIDDEN: Final = "<secret>"
_IN_URLS: Final = (quote, quote_plus, partial(quote, safe=""))
_KEY: Final = re.compile(r"(?:password|passcode|secret|token)\Z")


class Confidence:
    """Secrets, in each form in which they may be cited: plain, in JSON, in JSON within JSON, in a URL."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spelled: set[str] = set()
        for secret in filter(None, secrets):
            in_json = {_in_json(secret), json.dumps(secret, ensure_ascii=False)[1:-1]}
            spellings = {secret, *in_json, *map(_in_json, in_json)}
            spelled |= spellings | {in_url(one) for one in spellings for in_url in _IN_URLS}
        self._spelled = sorted(spelled, key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._spelled:
            text = text.replace(secret, _HIDDEN)
        return text

    def body(self, body: bytes) -> bytes:
        for secret in self._spelled:
            body = body.replace(secret.encode(), _HIDDEN.encode())
        return body


def of(auth: Mapping[str, Any]) -> Confidence:
    """The secrets of a log-in. Args: auth: The section `auth` of clouds.yaml."""
    return Confidence(str(value) for key, value in auth.items() if _KEY.search(key.lower()))


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]
