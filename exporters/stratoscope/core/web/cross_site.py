"""Whether a browser asks for a page of another site (cross-site request forgery)."""

from collections.abc import Mapping

from aiohttp import hdrs


def is_cross_site(headers: Mapping[str, str], host: str | None = None) -> bool:
    """Whether a browser sends the request for a page of another site; other clients do not report it.

    Args:
        headers: The request's.
        host: The host in the browser's URL, if a proxy changes `Host`.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get(hdrs.ORIGIN)
    if site is not None:
        return site not in ("same-origin", "none")
    host = (host or headers.get(hdrs.HOST, "")).lower()
    return origin is not None and (not host or origin.lower().partition("://")[2] != host)
