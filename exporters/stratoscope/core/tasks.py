"""Supervises the tasks of an exporter: one that fails is counted, logged and run again."""

import asyncio
import logging
from functools import cached_property
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from stratoscope.core.errors import Reason, why
from stratoscope.core.part import Task
from stratoscope.core.singleflight import is_cancelled

log = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0


class Supervisor:
    """Runs tasks, and counts how they fare; the page of an exporter without tasks has no family of theirs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    @cached_property
    def _running(self) -> Gauge:
        return Gauge(
            "stratoscope_task_running",
            "1 while a background task runs, 0 while it waits after a failure; absent once it is finished.",
            ("task",),
            registry=self._registry,
        )

    @cached_property
    def _failures(self) -> Counter:
        return Counter(
            "stratoscope_task_failures",
            "Failures of a background task by reason; it is started again after each.",
            ("task", "reason"),
            registry=self._registry,
        )

    async def run(self, task: Task) -> None:
        """Run a task until it returns or is cancelled.

        After a failure it is started again: after 1 s, then after twice the pause before, at most 60 s. A run
        that lasted longer than the longest pause begins with the shortest again.
        """
        for reason in Reason:
            self._failures.labels(task.name, reason)
        loop, pause_s = asyncio.get_running_loop(), _FIRST_PAUSE_S
        try:
            while True:
                began = loop.time()
                if await self._succeeds(task):
                    return
                if loop.time() - began > _LONGEST_PAUSE_S:
                    pause_s = _FIRST_PAUSE_S
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        finally:
            self._running.remove(task.name)

    async def _succeeds(self, task: Task) -> bool:
        self._running.labels(task.name).set(1)
        try:
            await task.run()
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled(error):  # else it is the border: a bug in one task must not end the others
                raise
            reason, message = why(error)
            self._failures.labels(task.name, reason).inc()
            log.error(  # noqa: TRY400 - a bug alone has a traceback
                "failed task=%s reason=%s error=%r", task.name, reason, message,
                exc_info=error if reason is Reason.INTERNAL else None,
            )  # fmt: skip
            return False
        finally:
            self._running.labels(task.name).set(0)
        return True
