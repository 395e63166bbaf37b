"""The ledger as runs use it: a line that cannot be written is counted and logged, and the run goes on."""

import logging
from collections.abc import Awaitable
from typing import TypeVar

from stratoscope.clouds.lifecycle import Object
from stratoscope.vmprobe.database import LedgerError
from stratoscope.vmprobe.ledger import Ledger
from stratoscope.vmprobe.record import Run

T = TypeVar("T")

log = logging.getLogger(__name__)


class Records:
    """What is written into one cloud's ledger.

    Attributes:
        errors: How often the ledger could not be used.
        is_failing: It could not be used the last time.
    """

    def __init__(self, ledger: Ledger, cloud: str) -> None:
        self.errors, self.is_failing = 0, False
        self._ledger, self._cloud = ledger, cloud

    async def intend(
        self, run: Run, credential: str, one: Object, deadline: float, *, is_vm: bool = True
    ) -> None:
        """Raises LedgerError, which is not counted: nothing may be created."""
        await self._ledger.intend(run, credential, one, deadline, is_vm=is_vm)
        self._works()

    async def created(self, run: str, one: Object) -> None:
        await self._tried(self._ledger.created(run, one))

    async def gone(self, run: str, one: Object) -> None:
        await self._tried(self._ledger.gone(run, one))

    async def keep(self, run: str, until: float) -> None:
        await self._tried(self._ledger.keep(run, until))

    async def save(self, run: Run) -> None:
        await self._tried(self._ledger.save(run))

    async def counted(self, using: Awaitable[T]) -> T:
        """Count and log an error of the ledger. Raises LedgerError."""
        try:
            result = await using
        except LedgerError as error:
            self.failed(error)
            raise
        self._works()
        return result

    def failed(self, error: LedgerError) -> None:
        """Count an error, and log the first of several."""
        self.errors += 1
        if not self.is_failing:
            self.is_failing = True
            log.error("ledger failed, no run begins cloud=%s error=%r", self._cloud, str(error))

    def _works(self) -> None:
        if self.is_failing:
            self.is_failing = False
            log.info("ledger works again cloud=%s", self._cloud)

    async def _tried(self, writing: Awaitable[None]) -> None:
        try:
            await self.counted(writing)
        except LedgerError:
            log.debug("a line of the ledger was not written cloud=%s", self._cloud)
