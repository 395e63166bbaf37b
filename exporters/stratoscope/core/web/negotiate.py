"""What a client accepts: text or OpenMetrics by `Accept`, gzip by `Accept-Encoding` (RFC 9110, 12.5)."""

import re
from dataclasses import dataclass
from typing import Final

_Q: Final = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\Z")


@dataclass(frozen=True, slots=True)
class _Range:
    """One element of an Accept header: `place` is its position, `version` is empty if none is requested."""

    name: str
    version: str
    q: float
    place: int


def wants_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics 1.0.0 is preferred to text 0.0.4; if both are equal, text is used.

    Parameters other than `version` and `q` are ignored: Prometheus 3 adds `escaping=`.
    """
    ranges = _ranges(accept)
    openmetrics = _liking(ranges, "application/openmetrics-text", "1.0.0")
    return openmetrics[0] > 0 and openmetrics > _liking(ranges, "text/plain", "0.0.4")


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is accepted, and its q is not below that of no encoding."""
    by_name = {one.name: one.q for one in _ranges(accept_encoding)}
    gzip = by_name.get("gzip", by_name.get("*", 0.0))
    return gzip > 0 and gzip >= by_name.get("identity", 0.0)


def _ranges(header: str) -> list[_Range]:
    """The elements of a header; one with a malformed q is left out."""
    found = []
    for place, element in enumerate(header.lower().split(",")):
        name, *parameters = (part.strip() for part in element.split(";"))
        values = dict(part.partition("=")[::2] for part in parameters)
        q = values.get("q", "1").strip()
        if name and _Q.match(q):
            found.append(_Range(name, values.get("version", "").strip(' "'), float(q), place))
    return found


def _liking(ranges: list[_Range], name: str, version: str) -> tuple[float, int, int]:
    """The preference for a format: the q of its most specific range, then how specific and how early that
    is.
    """
    fitting = [(specific, -one.place, one.q) for one in ranges if (specific := _specific(one, name, version))]
    if not fitting:
        return (0.0, 0, 0)
    specific, place, q = max(fitting)
    return (q, specific, place)


def _specific(one: _Range, name: str, version: str) -> int:
    if one.name == name:
        return {version: 4, "": 3}.get(one.version, 0)
    if one.name == f"{name.partition('/')[0]}/*":
        return 2
    return 1 if one.name == "*/*" else 0
