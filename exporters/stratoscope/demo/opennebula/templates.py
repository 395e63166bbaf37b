"""What a template says of a VM, read from oned's own syntax."""

import re
from collections.abc import Mapping
from typing import Any, Final

from stratoscope.demo.opennebula.errors import INTERNAL, OneError

_TEXT: Final = r'"(?:\\.|[^"\\])*"|[^\s,\[\]"]+'
_ATTRIBUTE: Final = re.compile(
    rf"\s*(\w+)\s*=\s*(?:\[(?P<vector>(?:{_TEXT}|[\s,=])*)\]|(?P<text>{_TEXT}))\s*"
)
_PART: Final = re.compile(rf"(\w+)\s*=\s*({_TEXT})")


def parse(text: str) -> dict[str, Any]:
    """The attributes of a text by name in capitals, the first of several: a text, or a vector's parts.

    Raises OneError.
    """
    found: dict[str, Any] = {}
    position = 0
    while text[position:].strip():
        match = _ATTRIBUTE.match(text, position)
        if match is None:
            wrong = "syntax error, unexpected VARIABLE, expecting EQUAL"
            where = f"at line {text[:position].count(chr(10))}, columns {position}:{len(text)}"
            raise OneError(INTERNAL, f"Parse error: {wrong} {where}")
        position = match.end()
        parts = {part[1].upper(): _plain(part[2]) for part in _PART.finditer(match["vector"] or "")}
        found.setdefault(match[1].upper(), _plain(match["text"]) if match["text"] else parts)
    return found


def number(found: Mapping[str, Any], name: str) -> float:
    """The value of an attribute; 0 for one that is missing or no number."""
    try:
        return float(found.get(name, 0))
    except (TypeError, ValueError):
        return 0.0


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
