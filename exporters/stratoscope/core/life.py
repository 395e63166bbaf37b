"""The life of one part: it is opened, collected from and closed. Its clean-up has time to end."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final

from stratoscope.core.changes import GATHER_S, Changes
from stratoscope.core.collector import Absent, Collections
from stratoscope.core.part import Opened, Part
from stratoscope.core.runner import Runner
from stratoscope.core.singleflight import has_result
from stratoscope.core.tasks import Supervisor

log = logging.getLogger(__name__)

_CANCEL_S: Final = 0.5
"""How long a clean-up that took too long, and was cancelled, may take to end."""


class Life:
    """One open part, in a task of its own: `open` is entered and left in the same task.

    Attributes:
        part: The part, under the configuration in force.
        opened: What was opened.
        runners: One per collector that runs.
        left_out: Collectors that do not run.
    """

    def __init__(self, part: Part, turn: asyncio.Lock, supervisor: Supervisor) -> None:
        self.part = part
        self.opened = Opened()
        self.runners: Sequence[Runner] = ()
        self.left_out: Sequence[Absent] = ()
        self._turn, self._supervisor = turn, supervisor
        self._changes = Changes(GATHER_S)
        self._is_open, self._ending = asyncio.Event(), asyncio.Event()
        self._group = asyncio.TaskGroup()
        self._children: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None]

    async def open(self, within_s: float | None) -> None:
        """Open the part; nothing is collected yet. Raises what `Part.open` raises, and TimeoutError."""
        self._task = asyncio.create_task(self._live(), name=f"{self.part.name} lives")
        await self._until(self._is_open.wait(), within_s)
        if not self._is_open.is_set():
            raise TimeoutError(f"{self.part.name}: not open within {within_s:g} s")

    def collect(self, part: Part, wanted: Collections, before: Mapping[tuple[str, str], Runner]) -> None:
        """Collect what the part has collected under its settings; what runs already goes on.

        Args:
            part: With the identity of the part that is open.
            wanted: What the part has collected.
            before: Runners of parts that have ended, by cloud and collector: what they show is shown until
                their successors have been tried.
        """
        self.part = part
        running = {runner.collector: runner for runner in self.runners}
        runners = []
        for collection in wanted.running:
            runner = running.pop(collection.collector, None)
            if runner is None:
                runner = Runner(collection, turn=self._turn, changes=self._changes)
                if predecessor := before.get(collection.collector.key):
                    runner.inherit(predecessor)
                self._start(runner.run(), f"run {runner.collector.name}")
            runner.change(collection)
            runners.append(runner)
        for runner in running.values():
            self._start(runner.stop(), f"stop {runner.collector.name}")
        self.runners, self.left_out = runners, wanted.left_out

    def start(self) -> None:
        """Start the tasks of the part."""
        for task in self.opened.tasks:
            self._start(self._supervisor.run(task), task.name)

    async def tried(self) -> None:
        """Return when every collector has been tried once. Raises what ended the life."""
        for runner in self.runners:
            await self._until(runner.tried.wait())
        self._changes.write()

    def when_broken(self, report: Callable[[BaseException], None]) -> None:
        """Report an error that ends the life before it is closed: nothing is collected any more."""

        def ended(_: "asyncio.Task[None]") -> None:
            if error := self._broke():
                report(error)

        self._task.add_done_callback(ended)

    async def close(self, within_s: float) -> bool:
        """Cancel collections and tasks, and close the part.

        Returns:
            Whether it has ended. A clean-up that takes longer than `within_s` is cancelled, and may hang.
        """
        self._ending.set()
        if not self._is_open.is_set() and not self._task.cancelling():  # once: it may be cleaning up by now
            self._task.cancel()
        for timeout_s in (within_s, _CANCEL_S):
            by_itself = await has_result(self._task, timeout_s)
            if by_itself and self._is_open.is_set() and (error := self._task.exception()):
                log.error("closing failed part=%s error=%r", self.part.name, str(error), exc_info=error)
            if self._task.done():
                return True
            log.warning("hangs though closed part=%s seconds=%.3g", self.part.name, timeout_s)
            self._task.cancel()
        return False

    async def _live(self) -> None:
        async with self.part.open() as self.opened, self._group:
            self._is_open.set()
            try:
                await self._ending.wait()
            finally:
                for child in self._children:
                    child.cancel()
                try:
                    await asyncio.gather(*(runner.stop() for runner in self.runners))
                finally:  # it is cancelled if a collector hangs for longer than `close` waits
                    self._changes.write()

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        child = self._group.create_task(work, name=name)
        self._children.add(child)
        child.add_done_callback(self._children.discard)

    def _broke(self) -> BaseException | None:
        """What has ended the life before it was closed."""
        if not self._task.done() or self._ending.is_set():
            return None
        if self._task.cancelled():
            return RuntimeError(f"{self.part.name}: what it waited for was cancelled")
        return self._task.exception() or RuntimeError(f"{self.part.name}: ended by itself")

    async def _until(self, happens: Coroutine[Any, Any, object], within_s: float | None = None) -> None:
        """Wait for something, but not longer than the life. Raises what ended the life."""
        waiting = asyncio.create_task(happens)
        try:
            await asyncio.wait({self._task, waiting}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if error := self._broke():
            raise error
