"""Events of domains, counted by event and detail.

Source: virConnectDomainEventRegisterAny over one connection of its own, for all domains; read-only connections get
every event. Callbacks run in libvirt's event thread and hand over to the asyncio loop, where all state is kept.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import libvirt

from stratoscope.clouds.libvirt import vocabulary
from stratoscope.clouds.libvirt.connections import Connection
from stratoscope.clouds.libvirt.errors import NOT_SUPPORTED

log = logging.getLogger(__name__)

MOST_DOMAINS: Final = 20_000
"""Counts are kept for so many domains; what exceeds it counts for the host alone."""

Event = tuple[str, str]
"""Event and detail, in libvirt's words: ("stopped", "crashed"), ("io_error", "report")."""

_CHANGES: Final = {
    "defined",
    "device_added",
    "device_removed",
    "metadata_change",
    "tunable",
    "started",
    "resumed",
}
"""Events after which a domain's definition is read anew."""


class Events:
    """Counts of all events since the exporter started, and what was seen last."""

    def __init__(
        self, changed: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Args: changed: Called with the UUID of a domain whose definition is to be read anew."""
        self.by_domain: dict[str, Counter[Event]] = {}
        self.by_event: Counter[Event] = Counter({event: 0 for event in _known_events()})
        self.last_io_error: dict[str, float] = {}
        self._changed, self._monotonic = changed, monotonic

    def count(self, uuid: str, event: str, detail: str) -> None:
        self.by_event[event, detail] += 1
        if uuid in self.by_domain or len(self.by_domain) < MOST_DOMAINS:
            self.by_domain.setdefault(uuid, Counter())[event, detail] += 1
        if event == "io_error":
            self.last_io_error[uuid] = self._monotonic()
        if event in _CHANGES:
            self._changed(uuid)

    def keep(self, uuids: Iterable[str]) -> None:
        """Forget domains that are no longer there."""
        there = set(uuids)
        self.by_domain = {uuid: counts for uuid, counts in self.by_domain.items() if uuid in there}
        self.last_io_error = {uuid: when for uuid, when in self.last_io_error.items() if uuid in there}

    def io_error_age_s(self, uuid: str) -> float | None:
        when = self.last_io_error.get(uuid)
        return None if when is None else self._monotonic() - when


def subscribe(
    connection: Connection, count: Callable[[str, str, str], None], loop: asyncio.AbstractEventLoop
) -> list[str]:
    """Register for every event; blocks. Returns the names of those that the driver does not have.

    Raises:
        libvirt.libvirtError: The daemon is gone.
    """
    lacking = []
    for name, callback in _callbacks(_hand_over(count, loop)).items():
        number = getattr(libvirt, f"VIR_DOMAIN_EVENT_ID_{name.upper()}")
        try:
            connection.virt.domainEventRegisterAny(None, number, callback, None)
        except libvirt.libvirtError as error:
            if error.get_error_code() not in NOT_SUPPORTED:
                raise
            lacking.append(name)
    return lacking


def _hand_over(
    count: Callable[[str, str, str], None], loop: asyncio.AbstractEventLoop
) -> Callable[[Any, str, str], None]:
    def hand_over(domain: Any, event: str, detail: str) -> None:
        try:
            loop.call_soon_threadsafe(count, domain.UUIDString(), event, detail)
        except RuntimeError:
            log.debug("event after the end event=%s", event)  # the loop is closed

    return hand_over


def _callbacks(tell: Callable[[Any, str, str], None]) -> Mapping[str, Callable[..., None]]:
    """Event id's name -> libvirt-python's callback; each passes (connection, domain, ..., opaque)."""
    word = vocabulary.word
    return {
        "lifecycle": lambda _c, domain, event, detail, _o: tell(domain, *lifecycle(event, detail)),
        "reboot": lambda _c, domain, _o: tell(domain, "reboot", ""),
        "watchdog": lambda _c, domain, action, _o: tell(
            domain, "watchdog", word("VIR_DOMAIN_EVENT_WATCHDOG_", action)
        ),
        "io_error": lambda _c, domain, _path, _alias, action, _o: tell(
            domain, "io_error", word("VIR_DOMAIN_EVENT_IO_ERROR_", action)
        ),
        "control_error": lambda _c, domain, _o: tell(domain, "control_error", ""),
        "block_job": lambda _c, domain, _disk, kind, status, _o: tell(
            domain, "block_job", f"{_at(_BLOCK_JOBS, kind)}_{_at(_BLOCK_JOB_ENDS, status)}"
        ),
        "job_completed": lambda _c, domain, values, _o: tell(
            domain, "job_completed", word("VIR_DOMAIN_JOB_OPERATION_", values.get("operation", 0))
        ),
        "memory_failure": lambda _c, domain, _recipient, action, _flags, _o: tell(
            domain, "memory_failure", word("VIR_DOMAIN_EVENT_MEMORY_FAILURE_ACTION_", action)
        ),
        "device_added": lambda _c, domain, _alias, _o: tell(domain, "device_added", ""),
        "device_removed": lambda _c, domain, _alias, _o: tell(domain, "device_removed", ""),
        "metadata_change": lambda _c, domain, _kind, _uri, _o: tell(domain, "metadata_change", ""),
        "tunable": lambda _c, domain, _values, _o: tell(domain, "tunable", ""),
    }


def lifecycle(event: int, detail: int) -> Event:
    """virDomainEventType and its detail, in words."""
    name = _at(_EVENTS, event)
    return name, vocabulary.word(f"VIR_DOMAIN_EVENT_{name.upper()}_", detail)


def _at(names: Sequence[str], number: int) -> str:
    return names[number] if 0 <= number < len(names) else f"unknown_{number}"


_EVENTS: Final = ("defined", "undefined", "started", "suspended", "resumed", "stopped", "shutdown", "pmsuspended",
                  "crashed")  # fmt: skip
_BLOCK_JOBS: Final = ("unknown", "pull", "copy", "commit", "active_commit", "backup")
_BLOCK_JOB_ENDS: Final = ("completed", "failed", "canceled", "ready")


def _known_events() -> Iterable[Event]:
    """Every event that can be counted from zero, so that the first one shows in a rate."""
    for name in _EVENTS:
        for detail in vocabulary.words(f"VIR_DOMAIN_EVENT_{name.upper()}_").values():
            yield name, detail
    for name in ("watchdog", "io_error"):
        for detail in vocabulary.words(f"VIR_DOMAIN_EVENT_{name.upper()}_").values():
            yield name, detail
    yield from (("reboot", ""), ("control_error", ""))
