"""The address of an HTTP proxy in the environment: checked, and shown without user and password."""

import os
import re
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from stratoscope.core.config import Secret
from stratoscope.core.errors import CollectError, Reason

_ADDRESS: Final = re.compile(
    r"(?:(?P<scheme>https?)://)?"
    r"(?:(?P<user>[^:/?#\[\]\\@]*)(?::(?P<password>[^/?#\[\]\\]*))?@)?"
    r"(?P<host>(?:[\w-]{1,63}\.)*[\w-]{1,63}\.?|\[(?P<ipv6>[\da-f:.]+)\])"
    r"(?::(?P<port>\d{1,5}))?"
    r"(?:[/?#][^@]*)?",
    re.ASCII | re.IGNORECASE,
)
"""An `@` after a `/`, `?` or `#` belongs to a password in which these are not encoded."""
_HIGHEST_PORT: Final = 65535
_ALLOWED: Final = (
    "allowed: http://HOST:PORT or https://HOST:PORT, before HOST also USER:PASSWORD@, "
    "percent-encoded, such as %2F for / and %23 for #"
)


class Proxy(msgspec.Struct, frozen=True):
    """An HTTP proxy.

    Attributes:
        place: `http://HOST:PORT`.
        address: The same with user and password, in the form that aiohttp and `requests` read alike.
    """

    place: str
    address: Secret


def checked(address: str | None) -> Proxy | None:
    """The proxy at an address of the environment, which may have no scheme (`http://`); None for none.

    Raises:
        CollectError: It is no address of an HTTP proxy. The error names the variable, and quotes none of it.
    """
    if not address:
        return None
    found = _read(address.strip())
    if found is None:
        raise CollectError(
            Reason.UNAVAILABLE, f"{_variables(address)}: no address of an HTTP proxy; {_ALLOWED}"
        )
    return found


def through(proxy: Proxy | None) -> str:
    """`, through the proxy http://HOST:PORT`; "" for none."""
    return f", through the proxy {proxy.place}" if proxy else ""


def _read(address: str) -> Proxy | None:
    parts = _ADDRESS.fullmatch(address)
    if parts is None:
        return None
    scheme, host, port = (parts["scheme"] or "http").lower(), parts["host"], parts["port"]
    user, password = unquote(parts["user"] or ""), unquote(parts["password"] or "")
    try:
        if parts["ipv6"]:
            IPv6Address(parts["ipv6"])
        (user + password).encode("latin-1")  # a header can hold no other
    except ValueError:
        return None
    if ":" in user or not 0 < int(port or 1) <= _HIGHEST_PORT:
        return None
    at = f"{host}:{port}" if port else host
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
    return Proxy(f"{scheme}://{at}", Secret(f"{scheme}://{who}{at}"))


def _variables(address: str) -> str:
    """The variables of the environment that hold an address."""
    names = (name for name, value in os.environ.items() if value == address)
    return ", ".join(sorted(name for name in names if name.lower().endswith("_proxy")))
