"""The step `reachable`: the probe's own VM answers at its address, whatever its kind.

Source: an ICMP echo by a datagram socket, which needs no privilege; or a TCP connection and what the VM sends
first over it; or a key exchange with its SSH server, without a log-in, and its console. It gets nothing else.
"""

import asyncio
import os
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec

from stratoscope.clouds.lifecycle import Phase, RunReason, StepError, Underway
from stratoscope.clouds.steps.host_keys import ConsoleLog, NoHostKeyError, no_console, written
from stratoscope.clouds.steps.last_look import is_last_look
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import is_shortage

Address: TypeAlias = IPv4Address | IPv6Address

TRY_S: Final = 1.0
"""How long a VM has for an echo, or for accepting a connection."""
BANNER_S: Final = 2.0
"""How long it has for its banner."""
KEY_S: Final = 5.0
"""How long it has for a key exchange."""
LONGEST_BANNER: Final = 256
"""In bytes."""

_WAYS: Final = "{icmp: true}, {tcp: 22, banner: SSH-} with the banner if wanted, or {ssh: 22}"
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
        ssh: The SSH server at this port shows one of the host keys that the VM has written to its console.
    """

    icmp: bool = False
    tcp: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    banner: str = ""
    ssh: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None

    def __post_init__(self) -> None:
        ways = (self.icmp, self.tcp is not None, self.ssh is not None)
        if sum(ways) != 1:
            what = "several ways" if any(ways) else "no way"
            raise ValueError(f"{what} to reach the VM; allowed: {_WAYS}")
        if self.banner and self.tcp is None:
            raise ValueError("banner: only tcp looks at it; allowed: together with tcp")
        if len(self.banner.encode()) > LONGEST_BANNER:
            raise ValueError(f"banner: too long; allowed: up to {LONGEST_BANNER} bytes")
        if self.ssh is not None and find_spec("asyncssh") is None:
            raise ValueError("ssh: the package asyncssh is missing; the extra [vmprobe] installs it")


def echo_socket(version: int) -> socket.socket:
    """A socket for echoes of this version of IP. Raises OSError if the kernel does not allow it."""
    return socket.socket(_VERSIONS[version].family, socket.SOCK_DGRAM, _VERSIONS[version].icmp)


class Reaching:
    """Implements Step: each look is one try. What fails is said at the end of the phase's time.

    A host key that is not the VM's is said at once: at that moment another machine has answered.
    """

    def __init__(
        self,
        wanted: Reachable,
        echo_socket: Callable[[int], socket.socket] = echo_socket,
        *,
        console_log: ConsoleLog = no_console,
    ) -> None:
        """Args: console_log: Of the kind; `ssh` needs it."""
        self.phase: Phase = Phase.REACHABLE
        self.creates: str = ""
        self.is_before_request: bool = False
        self.seen: str = ""
        self._wanted, self._echo_socket, self._console_log = wanted, echo_socket, console_log
        if wanted.ssh is not None:
            from stratoscope.clouds.steps.ssh_server import fingerprint  # noqa: PLC0415 - 0.2 s for few probes

            self._fingerprint = fingerprint

    async def begin(self, run: Underway) -> None:
        """Nothing is to be requested; the VM has to have an address."""
        _address(run)

    async def has_ended(self, run: Underway) -> bool:
        """Whether the VM answers now.

        Raises:
            StepError: It has no address, or does not answer and no time is left, or another machine answers;
                or the probe's own machine does not allow the try.
            StepLeftOutError: Its console cannot be read, and its host key is to be compared.
        """
        address = _address(run)
        failure = await self._failure(address, run)
        if failure and is_last_look():
            raise failure
        return failure is None

    async def _failure(self, address: Address, run: Underway) -> StepError | None:
        """What is wrong with its answer; None for nothing."""
        port = self._wanted.tcp or self._wanted.ssh
        where = f"{address} port {port}" if port else f"{address}"
        try:
            if self._wanted.ssh is not None:
                return await self._compare(address, self._wanted.ssh, run.vm_id)
            if self._wanted.tcp is not None:
                problem = await _talk(address, self._wanted.tcp, self._wanted.banner.encode())
            else:
                problem = await self._echo(address)
        except TimeoutError:
            problem = "nothing comes back"
        except OSError as error:
            if is_shortage(error):
                what = f"the exporter is short of something: {error}"
                raise StepError(RunReason.INTERNAL, what) from error
            problem = os.strerror(error.errno or 0)
        except NoHostKeyError as error:
            problem = f"no SSH host key: {error}"
        return StepError(RunReason.NETWORK, f"{where} does not answer: {problem}") if problem else None

    async def _compare(self, address: Address, port: int, vm_id: str) -> StepError | None:
        """Why the server does not show a host key of the VM; None if it does. Raises if it shows another.

        The console is read only once the port answers, and before the key is asked for.
        """
        async with _connected(address, port) as sock:
            log = await self._console_log(vm_id)
            keys = await asyncio.to_thread(written, log)  # 0.2 s for the worst one
            if keys is None:
                what = f"{address} port {port} answers, but the VM's console shows no SSH host keys"
                return StepError(RunReason.TIMEOUT, what)
            async with asyncio.timeout(at_most_s(KEY_S)):
                shown = await self._fingerprint(sock, keys.algorithms)
        if shown not in keys.fingerprints:
            what = f"{address} port {port} is not the VM: its SSH host key {shown} is not on the VM's console"
            raise StepError(RunReason.NETWORK, what)
        return None

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
                    await asyncio.sleep(0)  # what is there already is received without a wait
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


@asynccontextmanager
async def _connected(address: Address, port: int) -> AsyncIterator[socket.socket]:
    """A TCP connection. Raises OSError if there is none."""
    with socket.socket(_VERSIONS[address.version].family, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        async with asyncio.timeout(at_most_s(TRY_S)):
            await asyncio.get_running_loop().sock_connect(sock, (str(address), port))
        yield sock


async def _talk(address: Address, port: int, banner: bytes) -> str:
    """What is wrong with what comes first; "" for nothing."""
    async with _connected(address, port) as sock:
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
    """The first address of the VM. Raises StepError if it has none, or one at which others answer."""
    addresses = run.seen.addresses if run.seen else ()
    if not addresses:
        raise StepError(RunReason.NETWORK, "the VM has no address")
    try:
        address = ip_address(addresses[0])
    except ValueError as error:
        raise StepError(RunReason.API_ERROR, f"the VM's address is none: {addresses[0]!r}") from error
    if address.is_unspecified or address.is_multicast:  # this machine itself would answer, or several
        raise StepError(RunReason.API_ERROR, f"the VM's address is none: {addresses[0]!r}")
    return address
