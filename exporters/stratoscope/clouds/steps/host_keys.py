"""The SSH host keys that a VM has written to its console.

Source: the blocks `SSH HOST KEY KEYS` and `SSH HOST KEY FINGERPRINTS`, as cloud-init and CirrOS write them.
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from stratoscope.clouds.lifecycle import StepLeftOutError

ConsoleLog: TypeAlias = Callable[[str], Awaitable[str]]
"""Called with a VM's id: what it has written to its console so far, or the end of that. A kind has its own.

Raises StepError; StepLeftOutError if it cannot be read here.
"""

LONGEST_LOG: Final = 1 << 18
"""In characters: nothing before them is read."""
_LONGEST_LINE: Final = 1 << 13
_DASHES: Final = "-----"
_MARKER: Final = re.compile(f"{_DASHES}(BEGIN|END) SSH HOST KEY (KEYS|FINGERPRINTS){_DASHES}")
_KEY: Final = re.compile(
    r"\b(ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa) +([A-Za-z0-9+/]+={0,2})(?:\s|$)"
)
_FINGERPRINT: Final = re.compile(r"\b(SHA256:[A-Za-z0-9+/]{43})\b.*\((ED25519|ECDSA|RSA)\)")
_ALGORITHMS: Final = {
    "ssh-ed25519": ("ED25519", "ssh-ed25519"),
    "ecdsa-sha2-nistp256": ("ECDSA", "ecdsa-sha2-nistp256"),
    "ecdsa-sha2-nistp384": ("ECDSA", "ecdsa-sha2-nistp384"),
    "ecdsa-sha2-nistp521": ("ECDSA", "ecdsa-sha2-nistp521"),
    "rsa-sha2-512": ("RSA", "ssh-rsa"),
    "rsa-sha2-256": ("RSA", "ssh-rsa"),
    "ssh-rsa": ("RSA", "ssh-rsa"),
}
"""Algorithms of signatures, the better ones first: the name of their keys in a fingerprint, and in a key. The
last is all that the dropbear of old CirrOS has."""


class NoHostKeyError(Exception):
    """Why a server shows no host key, in a few words."""


@dataclass(frozen=True, slots=True)
class Written:
    """The host keys that a VM has written.

    Attributes:
        fingerprints: As `ssh-keygen -l` shows them: SHA256:...
        algorithms: Those by which a server can show that it has one of the keys.
    """

    fingerprints: frozenset[str]
    algorithms: tuple[str, ...]


async def no_console(_: str) -> str:
    """The console log of a kind that shows none."""
    raise StepLeftOutError("reachable: this kind of cloud shows no console")


def written(log: str) -> Written | None:
    """The keys of all blocks of a console log that are complete; None without one."""
    found = {*_keys(log)}
    if not found:
        return None
    kinds = {kind for kind, _ in found}
    algorithms = (name for name, names in _ALGORITHMS.items() if not kinds.isdisjoint(names))
    return Written(frozenset(one for _, one in found), tuple(algorithms))


def _keys(log: str) -> Iterator[tuple[str, str]]:
    """The kind and the fingerprint of each key."""
    block = ""
    found: list[tuple[str, str]] = []
    for line in log[-LONGEST_LOG:].splitlines():
        short = line[:_LONGEST_LINE]
        if _DASHES in short and (marker := _MARKER.search(short)):
            if marker[1] == "END" and marker[2] == block:
                yield from found
            block, found = marker[2] if marker[1] == "BEGIN" else "", []
        elif block:
            found += _fingerprint(short) if block == "FINGERPRINTS" else _key(short)


def _key(line: str) -> Iterator[tuple[str, str]]:
    for kind, text in _KEY.findall(line):
        try:
            blob = base64.b64decode(text, validate=True)
        except ValueError:  # another line of the console has come in between
            continue
        if blob[4 : 4 + len(kind)] == kind.encode():
            digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
            yield kind, f"SHA256:{digest.rstrip('=')}"


def _fingerprint(line: str) -> Iterator[tuple[str, str]]:
    if found := _FINGERPRINT.search(line):
        yield found[2], found[1]
