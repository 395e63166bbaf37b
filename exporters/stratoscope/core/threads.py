"""Threads with a limit: for calls into blocking SDKs (the only way to make them), and for rendering.

A time-out abandons a thread and does not end it: set the SDK's own time-out first. The threads are daemons: a
call that never returns does not delay the end of the process.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Final, ParamSpec, TypeVar

from stratoscope.core.errors import CollectError, Reason

P = ParamSpec("P")
R = TypeVar("R")

_START_S: Final = 5.0
"""How long the first workers wait for the last one, if the system does not start it."""


def workers(most: int) -> ThreadPoolExecutor:
    """An executor whose threads all run from the start.

    The standard executor starts a thread whenever none is idle, and a thread that has just returned its
    result is not idle yet: once in thousands of calls another thread appears, which looks like a leak.
    """
    executor = ThreadPoolExecutor(most, thread_name_prefix="worker")
    all_here = threading.Barrier(most, timeout=_START_S)
    for _ in range(most):
        executor.submit(all_here.wait)
    return executor


class BlockingCalls:
    """At most `most` blocking calls at once; idle threads wait for the next one. It serves one event loop.

    Attributes:
        busy: How many calls have not returned, including abandoned ones.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._todo: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = 0
        self.busy = 0
        self._closed = False

    def start(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[R]":
        """The future outcome of a call in a thread. Cancelling it abandons the call, which goes on.

        The call has the caller's context, including `time_left_s()`.

        Raises:
            CollectError: `busy`, if all threads are in calls that have not returned; `unavailable` after
                `close`.
        """
        if self._closed:
            raise CollectError(Reason.UNAVAILABLE, f"{self._name}: closed")
        if self.busy >= self._most:
            raise CollectError(
                Reason.BUSY, f"{self._name}: all {self._most} threads wait for calls that hang"
            )
        loop, context = asyncio.get_running_loop(), copy_context()
        future: asyncio.Future[R] = loop.create_future()

        def run() -> None:
            try:
                deliver = partial(future.set_result, context.run(call, *args, **kwargs))
            except StopIteration as error:  # a future cannot hold it: it would never be done
                wrapped = RuntimeError("the call raised StopIteration")
                wrapped.__cause__ = error
                deliver = partial(future.set_exception, wrapped)
            except BaseException as error:  # noqa: BLE001 - the border: it is raised again where it is awaited
                deliver = partial(future.set_exception, error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._returned, future, deliver)

        if self._threads <= self.busy:
            self._start_thread()
        self.busy += 1
        self._todo.put(run)
        return future

    def close(self) -> None:
        """Accept no more calls and end idle threads; a thread in a hung call ends when the call returns."""
        self._closed = True
        for _ in range(self._threads):
            self._todo.put(None)
        self._threads = 0

    def _start_thread(self) -> None:
        name = f"{self._name}-{self._threads + 1}"
        threading.Thread(target=self._work, name=name, daemon=True).start()
        self._threads += 1

    def _work(self) -> None:
        while (run := self._todo.get()) is not None:
            run()
            del run  # it holds the call's result, which would live until the next call

    def _returned(self, future: "asyncio.Future[R]", deliver: Callable[[], None]) -> None:
        self.busy -= 1
        if not future.cancelled():
            deliver()
