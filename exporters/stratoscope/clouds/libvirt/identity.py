"""Caches identities of domains, from their definitions: read again when the domain changes, and after 30 s.

Source: virDomainGetXMLDesc, which needs no monitor.
"""

import math
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import libvirt

from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.definition import parse
from stratoscope.clouds.libvirt.errors import GONE
from stratoscope.clouds.libvirt.model import Identity

READ_ANEW_AFTER_S: Final = 30
"""A definition is read again at this age: no event reports that a link was set down, or a block job began.
Unchanged definitions are not parsed again."""
_MOST_CHANGED: Final = 20_000
"""Limit on changed domains between two lists; beyond it all count as changed."""
_YOUNG_S: Final = READ_ANEW_AFTER_S / 2


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity
    domain_id: int
    digest: int
    read_at: float


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition; `identity` is None if the text has not changed."""

    domain_id: int
    digest: int
    identity: Identity | None


@dataclass(frozen=True, slots=True)
class Definitions:
    """The result of `read`.

    Attributes:
        found: By UUID.
        malformed: How many definitions, or parts of changed ones, could not be read or were malformed.
        began: When the reading began: later changes may be missing.
    """

    found: Mapping[str, Definition]
    malformed: int
    began: float


class Identities:
    """The identities of all present domains, one entry each."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._known: dict[str, _Known] = {}
        self._changed_at: dict[str, float] = {}
        self._all_changed_at = -math.inf
        self._asked_at = -math.inf
        self._monotonic = monotonic

    def known(self) -> Mapping[str, Identity]:
        """The identities by UUID, as last read."""
        return {uuid: known.identity for uuid, known in self._known.items()}

    def digests(self) -> Mapping[str, int]:
        """Digests of the known definitions by UUID."""
        return {uuid: known.digest for uuid, known in self._known.items()}

    def forget(self, uuid: str) -> None:
        """The domain changed: read it again next time, and use the known identity until then.

        The domain may be unknown yet, and just being read.
        """
        if uuid not in self._changed_at and len(self._changed_at) >= _MOST_CHANGED:
            self._changed_at.clear()
            self.forget_all()
        self._changed_at[uuid] = self._monotonic()

    def forget_all(self) -> None:
        """Any domain may have changed."""
        self._all_changed_at = self._monotonic()

    def missing(self, domains: Mapping[str, int]) -> list[str]:
        """The domains that must be read now, new ones first; domains that are gone are forgotten.

        Args:
            domains: Ids of all domains by UUID.
        """
        self._known = {uuid: known for uuid, known in self._known.items() if uuid in domains}
        self._changed_at = {uuid: at for uuid, at in self._changed_at.items() if uuid in domains}
        new, changed, others = [], [], []
        now = self._monotonic()
        for uuid, domain_id in domains.items():
            known = self._known.get(uuid)
            if known is None or known.domain_id != domain_id:
                new.append(uuid)
            elif known.read_at <= max(self._all_changed_at, self._changed_at.get(uuid, -math.inf)):
                changed.append(uuid)
            else:
                others.append(uuid)
        return new + changed + self._old(others, now)

    def _old(self, uuids: list[str], now: float) -> list[str]:
        """The domains that are too old, and some younger ones, so that they do not get old all at once."""
        share = min(1.0, (now - self._asked_at) / READ_ANEW_AFTER_S)
        self._asked_at = now
        ages = {uuid: now - self._known[uuid].read_at for uuid in uuids}
        oldest = sorted(
            (uuid for uuid in uuids if ages[uuid] >= _YOUNG_S), key=ages.__getitem__, reverse=True
        )
        too_old = sum(ages[uuid] >= READ_ANEW_AFTER_S for uuid in oldest)
        return oldest[: max(too_old, math.ceil(len(uuids) * share))]

    def learn(self, definitions: Definitions) -> None:
        """Store the result of `read`."""
        for uuid, one in definitions.found.items():
            known = self._known.get(uuid)
            identity = one.identity or (known.identity if known is not None else None)
            if identity is not None:
                self._known[uuid] = _Known(identity, one.domain_id, one.digest, definitions.began)


def read(
    connection: Connection, wanted: Mapping[str, int], digests: Mapping[str, int], within_s: float
) -> Definitions:
    """Identities of these domains, as many as can be read in `within_s`; blocks.

    Args:
        connection: An open connection.
        wanted: Domain ids by UUID.
        digests: Digests of the known definitions.
        within_s: Seconds.

    Raises:
        libvirt.libvirtError: The daemon is gone, or not one definition can be read.
    """
    began = time.monotonic()
    found: dict[str, Definition] = {}
    malformed, failure = 0, None
    for uuid, domain_id in wanted.items():
        try:
            found[uuid] = one = _definition(connection.domain(uuid).XMLDesc(0), domain_id, digests.get(uuid))
            malformed += one.identity.malformed if one.identity is not None else 0
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


def _definition(text: str, domain_id: int, known: int | None) -> Definition:
    digest = hash(text)
    return Definition(domain_id, digest, None if digest == known else parse(text))
