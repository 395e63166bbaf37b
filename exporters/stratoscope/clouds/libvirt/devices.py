"""Device names of domains, and calls to one domain that may fail; for drivers that are read per domain.

Source: virDomainGetXMLDesc.
"""

import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any, Final

import libvirt

from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.errors import UNAUTHORIZED

READ_ANEW_AFTER_S: Final = 600
"""Device names are read again at this age, up to twice it, so that not all are due at once. Few drivers
report changes."""


class Reader:
    """Makes calls to one domain; the outcome is None if the driver lacks the call or it fails."""

    def __init__(self, connection: Connection, domain: libvirt.virDomain) -> None:
        self._connection, self._domain = connection, domain

    def __call__(self, call: str, *args: object) -> Any:
        """Raises libvirt.libvirtError if the daemon is gone, or denies the call to everybody."""
        if call in self._connection.lacks:
            return None
        try:
            return getattr(self._domain, call)(*args)
        except libvirt.libvirtError as error:
            code = error.get_error_code()
            if code == libvirt.VIR_ERR_NO_SUPPORT:
                self._connection.lacks.add(call)
            elif code in UNAUTHORIZED or not self._connection.is_alive():
                raise
            return None


@dataclass(frozen=True, slots=True)
class _Names:
    domain_id: int
    until: float
    disks: tuple[str, ...]
    taps: tuple[str, ...]


class Devices:
    """Device names of domains, read from their definitions, and read again when they change or get old."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._known: dict[str, _Names] = {}
        self._changes = 0
        self._monotonic = monotonic

    def of(self, reader: "Reader", uuid: str, domain_id: int) -> _Names | None:
        """The names; None if they cannot be read. Blocks."""
        known, now = self._known.get(uuid), self._monotonic()
        if known is not None and known.domain_id == domain_id and now < known.until:
            return known
        changes = self._changes
        text = reader("XMLDesc")
        if text is None:
            return None
        try:
            disks, taps = _names(text)
        except ET.ParseError:
            return None
        until = now + READ_ANEW_AFTER_S + hash(uuid) % READ_ANEW_AFTER_S
        names = _Names(domain_id, until, disks, taps)
        self._known[uuid] = names
        if changes != self._changes:  # it changed meanwhile: `forget` first counts, then removes
            self._known.pop(uuid, None)
        return names

    def forget(self, uuid: str) -> None:
        """The domain changed; called in another thread than the reader's."""
        self._changes += 1
        self._known.pop(uuid, None)

    def keep(self, uuids: Container[str]) -> None:
        """Forget domains that no longer exist."""
        for uuid in list(self._known):  # a copy, since `forget` may be called at any moment
            if uuid not in uuids:
                self._known.pop(uuid, None)


def _names(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the disks and of the interfaces of one domain."""
    root = ET.fromstring(text)  # noqa: S314 - libvirt wrote it

    def targets(kind: str) -> tuple[str, ...]:
        found = [target.get("dev") for target in root.iterfind(f"devices/{kind}/target")]
        return tuple(name for name in found if name)

    return targets("disk"), targets("interface")
