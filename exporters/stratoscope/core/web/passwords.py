"""Basic authentication with bcrypt hashes: one costly check per password, few for a client that guesses."""

import asyncio
import base64
import hmac
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import bcrypt

from stratoscope.core.config import Secret
from stratoscope.core.singleflight import SingleFlight
from stratoscope.core.threads import BlockingCalls

_AT_ONCE: Final = 2
_MOST_WAITING: Final = 32
_CHECK_TIMEOUT_S: Final = 10.0
_MOST_ADDRESSES: Final = 4096
_FAILURES: Final = 10
_LONGEST: Final = 72
"""bcrypt uses no more bytes of a password; Go cuts it silently, Python's bcrypt requires the caller to."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The user and password that a client sends."""

    user: str
    password: bytes = field(repr=False)

    @classmethod
    def parse(cls, header: str) -> "Credentials | None":
        """The credentials of an Authorization header (RFC 7617, in UTF-8); None if it has none."""
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
            return cls(user.decode(), password) if colon else None
        except ValueError:  # no base64, or no UTF-8
            return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password is right; `retry_after_s` is above zero if it was not checked."""

    accepted: bool
    retry_after_s: int = 0
    too_many: bool = False


class Passwords:
    """Checks passwords, remembers the right ones, and slows guessing down per client address.

    It stores a hash of user, stored hash and password, keyed with this process's own key. That is looked up
    first, so that a client with the right password is admitted while another one at its address guesses. A
    user has only one right password, so there are at most as many entries as users.
    """

    def __init__(
        self,
        check: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        timeout_s: float = _CHECK_TIMEOUT_S,
        failures: "Failures | None" = None,
    ) -> None:
        """Begin without known passwords.

        Args:
            check: Called with the password and the stored hash, in a thread.
            monotonic: The clock.
            timeout_s: How long a check may take.
            failures: Where wrong passwords are counted, together with others.
        """
        self._check, self._timeout_s = check, timeout_s
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._flight: SingleFlight[bytes, bool] = SingleFlight()
        self._failures = failures or Failures(monotonic)
        self._calls = BlockingCalls("bcrypt", _AT_ONCE)
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def verdict(self, users: Mapping[str, Secret], credentials: Credentials, address: str) -> Verdict:
        """Whether these are the credentials of a user; concurrent checks of the same credentials share one
        check.
        """
        stored = users[credentials.user].reveal() if credentials.user in users else ""
        password = credentials.password[:_LONGEST]
        digest = self._digest(credentials.user, password, stored)
        if self._right.get(credentials.user) == digest:
            return Verdict(accepted=True)
        if self._flight.get(digest) is None:
            too_many = self._failures.are_too_many(address)
            if too_many or len(self._flight) >= _MOST_WAITING:
                return Verdict(accepted=False, retry_after_s=1, too_many=too_many)
            self._failures.add(address)

        def start() -> "asyncio.Task[bool]":
            task = asyncio.create_task(self._checked(password, stored, users), name="password")
            task.add_done_callback(lambda done: self._ended(credentials.user, digest, address, done))
            return task

        task = self._flight.call(digest, start)
        done, _ = await asyncio.wait({task}, timeout=self._timeout_s)
        if not done or task.cancelled():
            return Verdict(accepted=False, retry_after_s=1)
        return Verdict(accepted=task.result())

    async def close(self) -> None:
        """Cancel checks in progress."""
        await self._flight.close()
        self._calls.close()

    async def _checked(self, password: bytes, stored: str, users: Mapping[str, Secret]) -> bool:
        """Args: stored: "" for an unknown user."""
        costliest = max(_cost(one.reveal()) for one in users.values())
        async with self._turn:
            matches = await self._calls.start(
                self._compared, password, stored or _decoy(costliest), costliest
            )
        return matches and bool(stored)

    def _compared(self, password: bytes, stored: str, costliest: int) -> bool:
        """Whether they match, after the time of the costliest hash, so that the duration does not reveal who
        is a user.

        Each cost takes twice the time of the one below. So the time that is missing is the hash's own once
        more, and that of each cost up to the costliest.
        """
        matches = self._check(password, stored.encode())
        for cost in range(_cost(stored), costliest):
            self._check(password, _decoy(cost).encode())
        return matches

    def _ended(self, user: str, digest: bytes, address: str, task: "asyncio.Task[bool]") -> None:
        if task.cancelled() or not task.result():
            return
        self._failures.remove(address)
        self._right[user] = digest

    def _digest(self, user: str, password: bytes, stored: str) -> bytes:
        name = user.encode()
        message = len(name).to_bytes(4, "big") + name + stored.encode() + password
        return hmac.digest(self._key, message, "sha256")


def _cost(stored: str) -> int:
    return int(stored[4:6])


def _decoy(cost: int) -> str:
    """A hash that no password has."""
    return f"$2b${cost:02}${'.' * 53}"


class Failures:
    """How many wrong log-ins each client address has made: a bucket that holds ten and loses one a second.

    So every client at the address of one that guesses (a proxy, NAT) can try once a second. An attempt counts
    from its start, also if there are many at once.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._by_network: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def are_too_many(self, address: str) -> bool:
        """Whether a further attempt has to wait."""
        return self._level(_network(address)) > _FAILURES - 1

    def add(self, address: str) -> None:
        """An attempt has begun."""
        self._put(address, 1)

    def remove(self, address: str) -> None:
        """The attempt was no failure."""
        self._put(address, -1)

    def _put(self, address: str, more: int) -> None:
        network = _network(address)
        level = max(0.0, self._level(network) + more)
        self._by_network[network] = (level, self._monotonic())
        self._by_network.move_to_end(network)
        if len(self._by_network) > _MOST_ADDRESSES:
            self._by_network.popitem(last=False)

    def _level(self, network: str) -> float:
        level, at = self._by_network.get(network, (0.0, 0.0))
        return max(0.0, level - (self._monotonic() - at))


def _network(address: str) -> str:
    """The address that is counted: for IPv6 the /64 network, which one client can use; for IPv4, mapped or
    not, the address.
    """
    if ":" not in address:
        return address
    of_client = ipaddress.IPv6Address(address.partition("%")[0])
    mapped = of_client.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.IPv6Network((of_client, 64), strict=False))
