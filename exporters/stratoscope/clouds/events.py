"""The events of a cloud: what it says by itself of its VMs, so that lists of all VMs are needed less often.

A reader applies an event to the VMs that it knows. It still reads its lists, as often as before while events
do not arrive, else every 10 minutes; and it counts what lists have that no event said.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.core.errors import CollectError, Reason

log = logging.getLogger(__name__)

POLLED_S: Final = 600.0
"""So often lists are read although events arrive."""
ASKED_S: Final = 5.0
"""Events that lack values cause one request, at most so often."""
CONNECT_S: Final = 20.0
"""How long a connection for events may take until events can arrive."""
_GRACE_S: Final = 30.0
"""A change that a list has is missed if no event says it for this time: one may be on its way."""
_REMEMBERED_S: Final = 900.0
MOST: Final = 200_000
"""VMs whose last events are remembered. Beyond as many VMs, events add no others: lists do."""
OTHER: Final = "other"
"""The name of all events whose names are not known: whoever can send one could invent names without end."""


class Outcome(StrEnum):
    """What became of an event.

    `asked`: it lacks values of the VM, so a list of changes is requested. `late`: a list, or an event before
    it, was newer. `ignored`: it says nothing that is shown.
    """

    APPLIED = "applied"
    ASKED = "asked"
    IGNORED = "ignored"
    LATE = "late"
    MALFORMED = "malformed"


class Missed(StrEnum):
    """What a list had, and no event."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class EventSettings(Protocol):
    """The block `events:` of a cloud."""

    def check(self) -> None:
        """Read the files that it names. Raises ConfigError."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A copy of the account. Times are Unix seconds.

    Attributes:
        counts: Events by name and outcome.
        missed: By what the lists had.
        last: When the last event arrived; None before the first.
        is_up: Events arrive.
        lost: Why they do not; None while they do.
    """

    counts: Mapping[tuple[str, Outcome], int]
    missed: Mapping[Missed, int]
    last: float | None
    is_up: bool
    lost: Reason | None


class _Said(msgspec.Struct, frozen=True, gc=False):
    """The last event of a VM. Attributes: at: On the monotonic clock. updated: As the source dates it."""

    at: float
    updated: float
    is_gone: bool


class Events:
    """The events of one cloud. Used in the event loop's thread only.

    Attributes:
        news: Set when something was applied, when a request is due, and when events begin to arrive.
        is_asked: Events since the last list of changes lack values.
    """

    def __init__(self, clock: Clock = CLOCK, advice: str = "") -> None:
        """Args: advice: For the log, if lists have changes and no event has ever come: `cloud=...: why`."""
        self.news = asyncio.Event()
        self.is_asked = False
        self._clock, self._advice, self._is_advised = clock, advice, False
        self._counts: Counter[tuple[str, Outcome]] = Counter()
        self._missed: Counter[Missed] = Counter(dict.fromkeys(Missed, 0))
        self._last: float | None = None
        self._since: float | None = None
        self._lost: Reason | None = Reason.UNAVAILABLE
        self._said: dict[str, _Said] = {}
        self._found: dict[str, tuple[Missed, float]] = {}

    def begin(self) -> None:
        """Events arrive from now on: those before were lost, so lists are read at once."""
        self._since, self._lost = self._clock.monotonic(), None
        self._found.clear()
        self.news.set()

    def end(self, error: CollectError) -> CollectError:
        """Events no longer arrive, or still do not. Args: error: Why.

        Returns: The failure to raise. It says for how long events had arrived, if they had: a failure in the
        words of the one before is not logged again, and would leave the log at events that arrive.
        """
        since, self._since, self._lost = self._since, None, error.reason
        arrived_s = 0.0 if since is None else self._clock.monotonic() - since
        after = "" if since is None else f", after events had arrived for {arrived_s:.0f} s"
        return CollectError(error.reason, f"{error}{after}")

    def count(self, name: str, outcome: Outcome) -> None:
        """Count an event. Args: name: One of those that the source has, as it spells them, or OTHER."""
        self._counts[name, outcome] += 1
        self._last = self._clock.now()
        if outcome is Outcome.APPLIED:
            self.news.set()
        elif outcome is Outcome.ASKED:
            self._ask()

    def says(self, vm_id: str, updated: float = 0.0, *, is_gone: bool = False) -> None:
        """Remember the last event of a VM."""
        now = self._clock.monotonic()
        self._said.pop(vm_id, None)
        self._said[vm_id] = _Said(now, updated, is_gone)
        self._found.pop(vm_id, None)
        while now - (first := next(iter(self._said.items())))[1].at > _REMEMBERED_S or len(self._said) > MOST:
            del self._said[first[0]]

    def is_late(self, vm_id: str, updated: float) -> bool:
        """Whether an event of this date is older than the last one of the VM, or says what is gone."""
        said = self._said.get(vm_id)
        return said is not None and (updated < said.updated or (said.is_gone and updated <= said.updated))

    def is_newer(self, vm_id: str, updated: float, since: float) -> bool:
        """Whether an event that arrived since then says more of the VM than a list of this date."""
        said = self._said.get(vm_id)
        return said is not None and said.at >= since and (said.is_gone or updated <= said.updated)

    def spares(self, read_at: float) -> bool:
        """Whether no list is needed: the last one was read at that moment of the monotonic clock, and since
        then no event was lost.
        """
        return self.vouches(read_at) and self._clock.monotonic() - read_at < POLLED_S

    def vouches(self, since: float) -> bool:
        """Whether all events since that moment of the monotonic clock have arrived."""
        return self._since is not None and self._since <= since

    def found(self, vm_id: str, what: Missed) -> None:
        """A list has a change. It is missed unless an event says it soon."""
        self._found.setdefault(vm_id, (what, self._clock.monotonic()))

    def settle(self) -> None:
        """Count what was missed; if no event has ever come, the log says once what may be wrong."""
        until = self._clock.monotonic() - _GRACE_S
        for vm_id in [vm_id for vm_id, (_, at) in self._found.items() if at <= until]:
            what, _ = self._found.pop(vm_id)
            self._missed[what] += 1
        if self._last is None and not self._is_advised and any(self._missed.values()):
            self._is_advised = True
            log.warning("lists have changes, and no event has ever come %s", self._advice)

    def account(self) -> Heard:
        return Heard(
            self._counts.copy(), self._missed.copy(), self._last, self._since is not None, self._lost
        )

    def _ask(self) -> None:
        """Have a list of changes read in 5 s, for all events that lack values until then."""
        if not self.is_asked:
            self.is_asked = True
            asyncio.get_running_loop().call_later(ASKED_S, self.news.set)
        self.news.set()
