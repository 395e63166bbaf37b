"""Counts events of domains by event and detail, as libvirt names them.

The counts belong to the event loop's thread; listener.py brings the events there.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from stratoscope.clouds.libvirt import vocabulary

MOST_DOMAINS: Final = 20_000
"""Limit on domains with counts of their own; events of others count only for the host."""

Event = tuple[str, str]
"""Event and detail: ("stopped", "crashed"), ("io_error", "report")."""

_CHANGES: Final = {
    "balloon_change",
    "block_job",
    "defined",
    "device_added",
    "device_removed",
    "metadata_change",
    "resumed",
    "started",
    "tunable",
}
"""Events after which a domain's definition is read again."""
_UNWANTED: Final = ("failed", "crashed")
"""Details of stopping that nobody requested."""


class Events:
    """Counts of all events since the exporter started, and the last end and I/O error of each domain."""

    def __init__(
        self, changed: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Args: changed: Called with the UUID of a domain whose definition must be read again."""
        self.by_domain: dict[str, Counter[Event]] = {}
        self.by_event: Counter[Event] = Counter(dict.fromkeys(_known_events(), 0))
        self._last_io_error: dict[str, tuple[int, float]] = {}
        self._heard: dict[str, float] = {}
        self._stopped: dict[str, tuple[str, float]] = {}
        self._changed, self._monotonic = changed, monotonic

    def count(self, uuid: str, domain_id: int, event: str, detail: str) -> None:
        """Count one event of a domain, which had this id then."""
        self.by_event[event, detail] += 1
        if event in _CHANGES:
            self._changed(uuid)
        if uuid not in self.by_domain and len(self.by_domain) >= MOST_DOMAINS:
            return
        self.by_domain.setdefault(uuid, Counter())[event, detail] += 1
        self._heard[uuid] = self._monotonic()
        if event == "io_error":
            self._last_io_error[uuid] = domain_id, self._heard[uuid]
        elif event == "stopped":
            self._stopped[uuid] = detail, self._heard[uuid]
        elif event == "started":
            self._stopped.pop(uuid, None)

    def keep(self, listed: Mapping[str, int], listed_at: float) -> None:
        """Forget domains that no longer exist, and the end of a domain that runs: its start event was missed.

        Args:
            listed: Domain id by UUID of all domains, -1 for those that are not active.
            listed_at: When the list began: it may not include later events.
        """
        gone = [uuid for uuid, at in self._heard.items() if uuid not in listed and at < listed_at]
        for of in (self.by_domain, self._last_io_error, self._heard, self._stopped):
            for uuid in gone:
                of.pop(uuid, None)
        self._stopped = {
            uuid: stop
            for uuid, stop in self._stopped.items()
            if listed.get(uuid, -1) < 0 or stop[1] >= listed_at
        }

    def was_ended(self, uuid: str) -> bool:
        """Whether the last event of a domain is that somebody ended it, or migrated it away."""
        detail, _ = self._stopped.get(uuid, (_UNWANTED[0], 0.0))
        return detail not in _UNWANTED

    def io_error_age_s(self, uuid: str, domain_id: int) -> float | None:
        """Seconds since the last I/O error of a domain under this id; None without one.

        A domain has a new id each time it starts, so that errors of an earlier process do not count.
        """
        of, at = self._last_io_error.get(uuid, (domain_id, None))
        return None if at is None or of != domain_id else self._monotonic() - at


def lifecycle(event: int, detail: int) -> Event:
    """The names of a virDomainEventType and its detail."""
    name = vocabulary.at(_LIFECYCLE, event)
    return name, vocabulary.word(f"VIR_DOMAIN_EVENT_{name.upper()}_", detail)


def _detail(event: str, prefix: str) -> Callable[[int], Event]:
    """The handler of an event whose one argument is a constant with a prefix."""
    return lambda number: (event, vocabulary.word(prefix, number))


def _plain(event: str) -> Callable[..., Event]:
    """The handler of an event whose arguments are not counted."""
    return lambda *_: (event, "")


def _block_job(_disk: str, kind: int, status: int) -> Event:
    return "block_job", f"{vocabulary.at(BLOCK_JOBS, kind)}_{vocabulary.at(_BLOCK_JOB_ENDS, status)}"


def _io_error(_path: str, _alias: str, action: int) -> Event:
    return "io_error", vocabulary.word("VIR_DOMAIN_EVENT_IO_ERROR_", action)


def _io_error_reason(_path: str, _alias: str, _action: int, reason: str) -> Event:
    if not reason:
        return "io_error_reason", "unknown"
    return "io_error_reason", reason if reason in _IO_ERROR_REASONS else "other"


def _job_completed(values: Mapping[str, Any]) -> Event:
    number = values.get("operation", 0)
    return "job_completed", vocabulary.word("VIR_DOMAIN_JOB_OPERATION_", number)


def _memory_failure(_recipient: int, action: int, _flags: int) -> Event:
    return "memory_failure", vocabulary.word("VIR_DOMAIN_EVENT_MEMORY_FAILURE_ACTION_", action)


_LIFECYCLE: Final = ("defined", "undefined", "started", "suspended", "resumed", "stopped", "shutdown",
                     "pmsuspended", "crashed")  # fmt: skip
BLOCK_JOBS: Final = ("unknown", "pull", "copy", "commit", "active_commit", "backup")
"""virDomainBlockJobType, in its order."""
_BLOCK_JOB_ENDS: Final = ("completed", "failed", "canceled", "ready")
_IO_ERROR_REASONS: Final = ("enospc",)

HEARD: Final[Mapping[str, Callable[..., Event]]] = {
    "lifecycle": lifecycle,
    "reboot": _plain("reboot"),
    "watchdog": _detail("watchdog", "VIR_DOMAIN_EVENT_WATCHDOG_"),
    "io_error": _io_error,
    "io_error_reason": _io_error_reason,
    "control_error": _plain("control_error"),
    "block_job": _block_job,
    "job_completed": _job_completed,
    "memory_failure": _memory_failure,
    "device_added": _plain("device_added"),
    "device_removed": _plain("device_removed"),
    "metadata_change": _plain("metadata_change"),
    "tunable": _plain("tunable"),
    "balloon_change": _plain("balloon_change"),
}
"""Name of each event id that is listened to -> event from what libvirt passes between domain and opaque."""


def _known_events() -> Iterable[Event]:
    """Every event that is counted from zero, so that the first one is visible in a rate."""
    for name in (*_LIFECYCLE, "watchdog"):
        for detail in vocabulary.words(f"VIR_DOMAIN_EVENT_{name.upper()}_").values():
            yield name, detail
    for action in ("none", "pause", "report"):
        yield "io_error", action
    yield from (("io_error_reason", reason) for reason in _IO_ERROR_REASONS)
    yield from (("reboot", ""), ("control_error", ""))
