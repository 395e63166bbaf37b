"""Reads the statistics that need the domains' monitors, so that a hung QEMU affects only its own domain.

Source: virDomainListGetStats with VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT, the domains split over several
connections: a call reads its domains one by one, mostly waiting. They are distributed so that the calls
should take equally long. NOWAIT skips a domain whose monitor another call holds, but the first call that
reaches a hung QEMU waits for ever. That call is abandoned with its connection, and its domains are read again
in smaller groups over other connections: now the hung one is skipped, also in later collections, until the
first call returns. A hung call for one domain alone is not repeated.
"""

import asyncio
import heapq
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import libvirt

from stratoscope.clouds.libvirt.connection import Connection
from stratoscope.clouds.libvirt.connections import Connections
from stratoscope.clouds.libvirt.errors import GONE
from stratoscope.clouds.libvirt.model import Monitor
from stratoscope.clouds.libvirt.stats import Stats, bits, has_monitor_values
from stratoscope.core.errors import CollectError

log = logging.getLogger(__name__)

PIECES: Final = 4
"""Connections over which the domains are split: more than four are no faster on a host with few cores."""
MOST_HUNG: Final = 12
"""Limit on hung calls; at the limit no call is made: the daemon has 20 workers for all clients."""
_LEAST_PATIENCE_S: Final = 1.0
_SMALLEST_WAIT_S: Final = 0.1
_USUAL_S: Final = 0.002
"""Assumed duration for a domain that was not read before."""

Answers: TypeAlias = dict[str, Stats]


@dataclass(slots=True)
class _Call:
    """A call to some domains' monitors, with the same statistics groups.

    Attributes:
        is_connected: Whether it has its connection; set in its thread. Until then no request was sent to a
            monitor, so no monitor is the cause: the daemon accepts no more clients (max_clients), or hangs
            itself.
    """

    uuids: Sequence[str]
    groups: frozenset[str]
    is_connected: bool = False


@dataclass(frozen=True, slots=True)
class _Round:
    """One call of `ask`: the wanted statistics, and the deadline.

    Attributes:
        judged: Domains for which it is known whether they answered.
        unasked: Domains of each call that got no connection.
        refusals: The daemon's errors for those calls.
    """

    wanted: Mapping[str, frozenset[str]]
    until: float
    judged: set[str] = field(default_factory=set)
    unasked: list[Sequence[str]] = field(default_factory=list)
    refusals: list[CollectError] = field(default_factory=list)

    def is_answer(self, uuid: str, stats: Stats | None) -> bool:
        return stats is not None and has_monitor_values(stats, self.wanted[uuid])


