"""Masks what looks like a secret in the words of a source."""

import re
from typing import Final

_MASK: Final = "<masked>"
_WORDS: Final = (
    r"(?:token|passw(?:or)?d|adminpass|secret|api[_-]?key)[\w-]{0,40}|\b(?:set-)?cookie|\bauthorization"
)
_NAMED: Final = re.compile(
    rf"""(?P<name>(?:{_WORDS})\\?["']?\s*[:=]\s*)"""
    r"""(?:\\?"[^"]*"|'[^']*'|"""
    r"""(?:(?:basic|bearer|negotiate)\s+)?[^\s"',;}\]]+(?:;\s*[\w-]+=[^\s"',;}\]]+)*)""",
    re.IGNORECASE,
)
"""A secret with its name before it: a header, a key of JSON or of a query. The end of a name is bounded: from
each of many names in one a search would go to the end."""
_BARE: Final = re.compile(
    r"\bgAAAA[\w=-]{20,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=://)[^\s/@]+@|\b(?:bearer|basic)\s+[\w.+/=~-]{8,}",
    re.IGNORECASE,
)
"""A token of Keystone (Fernet, JWS), the user of a URL, the value of a header without its name."""


def masked(text: str) -> str:
    """The text without what looks like a secret."""
    return _BARE.sub(_MASK, _NAMED.sub(rf"\g<name>{_MASK}", text))
