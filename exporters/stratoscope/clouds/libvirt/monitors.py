"""Asks what only the domains' monitors know, so that a domain whose QEMU hangs costs itself alone.

Source: virDomainListGetStats with VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT, the domains split over several connections:
the call goes through its domains one by one, mostly waiting. NOWAIT skips a domain whose monitor another call
holds, but the first call that reaches a hung QEMU waits for ever. Such a call is left alone with its
connection, and its domains are asked anew in smaller pieces over other connections: now the hung one is
skipped. As long as the first call waits, the hung domain is not asked again, so that no second worker of the daemon is lost.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import libvirt

from stratoscope.clouds.libvirt.connections import Connection, Connections
from stratoscope.clouds.libvirt.errors import GONE
from stratoscope.clouds.libvirt.model import Monitor
from stratoscope.clouds.libvirt.stats import Stats, bits, has_monitor_values

log = logging.getLogger(__name__)

PIECES: Final = 4
"""Connections over which the domains are split: more than four gain nothing on a host with few cores."""
MOST_HUNG: Final = 12
"""So many calls may hang at once: the daemon has 20 workers by default, and others need some. Beyond it no monitor is asked."""
_LEAST_PATIENCE_S: Final = 1.0
_SMALLEST_WAIT_S: Final = 0.1

Answers: TypeAlias = "dict[str, Stats]"


@dataclass(eq=False, slots=True)
class _Hung:
    """A call that has not returned, and the domains in it that no other call answered for."""

    silent: set[str]


class Monitors:
    """Asks monitors, and keeps account of which domain answered when."""

    def __init__(self, connections: Connections, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._connections = connections
        self._monotonic = monotonic
        self._hung: list[_Hung] = []
        self._answered_at: dict[str, float] = {}
        self._missed_since: dict[str, float] = {}
        self._usual_s: float | None = None

    @property
    def hung(self) -> int:
        """Calls that hang."""
        return len(self._hung)

    def state(self, uuid: str) -> Monitor:
        """How an active domain's monitor answers, as of the last `ask`."""
        now = self._monotonic()
        missed, answered = self._missed_since.get(uuid), self._answered_at.get(uuid)
        return Monitor(0.0 if missed is None else now - missed, None if answered is None else now - answered)

    async def ask(self, wanted: Mapping[str, frozenset[str]], within_s: float) -> Answers:
        """Statistics of active domains, in `within_s` at the latest, with all that answered by then.

        Args:
            wanted: UUID -> statistics groups.
            within_s: Seconds.

        Raises:
            CollectError: The daemon is gone.
        """
        until = self._monotonic() + within_s
        self._forget_all_but(wanted)
        silent = set().union(*(hung.silent for hung in self._hung))
        asked = [uuid for uuid in wanted if uuid not in silent]
        began = self._monotonic()
        answers = await self._split(asked, wanted, until, PIECES)
        if not self._hung:
            took = self._monotonic() - began
            self._usual_s = took if self._usual_s is None else 0.7 * self._usual_s + 0.3 * took
        self._account(wanted, answers)
        return answers

    async def _split(
        self, uuids: Sequence[str], wanted: Mapping[str, frozenset[str]], until: float, parts: int
    ) -> Answers:
        pieces = [uuids[first::parts] for first in range(min(parts, len(uuids)))]
        results = await asyncio.gather(
            *(self._piece(piece, wanted, until) for piece in pieces), return_exceptions=True
        )
        answers: Answers = {}
        for result in results:
            if isinstance(result, BaseException):
                raise result
            answers |= result
        return answers

    async def _piece(
        self, uuids: Sequence[str], wanted: Mapping[str, frozenset[str]], until: float
    ) -> Answers:
        left_s = until - self._monotonic()
        if len(self._hung) >= MOST_HUNG or left_s < _SMALLEST_WAIT_S:
            return {}
        groups = frozenset().union(*(wanted[uuid] for uuid in uuids))
        future = self._connections.start(_stats, uuids, bits(groups))
        usual_s = self._usual_s
        patience_s = left_s / 3 if usual_s is None else min(left_s / 3, max(_LEAST_PATIENCE_S, 5 * usual_s))
        try:
            done, _ = await asyncio.wait({future}, timeout=patience_s)
        except asyncio.CancelledError:
            self._leave(future, uuids)
            raise
        if done:
            return future.result()
        hung = self._leave(future, uuids)
        if len(uuids) == 1:
            return {}
        answers = await self._split(uuids, wanted, until, PIECES)
        hung.silent -= {uuid for uuid, stats in answers.items() if has_monitor_values(stats, wanted[uuid])}
        return answers

    def _leave(self, future: "asyncio.Future[Answers]", uuids: Iterable[str]) -> _Hung:
        """Leave a call alone until it returns, if it does."""
        hung = _Hung(set(uuids))
        self._hung.append(hung)

        def returned(ended: "asyncio.Future[Answers]") -> None:
            self._hung.remove(hung)
            if not ended.cancelled() and ended.exception() is not None:
                log.debug("a call that hung failed error=%r", str(ended.exception()))

        future.add_done_callback(returned)
        return hung

    def _account(self, wanted: Mapping[str, frozenset[str]], answers: Answers) -> None:
        now = self._monotonic()
        for uuid, groups in wanted.items():
            stats = answers.get(uuid)
            if stats is not None and has_monitor_values(stats, groups):
                self._answered_at[uuid] = now
                self._missed_since.pop(uuid, None)
            else:
                self._missed_since.setdefault(uuid, now)

    def _forget_all_but(self, wanted: Iterable[str]) -> None:
        there = set(wanted)
        self._answered_at = {uuid: at for uuid, at in self._answered_at.items() if uuid in there}
        self._missed_since = {uuid: at for uuid, at in self._missed_since.items() if uuid in there}


def _stats(connection: Connection, uuids: Sequence[str], groups: int) -> dict[str, Any]:
    """Statistics of these domains, those that went away left out; blocks."""
    domains = []
    for uuid in uuids:
        try:
            domains.append(connection.domain(uuid))
        except libvirt.libvirtError as error:
            if error.get_error_code() not in GONE:
                raise
    if not domains:
        return {}
    got = connection.virt.domainListGetStats(
        domains, groups, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    )
    return {domain.UUIDString(): stats for domain, stats in got}
