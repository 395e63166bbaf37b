"""The ceilings of one cloud: VMs at once, VM-hours in a day, and how much may be left of earlier runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

import msgspec

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.vmprobe.ledger import DAY_S, Ledger
from stratoscope.vmprobe.sweep import Sweep

_HOUR_S: Final = 3600.0


class CeilingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The block `limits:`, for each cloud.

    Attributes:
        vms_at_once: VMs of runs in progress.
        vm_hours_per_day: In the last 24 hours, whenever these end: a limit by calendar day would allow twice
            as much around midnight.
        leaked_resources: No run begins while more objects than that are left of earlier runs. What is kept
            on purpose does not count.
    """

    vms_at_once: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 2
    vm_hours_per_day: Annotated[float, msgspec.Meta(gt=0, le=100_000)] = 24.0
    leaked_resources: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 5


class CeilingError(Exception):
    """A run must not begin; `str()` of it is one line.

    Attributes:
        limit: The key of the limit: `vm_hours_per_day`, `leaked_resources`.
    """

    def __init__(self, limit: str, why: str) -> None:
        super().__init__(why)
        self.limit = limit


class Ceilings:
    """What all probes of a cloud may use together. It serves one event loop.

    VM-hours and what is left are those of the ledger: a restart changes nothing.
    """

    def __init__(self, ledger: Ledger, sweep: Sweep, settings: CeilingSettings, clock: Clock = CLOCK) -> None:
        self._ledger, self._sweep, self._settings, self._clock = ledger, sweep, settings, clock
        self._turns: dict[asyncio.Future[None], None] = {}
        self._expected: dict[object, float] = {}
        self._vms = 0
        self._checking = asyncio.Lock()

    @property
    def settings(self) -> CeilingSettings:
        """As configured; a change applies to all that have not begun."""
        return self._settings

    @settings.setter
    def settings(self, settings: CeilingSettings) -> None:
        self._settings = settings
        self._let_in()

    @property
    def vms(self) -> int:
        """How many may exist now: one for each run that has begun."""
        return self._vms

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._turns)

    async def day_s(self) -> float:
        """VM-seconds of the last 24 hours. Raises LedgerError."""
        now = self._clock.now()
        return await self._ledger.vm_seconds(now - DAY_S, now)

    @asynccontextmanager
    async def vm(self, expected_s: float) -> AsyncIterator[None]:
        """One VM, as soon as it may exist: first come, first served.

        Args:
            expected_s: For how long it will exist, at most. It counts as spent while the run is in progress.

        Raises:
            CeilingError: The VM-hours would be exceeded, or too much is left of earlier runs, or that is
                not known yet.
            LedgerError: The ledger cannot be used.
        """
        async with self._turn():
            run = object()
            try:
                async with self._checking:
                    await self._check(expected_s)
                    self._expected[run] = expected_s
                yield
            finally:
                self._expected.pop(run, None)

    async def _check(self, expected_s: float) -> None:
        leaks, most = self._sweep.leaks, self.settings.leaked_resources
        if not leaks.is_known:
            raise CeilingError("leaked_resources", "it is not known yet what is left of earlier runs")
        if leaks.total > most:
            why = f"{leaks.total} objects are left of earlier runs, and {most} are allowed"
            if failure := next(iter(leaks.failures.values()), ""):
                why = f"{why}: {failure}"
            raise CeilingError("leaked_resources", why)
        spent_s, reserved_s = await self.day_s(), sum(self._expected.values())
        hours = self.settings.vm_hours_per_day
        if spent_s + reserved_s + expected_s > hours * _HOUR_S:
            why = (
                f"{spent_s / _HOUR_S:.3g} VM-hours were spent in the last 24 hours, runs in progress may need"
                f" {reserved_s / _HOUR_S:.3g}, this one {expected_s / _HOUR_S:.3g}, and {hours:g} are allowed"
            )
            raise CeilingError("vm_hours_per_day", why)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """A place among the VMs at once, in the order in which they are wanted."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns[turn] = None
        self._let_in()
        try:
            await turn
            yield
        finally:  # if it was cancelled, it waited, or had just been let in
            if turn in self._turns:
                del self._turns[turn]
            else:
                self._vms -= 1
            self._let_in()

    def _let_in(self) -> None:
        for turn in [*self._turns]:
            if self._vms >= self.settings.vms_at_once:
                return
            del self._turns[turn]
            if not turn.cancelled():
                turn.set_result(None)
            self._vms += 1