class Monitors:
    """Reads statistics from monitors, and records when each domain answered."""

    def __init__(self, connections: Connections, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._connections = connections
        self._monotonic = monotonic
        self._hung: dict[asyncio.Future[Answers], _Call] = {}
        self._under_way = 0
        self._answered_at: dict[str, float] = {}
        self._missed_since: dict[str, float] = {}
        self._usual_s: float | None = None
        self._took_s: dict[str, float] = {}

    @property
    def hung(self) -> int:
        """Number of hung calls."""
        return len(self._hung)

    def state(self, uuid: str) -> Monitor:
        """State of an active domain's monitor, as of the last `ask`."""
        now = self._monotonic()
        missed, answered = self._missed_since.get(uuid), self._answered_at.get(uuid)
        return Monitor(0.0 if missed is None else now - missed, None if answered is None else now - answered)

    def begin_anew(self) -> None:
        """The daemon itself did not answer: restart the time that monitors have not answered."""
        self._missed_since = {}

    async def ask(self, wanted: Mapping[str, frozenset[str]], within_s: float) -> Answers:
        """Statistics of the active domains that answer within `within_s`.

        Args:
            wanted: UUID -> statistics groups, of all domains that have a monitor.
            within_s: Seconds.

        Raises:
            CollectError: The daemon is gone.
        """
        began = self._monotonic()
        this = _Round(wanted, began + within_s)
        self._forget_all_but(wanted)
        alone = [call.uuids[0] for call in self._hung.values() if call.is_connected and len(call.uuids) == 1]
        silent = wanted.keys() & set(alone)
        this.judged.update(silent)  # the call that still waits for them is asking
        by_groups: dict[frozenset[str], list[str]] = {}
        for uuid, groups in wanted.items():
            if uuid not in silent:
                by_groups.setdefault(groups, []).append(uuid)
        answers = await _together(self._split(uuids, this) for uuids in by_groups.values())
        if this.unasked:
            answers |= await self._over_open_connections(this)
        if answers and not self._hung:
            took = self._monotonic() - began
            self._usual_s = took if self._usual_s is None else 0.7 * self._usual_s + 0.3 * took
        self._account(this, answers)
        return answers

    async def _over_open_connections(self, this: _Round) -> Answers:
        """Read the domains whose calls got no connection, one call after the other over open ones."""
        unasked, this.unasked[:] = list(this.unasked), []
        answers: Answers = {}
        for uuids in unasked:
            answers |= await self._split(uuids, this)
        if this.refusals and not this.judged:  # no domain could be asked
            raise this.refusals[0]
        return answers

    async def _split(self, uuids: Sequence[str], this: _Round) -> Answers:
        most = self._connections.free if this.refusals or self._cannot_connect else PIECES
        if not most:
            return {}
        parts = max(1, min(PIECES, most, self._free, len(uuids)))
        return await _together(self._piece(piece, this) for piece in self._shared_out(uuids, parts))

    def _shared_out(self, uuids: Sequence[str], parts: int) -> Sequence[Sequence[str]]:
        """Groups of domains that should take equally long, by the earlier durations of each domain.

        A guest whose CPU quota is used up takes 20 times as long as others: its group would delay the
        collection.
        """
        pieces: list[list[str]] = [[] for _ in range(parts)]
        lengths_s = [(0.0, 0, piece) for piece in range(parts)]
        for uuid in sorted(uuids, key=lambda uuid: self._took_s.get(uuid, _USUAL_S), reverse=True):
            length_s, count, piece = heapq.heappop(lengths_s)
            pieces[piece].append(uuid)
            heapq.heappush(lengths_s, (length_s + self._took_s.get(uuid, _USUAL_S), count + 1, piece))
        return pieces

    async def _piece(self, uuids: Sequence[str], this: _Round) -> Answers:
        left_s = this.until - self._monotonic()
        if not uuids or self._free <= 0 or left_s < _SMALLEST_WAIT_S:
            return {}
        answers = await self._call(uuids, this, self._patience_s(left_s))
        if answers is None:
            return await self._split(uuids, this) if len(uuids) > 1 else {}
        return answers

    @property
    def _cannot_connect(self) -> bool:
        """Whether a call waits for its connection: another new connection would only wait too."""
        return any(not call.is_connected for call in self._hung.values())

    @property
    def _free(self) -> int:
        """How many calls may be made now, even if all of them hang."""
        return MOST_HUNG - len(self._hung) - self._under_way

    def _patience_s(self, left_s: float) -> float:
        """How long a call may take before it counts as hung: smaller groups need time afterwards."""
        usual_s = self._usual_s
        return left_s / 3 if usual_s is None else min(left_s / 3, max(_LEAST_PATIENCE_S, 5 * usual_s))

    async def _call(self, uuids: Sequence[str], this: _Round, patience_s: float) -> Answers | None:
        """The answers of one call for domains with the same groups; None if it hangs and is abandoned.

        Which domain is the cause is known if the call returned, or was for a single domain.
        """
        began, call = self._monotonic(), _Call(uuids, this.wanted[uuids[0]])
        future = self._connections.start(_stats, call)
        self._under_way += 1
        try:
            done, _ = await asyncio.wait({future}, timeout=patience_s)
            if done:
                return self._outcome(future, call, this, self._monotonic() - began)
        except asyncio.CancelledError:
            self._leave(future, call)
            raise
        finally:
            self._under_way -= 1
        self._leave(future, call)
        if not call.is_connected:
            this.unasked.append(uuids)
            return {}
        if len(uuids) == 1:
            this.judged.update(uuids)
        return None

    def _outcome(
        self, future: "asyncio.Future[Answers]", call: _Call, this: _Round, took_s: float
    ) -> Answers:
        """The answers of a call that returned; empty if the daemon opened no connection for it."""
        error = future.exception()
        if isinstance(error, CollectError) and not call.is_connected:
            this.unasked.append(call.uuids)
            this.refusals.append(error)
            return {}
        this.judged.update(call.uuids)
        self._learn(call.uuids, took_s / len(call.uuids))
        return future.result()

    def _learn(self, uuids: Iterable[str], each_s: float) -> None:
        """Record each domain's duration, as far as a call for several shows it; halved at most per call."""
        for uuid in uuids:
            self._took_s[uuid] = max(each_s, self._took_s.get(uuid, 0.0) / 2)

    def _leave(self, future: "asyncio.Future[Answers]", call: _Call) -> None:
        self._hung[future] = call
        future.add_done_callback(self._returned)

    def _returned(self, future: "asyncio.Future[Answers]") -> None:
        """A late answer is not shown, but a monitor that gives one is slow, not silent."""
        call = self._hung.pop(future)
        if future.exception() is not None:
            log.debug("hung call failed error=%r", str(future.exception()))
            return
        for uuid, stats in future.result().items():
            if has_monitor_values(stats, call.groups):
                self._has_answered(uuid)

    def _has_answered(self, uuid: str) -> None:
        self._answered_at[uuid] = self._monotonic()
        self._missed_since.pop(uuid, None)

    def _account(self, this: _Round, answers: Answers) -> None:
        """Update the states; a domain that was not read, or in a hung call with others, keeps its state."""
        now = self._monotonic()
        for uuid in this.judged:
            if this.is_answer(uuid, answers.get(uuid)):
                self._has_answered(uuid)
            else:
                self._missed_since.setdefault(uuid, now)

    def _forget_all_but(self, wanted: Mapping[str, object]) -> None:
        self._answered_at = {uuid: at for uuid, at in self._answered_at.items() if uuid in wanted}
        self._missed_since = {uuid: at for uuid, at in self._missed_since.items() if uuid in wanted}
        self._took_s = {uuid: took_s for uuid, took_s in self._took_s.items() if uuid in wanted}


async def _together(asking: "Iterable[Coroutine[Any, Any, Answers]]") -> Answers:
    """The results of all calls. No TaskGroup: if one call fails, the others continue and are awaited."""
    answers: Answers = {}
    for result in await asyncio.gather(*asking, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        answers |= result
    return answers


def _stats(connection: Connection, call: _Call) -> dict[str, Any]:
    """Statistics of these domains, without those that disappeared; blocks."""
    call.is_connected = True
    domains = []
    for uuid in call.uuids:
        try:
            domains.append(connection.domain(uuid))
        except libvirt.libvirtError as error:
            if error.get_error_code() not in GONE:
                raise
    if not domains:
        return {}
    got = connection.virt.domainListGetStats(
        domains, bits(call.groups), libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    )
    return {domain.UUIDString(): stats for domain, stats in got}
