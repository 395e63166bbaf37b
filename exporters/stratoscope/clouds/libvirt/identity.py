"""Identities of domains, read from their definitions once, and anew when the domain changes.

Source: virDomainGetXMLDesc, which asks no monitor.
"""

import math
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import libvirt

from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.definition import parse
from stratoscope.clouds.libvirt.errors import GONE
from stratoscope.clouds.libvirt.model import Identity

READ_ANEW_AFTER_S: Final = 600
"""A definition is read anew at this age even without an event that says it changed; a few at a time."""
_AT_ONCE: Final = 10
_MOST_CHANGED: Final = 20_000
"""So many may change between two lists; then all count as changed."""


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity
    domain_id: int
    read_at: float


@dataclass(frozen=True, slots=True)
class Definitions:
    """What `read` found.

    Attributes:
        found: Domain id and identity by UUID.
        malformed: How many definitions could not be read or made no sense.
        began: When it began to read: what changed later was perhaps not seen.
    """

    found: Mapping[str, tuple[int, Identity]]
    malformed: int
    began: float


class Identities:
    """The identities of the domains there are now: one entry each, so their number bounds the cache."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._known: dict[str, _Known] = {}
        self._changed_at: dict[str, float] = {}
        self._all_changed_at = -math.inf
        self._monotonic = monotonic

    def known(self) -> Mapping[str, Identity]:
        """The identities by UUID, as they were read last."""
        return {uuid: known.identity for uuid, known in self._known.items()}

    def forget(self, uuid: str) -> None:
        """The domain changed: read it anew next time, and show what is known until then.

        It may be one that is not known yet, and is just being read.
        """
        if uuid not in self._changed_at and len(self._changed_at) >= _MOST_CHANGED:
            self._changed_at.clear()
            self.forget_all()
        self._changed_at[uuid] = self._monotonic()

    def forget_all(self) -> None:
        """Any domain may have changed."""
        self._all_changed_at = self._monotonic()

    def missing(self, domains: Mapping[str, int]) -> list[str]:
        """What must be read now, the new ones first; what is gone is forgotten.

        Args:
            domains: Ids of all domains by UUID.
        """
        self._known = {uuid: known for uuid, known in self._known.items() if uuid in domains}
        self._changed_at = {uuid: at for uuid, at in self._changed_at.items() if uuid in domains}
        new, changed, old = [], [], []
        now = self._monotonic()
        for uuid, domain_id in domains.items():
            known = self._known.get(uuid)
            if known is None or known.domain_id != domain_id:
                new.append(uuid)
            elif known.read_at <= max(self._all_changed_at, self._changed_at.get(uuid, -math.inf)):
                changed.append(uuid)
            elif now - known.read_at > READ_ANEW_AFTER_S:
                old.append(uuid)
        return new + changed + old[: max(_AT_ONCE, len(domains) // 20)]

    def learn(self, definitions: Definitions) -> None:
        """Take over what `read` found."""
        for uuid, (domain_id, identity) in definitions.found.items():
            self._known[uuid] = _Known(identity, domain_id, definitions.began)


def read(
    connection: Connection, uuids: Iterable[str], ids: Mapping[str, int], within_s: float
) -> Definitions:
    """Identities of these domains, as many as can be read in `within_s`; blocks.

    Raises:
        libvirt.libvirtError: The daemon is gone, or not one definition can be read.
    """
    began = time.monotonic()
    found: dict[str, tuple[int, Identity]] = {}
    malformed, failure = 0, None
    for uuid in uuids:
        try:
            found[uuid] = (ids[uuid], parse(connection.domain(uuid).XMLDesc(0)))
        except libvirt.libvirtError as error:
            if not connection.is_alive():
                raise
            if error.get_error_code() not in GONE:
                malformed, failure = malformed + 1, error
        except (ET.ParseError, ValueError, KeyError):
            malformed += 1
        if time.monotonic() - began > within_s:
            break
    if failure is not None and not found:
        raise failure
    return Definitions(found, malformed, began)
