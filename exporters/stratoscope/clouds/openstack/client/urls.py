"""Checks whether requests can be sent to a URL that an operator wrote."""

import re
from typing import Final
from urllib.parse import urlsplit

from yarl import URL

_LONGEST_HOST: Final = 253
_LONGEST_LABEL: Final = 63
_EXPECTED: Final = "expected a URL such as `https://cloud.example.org:5000/v3`"
_NO_HOST: Final = "it has no host, or a port outside 1 to 65535"
_PASSWORD: Final = re.compile(r"//[^/@]*@")


def fault(url: str) -> str:
    """The fault of a URL, and what is allowed; "" if there is none. It cites no password."""
    try:
        why = _fault(url)
    except ValueError:
        why = _NO_HOST
    cited = repr(_PASSWORD.sub("//<secret>@", url)[:200])
    return f"{_EXPECTED}, got {cited}: {why}" if why else ""


def _fault(url: str) -> str:
    split = urlsplit(url)
    if split.scheme not in {"http", "https"}:
        return "it begins with neither http:// nor https://"
    if re.search(r"[\s\x7f]", url):
        return "there is a blank in it"
    if "$(" in url or "%(" in url:
        return "nobody fills that in"
    if split.port == 0 or not _is_host(split.hostname or ""):
        return _NO_HOST
    if split.username is not None or split.query or split.fragment:
        return "a user, a `?` or a `#` has no place in it"
    return "" if URL(url).host else _NO_HOST


def _is_host(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    return len(host) <= _LONGEST_HOST and all(
        0 < len(label.encode("idna") if not label.isascii() else label) <= _LONGEST_LABEL for label in labels
    )
