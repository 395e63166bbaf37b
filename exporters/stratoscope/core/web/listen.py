"""`--web.listen-address` -> listening sockets."""

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final

from stratoscope.core.errors import ConfigError

MOST: Final = 512
"""Connections at once, unless `--web.max-connections` says otherwise."""

_FLAG: Final = "--web.listen-address"
_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5})\Z")
_BACKLOG: Final = 256
_HIGHEST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; an empty host is every interface, IPv4 and IPv6."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """An address from the command line.

        Raises:
            ConfigError: It is no address.
        """
        match = _ADDRESS.match(text)
        if match is None or int(match["port"]) > _HIGHEST_PORT:
            raise ConfigError(
                f"{_FLAG}: {text!r} is no address; allowed: HOST:PORT, [IPV6]:PORT, :PORT, ports 0-65535"
            )
        if match["v6"] is not None:
            _check_ipv6(match["v6"], text)
        return cls(match["v6"] or match["host"], int(match["port"]))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _check_ipv6(host: str, text: str) -> None:
    try:
        ipaddress.IPv6Address(host)
    except ValueError as error:
        raise ConfigError(f"{_FLAG}: {text!r}: {error}; allowed in brackets: an IPv6 address") from error


async def listening(address: Address) -> socket.socket:
    """A socket that listens there.

    Raises:
        ConfigError: It cannot listen: in use, not this machine's address, no right, no such host.
    """
    try:
        if not address.host:
            return _everywhere(address.port)
        family, place = await _resolved(address)
        return socket.create_server(place, family=family, backlog=_BACKLOG)
    except UnicodeError as error:
        raise ConfigError(f"{_FLAG}: {address} is no host's name") from error
    except OSError as error:
        # socket.create_server writes its own words after the system's; the system's alone are said.
        reason = (error.strerror or str(error)).partition(" (while")[0]
        raise ConfigError(f"{_FLAG}: cannot listen on {address}: {reason}") from error


def _everywhere(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
    return socket.create_server(("", port), backlog=_BACKLOG)


async def _resolved(address: Address) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """The host's address; IPv4 if it has both, as other exporters do."""
    found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    found.sort(key=lambda info: info[0] is not socket.AF_INET)
    family, _, _, _, place = found[0]
    return family, (str(place[0]), address.port)


def url(listener: socket.socket, *, tls: bool) -> str:
    """The URL of the pages, without a path; `[::]` for every interface."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{Address(host, port)}"
