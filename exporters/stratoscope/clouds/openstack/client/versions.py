"""Microversions: the newest that both a service and this exporter support.

Source: the service's version document, requested once an hour. An invalid document is an error, and does not
mean that the service has no microversions: its lists would lack fields.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

import msgspec

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.request import Response
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.catalogue import IN_PATH, IN_URL
from stratoscope.clouds.openstack.client.decoding import Decoder
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, Reason

NAMES: Final[Mapping[str, str]] = {
    "compute": "compute",
    "placement": "placement",
    "block-storage": "volume",
    "baremetal": "baremetal",
    "shared-file-system": "shared-file-system",
    "container-infrastructure-management": "container-infra",
}
"""The services with microversions, and their names in the header."""

_OWN_HEADERS: Final[Mapping[str, str]] = {
    "compute": "X-OpenStack-Nova-API-Version",
    "baremetal": "X-OpenStack-Ironic-API-Version",
    "shared-file-system": "X-OpenStack-Manila-API-Version",
}
"""The headers from before the common one; Manila knows only its own."""

KNOWN_FOR_S: Final = 3600.0
SOON_S: Final = 60.0
"""After this time a document that could not be read is requested again: a proxy may have been faulty."""
_PATIENCE_S: Final = 5.0
"""How long a request waits for confirmation of versions that are already known."""

Number = tuple[int, int]

_NUMBER: Final = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")


class _One(msgspec.Struct, frozen=True):
    """The fields by which every service's version is recognised."""

    id: str
    version: str | None = None
    max_version: str | None = None


class _Document(msgspec.Struct, frozen=True):
    """The list of versions, or the document of one (`default_version` is Ironic's)."""

    versions: list[_One] = []
    version: _One | None = None
    default_version: _One | None = None

    def all(self) -> list[_One]:
        return [one for one in (*self.versions, self.version, self.default_version) if one]


_DOCUMENT: Final = Decoder(_Document)


_OF_A_VERSION: Final = frozenset({"version", "versions", "default_version", "resources"})
"""Keys of a list of versions or a version's document; `resources` is Neutron's."""
_READ: Final = frozenset({*NAMES, *IN_URL, *IN_PATH})
_ANY: Final[Decoder[object]] = Decoder(object)


def is_from(service: str, answer: Response) -> bool:
    """Whether a service itself answers a request without a token: with its versions, or Keystone's 401.

    Of a service that is not read (or of Swift, which has no versions) any answer will do that is no page.
    """
    if answer.headers.get("www-authenticate", "").startswith("Keystone"):
        return True
    if service not in _READ:
        is_page = answer.headers.get("content-type", "").startswith("text/html")
        return not (is_page and answer.status == HTTPStatus.OK)
    try:
        body = _ANY.decode(answer.body)
    except msgspec.DecodeError:
        return False
    return isinstance(body, dict) and (bool(body.keys() & _OF_A_VERSION) or _is_version(body.get("id")))


def _is_version(name: object) -> bool:
    """Whether it is the `id` of a version, as the documents of Ironic and Magnum have it: `v1`."""
    return isinstance(name, str) and name.startswith("v") and name[1:2].isdigit()


class Known(msgspec.Struct, frozen=True):
    """The newest microversion of a service.

    Attributes:
        newest: None if it has no microversions.
        until: When it is requested again.
        fault: Why the document could not be read; "" if it could.
    """

    newest: Number | None
    until: float
    fault: str = ""

    def reaches(self, wanted: str) -> bool:
        return self.newest is not None and self.newest >= _number(wanted)

    def require(self, service: str, oldest: str) -> None:
        """Reject a service that does not support this microversion. Raises CollectError: `unavailable`."""
        if self.reaches(oldest):
            return
        what = f"microversion {oldest} is needed, and"
        if self.newest:
            what = f"too old: {what} its newest is {_text(self.newest)}"
        elif self.fault:
            what = f"{what} its version document is not to be had ({self.fault})"
        else:
            what = f"too old: {what} it reports none"
        raise CollectError(Reason.UNAVAILABLE, f"{service}: {what}")


class Versions:
    """The newest microversion of each service."""

    def __init__(self, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._known: dict[str, Known] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def headers(
        self, service: str, wanted: str, document: Callable[[], Awaitable[bytes]], *, oldest: str = ""
    ) -> Mapping[str, str]:
        """The headers that request a microversion of a service, or its own newest if that is older.

        Args:
            wanted, oldest: The newest and the oldest microversion that are understood; "" for none.
            document: Requests the service's version document.

        Raises as `known`; CollectError `unavailable` if the service is older than `oldest`.
        """
        if not wanted or service not in NAMES:
            return {}
        known = await self.known(service, wanted, document)
        if oldest:
            known.require(service, oldest)
        if known.newest is None:
            return {}
        version = _text(min(known.newest, _number(wanted)))
        headers = {"OpenStack-API-Version": f"{NAMES[service]} {version}"}
        if service in _OWN_HEADERS:
            headers[_OWN_HEADERS[service]] = version
        return headers

    def forget(self, service: str) -> None:
        """Request the document again, since the service refused a microversion."""
        self._known.pop(service, None)

    async def known(self, service: str, wanted: str, document: Callable[[], Awaitable[bytes]]) -> Known:
        """The known versions, requested if unknown or too old. Args: as of `headers`.

        Raises CollectError as `document`, but not after 403 or 404: then there are no microversions;
        `malformed` if it is no version document. If a version is already known, neither is raised.
        """
        async with self._locks.setdefault(service, asyncio.Lock()):
            known = self._known.get(service)
            if known is None or self._clock.monotonic() >= known.until:
                known = self._known[service] = await self._ask(service, wanted, document)
        return known

    async def _ask(self, service: str, wanted: str, document: Callable[[], Awaitable[bytes]]) -> Known:
        before, fault = self._known.get(service), ""
        try:
            async with asyncio.timeout(at_most_s(_PATIENCE_S) if before and before.newest else None):
                body = await document()
            newest, for_s = _newest(service, body, _number(wanted)), KNOWN_FOR_S
        except (CollectError, ForbiddenError, TimeoutError) as error:
            newest, for_s, fault = before.newest if before else None, SOON_S, str(error)
            if newest is None and not isinstance(error, ForbiddenError | NotThereError):
                raise
        return Known(newest, self._clock.monotonic() + for_s, fault)


def _newest(service: str, body: bytes, wanted: Number) -> Number | None:
    """The newest microversion of the same major version; None without microversions. Raises CollectError
    `malformed`.
    """
    try:
        ones = _DOCUMENT.decode(body).all()
    except msgspec.DecodeError as error:
        raise CollectError(Reason.MALFORMED, f"{service}: versions: {error}") from error
    if not ones:
        raise CollectError(Reason.MALFORMED, f"{service}: versions: the document has none")
    numbers = [_number(text) for one in ones for text in (one.max_version, one.version) if text]
    return max((number for number in numbers if number[0] == wanted[0]), default=None)


def _text(number: Number) -> str:
    return ".".join(map(str, number))


def _number(text: str) -> Number:
    """`2.96` as a pair; (0, 0) if it is no version."""
    found = _NUMBER.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else (0, 0)
