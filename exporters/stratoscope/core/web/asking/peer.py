"""The other end of a connection: its address, and whether it is a client on this machine."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from aiohttp import HttpVersion11, hdrs, web

from stratoscope.core.web.cross_site import is_cross_site

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_PASSED_ON: Final = re.compile(
    r"(?i:(?:x-)?forwarded(?:-.*)?|via|x-(?:real|client|cluster-client)-ip|(?:cf-connecting|true-client)-ip(?:v6)?"
    r"|fastly-client-ip|x-original-.*|x-envoy-external-address|x-proxyuser-ip|cf-ray|cdn-loop)"
)
"""Many proxies add at least one of these headers; none of them proves that there is no proxy."""
_LOCAL: Final = re.compile(r"(?i:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?")


def peer(request: web.Request) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address of the TCP peer. A socket for both families reports IPv4 as `::ffff:127.0.0.1`."""
    address = ipaddress.ip_address((request.remote or "::").partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_of(request: web.Request, networks: Iterable[Network]) -> bool:
    """Whether the TCP peer is in one of the networks."""
    address = peer(request)
    return any(address in network for network in networks)


def names_this_machine(host: str) -> bool:
    """Whether a host, as a URL has it, is this machine itself."""
    return _LOCAL.fullmatch(f"[{host}]" if ":" in host else host) is not None


def why_not_local(request: web.Request) -> str | None:
    """Why the request is not from a client on this machine itself; None if it is.

    A page of another site in this machine's browser can send requests, too, after DNS rebinding even under
    the site's own name. A proxy on this machine passes on requests of others. One that sends no telling
    header, such as nginx as it comes, is not recognised: see Guard.published.
    """
    if not peer(request).is_loopback:
        return "it comes from another machine"
    passed_on = next((name for name in request.headers if _PASSED_ON.fullmatch(name)), None)
    if request.version < HttpVersion11:  # nginx asks so as it comes, and adds no header
        passed_on = "HTTP/1.0"
    if passed_on is not None:
        return f"a proxy forwarded it, according to {passed_on}"
    hosts = request.headers.getall(hdrs.HOST, ())
    if len(hosts) != 1 or not _LOCAL.fullmatch(hosts[0]):
        return "Host is no name of this machine; allowed: localhost, 127.0.0.1, [::1]"
    if is_cross_site(request.headers):
        return "it was sent for a page of another site"
    return None
