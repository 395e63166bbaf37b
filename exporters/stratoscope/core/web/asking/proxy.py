"""The user and groups that a trusted proxy sends in its headers."""

from typing import Final

from aiohttp import web

from stratoscope.core.web.asking.known import OF_TOKENS, Known, Outcome, refused
from stratoscope.core.web.asking.peer import is_of
from stratoscope.core.web.asking.settings import ProxySettings

_LONGEST: Final = 256
"""Characters of a user's name."""


def outcome(request: web.Request, proxy: ProxySettings | None) -> Outcome:
    """The user that the proxy names; these headers are ignored from all other addresses."""
    if proxy is None or not is_of(request, proxy.networks):
        return None
    users = request.headers.getall(proxy.user_header, [])
    if not any(users):
        return None
    user = users[0].strip()
    if len(users) > 1 or not user or not user.isprintable() or len(user) > _LONGEST:
        # Two: the proxy adds its header to the client's.
        return refused(
            403, f"{proxy.user_header}: expected one printable name of {_LONGEST} characters at most"
        )
    if user.startswith(OF_TOKENS):
        return refused(403, f"{proxy.user_header}: {OF_TOKENS} begins the names of tokens, not of users")
    groups = request.headers.getall(proxy.groups_header, ()) if proxy.groups_header else ()
    if len(groups) > 1:  # as with two users
        return refused(403, f"{proxy.groups_header}: expected one line, with commas in between")
    names = (name.strip() for line in groups for name in line.split(","))
    return Known(user, groups=frozenset(name for name in names if name))


def asked_host(request: web.Request, proxy: ProxySettings | None) -> str | None:
    """The host in the browser's URL, if a trusted proxy reports it; else None, and `Host` counts."""
    if proxy is None or not is_of(request, proxy.networks):
        return None
    return request.headers.get("X-Forwarded-Host", "").partition(",")[0].strip() or None
