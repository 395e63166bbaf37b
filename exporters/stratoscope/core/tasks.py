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
        that lasted longer than the longest pause begins with the shortest again. A failure that repeats the
        one before is logged once, so that a source that is away for hours is one line.
        """
        for reason in Reason:
            self._failures.labels(task.name, reason)
        loop, pause_s = asyncio.get_running_loop(), _FIRST_PAUSE_S
        said: tuple[str, str] | None = None
        try:
            while True:
                began = loop.time()
                if (error := await self._failure(task)) is None:
                    return
                if loop.time() - began > _LONGEST_PAUSE_S:
                    pause_s, said = _FIRST_PAUSE_S, None
                said = self._say(task, error, said)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        finally:
            self._running.remove(task.name)

    async def _failure(self, task: Task) -> BaseException | None:
        self._running.labels(task.name).set(1)
        try:
            await task.run()
        except (Exception, asyncio.CancelledError) as error:
            if is_cancelled(error):  # else it is the border: a bug in one task must not end the others
                raise
            return error
        finally:
            self._running.labels(task.name).set(0)
        return None

    def _say(self, task: Task, error: BaseException, said: tuple[str, str] | None) -> tuple[str, str]:
        """Count a failure, and log it unless it is the one that was `said` last. Returns what is said now."""
        reason, message = why(error)
        self._failures.labels(task.name, reason).inc()
        is_new = (reason, message) != said
        log.log(
            logging.ERROR if is_new else logging.DEBUG,
            "failed task=%s reason=%s error=%r", task.name, reason, message,
            exc_info=error if is_new and reason is Reason.INTERNAL else None,
        )  # fmt: skip
        return reason, message
