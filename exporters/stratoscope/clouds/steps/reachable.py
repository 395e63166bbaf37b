"""The step `reachable`: the probe's own VM answers at its address, whatever its kind.

Source: an ICMP echo by a datagram socket, which needs no privilege; or a TCP connection and what the VM sends
first over it. The VM gets nothing else.
"""

import asyncio
import math
import os
import secrets
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec

from stratoscope.clouds.lifecycle import Phase, RunReason, StepError, Underway
from stratoscope.core.deadline import DEADLINE, at_most_s
from stratoscope.core.errors import is_shortage

Address: TypeAlias = IPv4Address | IPv6Address

TRY_S: Final = 1.0
"""How long a VM has for an echo, or for accepting a connection."""
BANNER_S: Final = 2.0
"""How long it has for its banner."""
LAST_S: Final = 3.0
"""With less time left than this a failed try is the last: the next look may come too late for a verdict."""
LONGEST_BANNER: Final = 256
"""In bytes."""

_WAYS: Final = "{icmp: true} or {tcp: 22, banner: SSH-}, the banner if wanted"
_HEADER: Final = struct.Struct("!BBHHH")
"""Type, code, checksum, id, sequence; the kernel sets checksum and id, and filters answers by the id."""


class _IP(NamedTuple):
    """A version of IP, with the types of an echo request and its answer."""

    family: socket.AddressFamily
    icmp: int
    request: int
    answer: int


_VERSIONS: Final = {
    4: _IP(socket.AF_INET, socket.IPPROTO_ICMP, 8, 0),
    6: _IP(socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129),
}


class Reachable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key `reachable` of a VM's description: one way to reach it.

    Attributes:
        icmp: It answers an echo request.
        tcp: It accepts a connection at this port.
        banner: What it sends first begins so; "" for anything or nothing.
    """

    icmp: bool = False
    tcp: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    banner: str = ""

    def __post_init__(self) -> None:
        if self.icmp == (self.tcp is not None):
            what = "both ways" if self.icmp else "no way"
            raise ValueError(f"{what} to reach the VM; allowed: {_WAYS}")
        if self.banner and self.tcp is None:
            raise ValueError("banner: an echo has none; allowed: together with tcp")
        if len(self.banner.encode()) > LONGEST_BANNER:
            raise ValueError(f"banner: too long; allowed: up to {LONGEST_BANNER} bytes")


def echo_socket(version: int) -> socket.socket:
    """A socket for echoes of this version of IP. Raises OSError if the kernel does not allow it."""
    return socket.socket(_VERSIONS[version].family, socket.SOCK_DGRAM, _VERSIONS[version].icmp)


class Reaching:
    """Implements Step: each look is one try. The verdict is at the end of the phase's time: `network`."""

    def __init__(self, wanted: Reachable, echo_socket: Callable[[int], socket.socket] = echo_socket) -> None:
        self.phase: Phase = Phase.REACHABLE
        self.creates: str = ""
        self.is_before_request: bool = False
        self._wanted, self._echo_socket = wanted, echo_socket

    async def begin(self, run: Underway) -> None:
        """Nothing is to be requested; the VM has to have an address."""
        _address(run)

    async def has_ended(self, run: Underway) -> bool:
        """Whether the VM answers now.

        Raises StepError: It has no address, or does not answer and no time is left; or the probe's own
        machine does not allow the try.
        """
        address = _address(run)
        problem = await self._problem(address)
        if problem and DEADLINE.get(math.inf) - time.monotonic() < LAST_S:
            raise StepError(RunReason.NETWORK, f"{address}{self._port} does not answer: {problem}")
        return not problem

    @property
    def _port(self) -> str:
        return "" if self._wanted.tcp is None else f" port {self._wanted.tcp}"

    async def _problem(self, address: Address) -> str:
        """What is wrong with its answer; "" for nothing."""
        try:
            if self._wanted.tcp is None:
                return await self._echo(address)
            return await _connect(address, self._wanted.tcp, self._wanted.banner.encode())
        except TimeoutError:
            return "nothing comes back"
        except OSError as error:
            if is_shortage(error):
                what = f"the exporter is short of something: {error}"
                raise StepError(RunReason.INTERNAL, what) from error
            return os.strerror(error.errno or 0)

    async def _echo(self, address: Address) -> str:
        version = _VERSIONS[address.version]
        token = secrets.token_bytes(16)
        loop = asyncio.get_running_loop()
        with self._opened(address.version) as sock:
            sock.setblocking(False)
            sock.connect((str(address), 0))
            async with asyncio.timeout(at_most_s(TRY_S)):
                await loop.sock_sendall(sock, _HEADER.pack(version.request, 0, 0, 0, 1) + token)
                got = b""
                while got[:1] != bytes([version.answer]) or got[_HEADER.size :] != token:
                    got = await loop.sock_recv(sock, _HEADER.size + len(token) + 1)
        return ""

    def _opened(self, version: int) -> socket.socket:
        try:
            return self._echo_socket(version)
        except OSError as error:
            if is_shortage(error):
                raise
            if isinstance(error, PermissionError):
                why = "the kernel allows no echo: net.ipv4.ping_group_range has no group of the probe's user"
            else:
                why = f"this machine has no ICMP for IPv{version}: {os.strerror(error.errno or 0)}"
            raise StepError(RunReason.PROBE_MISCONFIGURED, f"reachable: {why}") from error


async def _connect(address: Address, port: int, banner: bytes) -> str:
    """What is wrong with a connection; "" for nothing. Raises OSError if there is none."""
    with socket.socket(_VERSIONS[address.version].family, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        async with asyncio.timeout(at_most_s(TRY_S)):
            await asyncio.get_running_loop().sock_connect(sock, (str(address), port))
        said = await _beginning(sock, len(banner))
    return "" if said == banner else f"it says {said!r}, not {banner!r}"


async def _beginning(sock: socket.socket, length: int) -> bytes:
    """The first bytes that come, at most so many; fewer if no more come in time."""
    said = bytearray()
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most_s(BANNER_S)):
            while len(said) < length and (part := await loop.sock_recv(sock, length - len(said))):
                said += part
    return bytes(said)


def _address(run: Underway) -> Address:
    """The first address of the VM. Raises StepError if it has none."""
    addresses = run.seen.addresses if run.seen else ()
    if not addresses:
        raise StepError(RunReason.NETWORK, "the VM has no address")
    try:
        return ip_address(addresses[0])
    except ValueError as error:
        raise StepError(RunReason.API_ERROR, f"the VM's address is none: {addresses[0]!r}") from error
