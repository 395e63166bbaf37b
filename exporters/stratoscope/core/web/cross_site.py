"""Whether a browser asks for a page of another site (cross-site request forgery)."""

from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs

_USUAL_PORTS: Final = {"http": ":80", "https": ":443"}
"""Browsers leave them out; a proxy may write them into the name of the host."""


def is_cross_site(headers: Mapping[str, str], host: str | None = None) -> bool:
    """Whether a browser sends the request for a page of another site; other clients do not report it.

    Args:
        headers: The request's.
        host: The host in the browser's URL, if a proxy changes `Host`.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get(hdrs.ORIGIN)
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is None:
        return False
    scheme, _, name = origin.lower().partition("://")
    host = (host or headers.get(hdrs.HOST, "")).lower().removesuffix(_USUAL_PORTS.get(scheme, ""))
    return not host or name != host
