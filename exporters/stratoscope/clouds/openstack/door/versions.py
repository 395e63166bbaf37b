"""Microversions: the newest that both a service and this exporter know.

Source: the service's version document, asked for once an hour.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from stratoscope.clouds.clock import CLOCK, Clock

NAMES: Final[Mapping[str, str]] = {
    "compute": "compute",
    "placement": "placement",
    "block-storage": "volume",
    "baremetal": "baremetal",
    "shared-file-system": "shared-file-system",
    "container-infrastructure-management": "container-infra",
}
"""The services that have them, by the name that the header gives them."""

_OWN_HEADERS: Final[Mapping[str, str]] = {
    "compute": "X-OpenStack-Nova-API-Version",
    "baremetal": "X-OpenStack-Ironic-API-Version",
    "shared-file-system": "X-OpenStack-Manila-API-Version",
}
"""What they were told in before there was one header for all; Manila knows no other."""

KNOWN_FOR_S: Final = 3600.0

Number = tuple[int, int]


class _One(msgspec.Struct, frozen=True):
    version: str | None = None
    max_version: str | None = None


class _Document(msgspec.Struct, frozen=True):
    """The list of versions, or the document of one (`default_version` is Ironic's)."""

    versions: list[_One] = []
    version: _One | None = None
    default_version: _One | None = None


class Versions:
    """The newest microversion of each service."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._newest: dict[str, tuple[float, Number | None]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def headers(
        self, service: str, wanted: str, document: Callable[[], Awaitable[bytes]]
    ) -> Mapping[str, str]:
        """The headers that ask a service for a microversion, or for its own newest where that is older.

        Args:
            service: Its type.
            wanted: The newest that is understood; "" for none.
            document: Asks for the service's version document.

        Raises:
            CollectError: What `document` raises.
        """
        if not wanted or service not in NAMES:
            return {}
        async with self._locks.setdefault(service, asyncio.Lock()):
            found, newest = self._newest.get(service, (-KNOWN_FOR_S, None))
            if service not in self._newest or self._clock.monotonic() - found > KNOWN_FOR_S:
                newest = _newest(await document(), _number(wanted))
                self._newest[service] = self._clock.monotonic(), newest
        if newest is None:
            return {}
        version = ".".join(map(str, min(newest, _number(wanted))))
        headers = {"OpenStack-API-Version": f"{NAMES[service]} {version}"}
        if service in _OWN_HEADERS:
            headers[_OWN_HEADERS[service]] = version
        return headers

    def forget(self, service: str) -> None:
        """Ask again: it refused what it was asked for."""
        self._newest.pop(service, None)


def _newest(body: bytes, wanted: Number) -> Number | None:
    """The newest of the same major version; None where the service has no microversions."""
    try:
        document = msgspec.json.decode(body, type=_Document)
    except msgspec.DecodeError:
        return None
    ones = [one for one in (*document.versions, document.version, document.default_version) if one]
    numbers = [_number(text) for one in ones for text in (one.max_version, one.version) if text]
    return max((number for number in numbers if number[0] == wanted[0]), default=None)


def _number(text: str) -> Number:
    """`2.96` as a pair; (0, 0) for what is none."""
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)
