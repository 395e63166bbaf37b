"""Basic authentication against bcrypt hashes: one costly check per password, few per client that guesses."""

import asyncio
import base64
import binascii
import hmac
import ipaddress
import math
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import bcrypt

from stratoscope.core.config import Secret
from stratoscope.core.threads import BlockingCalls

_AT_ONCE: Final = 2
_MOST_WAITING: Final = 32
_CHECK_TIMEOUT_S: Final = 10.0
_MOST_KNOWN: Final = 256
_MOST_ADDRESSES: Final = 4096
_FAILURES: Final = 10
_WINDOW_S: Final = 60.0
_LONGEST: Final = 72
"""bcrypt looks at no more bytes of a password; Go cuts silently, Python's bcrypt wants it done."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client says it is."""

    user: str
    password: bytes = field(repr=False)

    @classmethod
    def parse(cls, header: str) -> "Credentials | None":
        """The credentials of an Authorization header (RFC 7617); None for another scheme or nonsense."""
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
            return cls(user.decode(), password) if colon else None
        except (binascii.Error, UnicodeDecodeError):
            return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password is right; `retry_after_s` above zero when it was not looked at."""

    accepted: bool
    retry_after_s: int = 0
    too_many: bool = False


class Passwords:
    """Checks passwords, remembers the right ones, and slows guessing down per client address.

    What is remembered is a hash of user, stored hash and password, keyed with this process's own key. It is
    looked up first: a client with the right password stays in while another behind its address guesses.
    """

    def __init__(
        self,
        check: Callable[[bytes, bytes], bool] = bcrypt.checkpw,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        timeout_s: float = _CHECK_TIMEOUT_S,
    ) -> None:
        """`check` is told the password and the stored hash, in a thread."""
        self._check, self._timeout_s = check, timeout_s
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[bool]] = {}
        self._failures = _Failures(monotonic)
        self._calls = BlockingCalls("bcrypt", _AT_ONCE)
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def verdict(self, users: Mapping[str, Secret], given: Credentials, address: str) -> Verdict:
        """Whether these credentials are of one of the users; concurrent checks of the same are one check."""
        stored = users[given.user].reveal() if given.user in users else _decoy(users)
        password, digest = given.password[:_LONGEST], self._digest(given, stored)
        if digest in self._right:
            self._right.move_to_end(digest)
            return Verdict(accepted=True)
        task = self._under_way.get(digest)
        if task is None:
            wait_s = self._failures.wait_s(address)
            if wait_s or len(self._under_way) >= _MOST_WAITING:
                return Verdict(accepted=False, retry_after_s=wait_s or 1, too_many=bool(wait_s))
            counted = self._failures.add(address)
            task = asyncio.create_task(
                self._checked(password, stored, known=given.user in users), name="password"
            )
            self._under_way[digest] = task
            task.add_done_callback(lambda done: self._ended(digest, address, counted, done))
        done, _ = await asyncio.wait({task}, timeout=self._timeout_s)
        if not done or task.cancelled():
            return Verdict(accepted=False, retry_after_s=1)
        return Verdict(accepted=task.result())

    async def close(self) -> None:
        """Give up checks that are under way."""
        tasks = set(self._under_way.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._calls.close()

    async def _checked(self, password: bytes, stored: str, *, known: bool) -> bool:
        async with self._turn:
            matches = await self._calls.run(self._check, password, stored.encode())
        return matches and known

    def _ended(self, digest: bytes, address: str, counted: float, task: "asyncio.Task[bool]") -> None:
        del self._under_way[digest]
        if task.cancelled() or not task.result():
            return
        self._failures.remove(address, counted)
        self._right[digest] = None
        if len(self._right) > _MOST_KNOWN:
            self._right.popitem(last=False)

    def _digest(self, given: Credentials, stored: str) -> bytes:
        user = given.user.encode()
        message = len(user).to_bytes(4, "big") + user + stored.encode() + given.password
        return hmac.digest(self._key, message, "sha256")


def _decoy(users: Mapping[str, Secret]) -> str:
    """A hash that no password has, as costly as the users', so that nobody can tell who is one."""
    cost = max(stored.reveal()[4:6] for stored in users.values())
    return f"$2b${cost}${'.' * 53}"


class _Failures:
    """When each client address last guessed wrong. An attempt counts from its start: so do many at once."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._by_address: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """After how many seconds the address may try again; 0 when it may now."""
        times = self._by_address.get(_network(address))
        if times is None:
            return 0
        now = self._monotonic()
        while times and now - times[0] >= _WINDOW_S:
            times.popleft()
        return math.ceil(times[0] + _WINDOW_S - now) if len(times) >= _FAILURES else 0

    def add(self, address: str) -> float:
        times = self._by_address.setdefault(_network(address), deque())
        self._by_address.move_to_end(_network(address))
        if len(self._by_address) > _MOST_ADDRESSES:
            self._by_address.popitem(last=False)
        times.append(self._monotonic())
        return times[-1]

    def remove(self, address: str, counted: float) -> None:
        times = self._by_address.get(_network(address))
        if times is not None and counted in times:
            times.remove(counted)


def _network(address: str) -> str:
    """An IPv6 client has a whole /64 to call from: it counts as one."""
    if ":" not in address:
        return address
    return str(ipaddress.IPv6Network((address.partition("%")[0], 64), strict=False))
