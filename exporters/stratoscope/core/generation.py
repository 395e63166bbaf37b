"""An exporter opened with one configuration: its collectors run until it is closed."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stratoscope.core.collector import Absent, Every
from stratoscope.core.config import Duration
from stratoscope.core.exporter import Exporter
from stratoscope.core.runner import Runner

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S: Final = 10.0
"""How long sessions may take to close before they are left alone."""


class Running:
    """One life of an exporter, in a task of its own: what `open` enters is left in the same task.

    Attributes:
        settings: The configuration.
        runners: One per collector, as soon as the exporter is opened.
        left_out: Collectors that are not run.
    """

    def __init__(self, exporter: Exporter, settings: object) -> None:
        self.settings = settings
        self.runners: Sequence[Runner] = ()
        self.left_out: Sequence[Absent] = ()
        self._tried = asyncio.get_running_loop().create_future()
        self._closing = False
        self._exporter = exporter
        self._task: asyncio.Task[None]

    def start(self) -> None:
        """Open the exporter, try every collector once, and go on."""
        self._task = asyncio.create_task(self._live(), name=f"{self._exporter.name} runs")

    def effective(self) -> Sequence[Mapping[str, object]]:
        """What each collector makes of the configuration, as `/config` shows it."""
        return [_effective(runner) for runner in self.runners]

    async def tried(self) -> None:
        """Return when every collector has been tried once.

        Raises:
            Exception: What the exporter raised when it was opened.
        """
        await asyncio.wait({self._task, self._tried}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()

    def when_broken(self, tell: Callable[[BaseException], None]) -> None:
        """Tell of an error that ends the life before it is closed: nothing is collected any more."""

        def ended(task: "asyncio.Task[None]") -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None and not self._closing:
                tell(error)

        self._task.add_done_callback(ended)

    async def close(self, within_s: float = CLOSE_TIMEOUT_S) -> None:
        """End all collections and close what was opened; what hangs is left alone after `within_s`."""
        self._closing = True
        if not self._task.cancel():
            return
        done, _ = await asyncio.wait({self._task}, timeout=within_s)
        if not done:
            log.warning("hangs though closed, left alone exporter=%s", self._task.get_name())
        elif not self._task.cancelled() and (error := self._task.exception()):
            log.error("closing failed error=%r", str(error), exc_info=error)

    async def _live(self) -> None:
        async with self._exporter.open(self.settings) as collections:
            turn = asyncio.Lock()
            self.runners = [Runner(collection, turn=turn) for collection in collections.running]
            self.left_out = collections.left_out
            try:
                await self._run_all()
            finally:
                async with asyncio.TaskGroup() as tasks:
                    for runner in self.runners:
                        tasks.create_task(runner.stop())

    async def _run_all(self) -> None:
        """Try every collector, and repeat those of the background: it ends by being cancelled.

        None waits for another's first time: one may hang for as long as it is allowed to.
        """
        untried = set(self.runners)
        async with asyncio.TaskGroup() as tasks:
            for runner in self.runners:
                tasks.create_task(self._run(runner, untried))
            if not untried:
                self._tried.set_result(None)
            await asyncio.get_running_loop().create_future()

    async def _run(self, runner: Runner, untried: set[Runner]) -> None:
        await runner.first()
        untried.discard(runner)
        if not untried:
            self._tried.set_result(None)
        if isinstance(schedule := runner.collection.schedule, Every):
            await runner.keep_running(schedule)


def _effective(runner: Runner) -> Mapping[str, object]:
    collector, schedule = runner.collector, runner.collection.schedule
    shown: dict[str, object] = {"collector": collector.name, "cloud": collector.cloud}
    if isinstance(schedule, Every):
        shown |= {"interval": Duration(schedule.interval_s), "max_age": Duration(schedule.max_age_s)}
    return shown | {"timeout": Duration(schedule.timeout_s), "max_series": runner.collection.max_series}
