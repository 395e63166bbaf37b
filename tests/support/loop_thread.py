"""An event loop in a thread of its own, for tests that block."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def in_thread(name: str, enter: Callable[[AsyncExitStack], Awaitable[T]]) -> Iterator[T]:
    """What a coroutine gives, whose loop goes on meanwhile in a thread. Its error is raised here.

    Args:
        name: Of the thread.
        enter: It is awaited there; what it puts on the stack ends with the loop.
    """
    loop, over = asyncio.new_event_loop(), asyncio.Event()
    entered = Future[T]()

    async def run() -> None:
        async with AsyncExitStack() as stack:
            try:
                found = await enter(stack)
            except Exception as error:  # noqa: BLE001 - for the other thread
                entered.set_exception(error)
                return
            entered.set_result(found)
            await over.wait()

    def work() -> None:
        try:
            loop.run_until_complete(run())
        finally:
            loop.close()

    thread = threading.Thread(target=work, name=name)
    thread.start()
    try:
        yield entered.result()
    finally:
        with suppress(RuntimeError):  # the loop is closed where nothing was entered
            loop.call_soon_threadsafe(over.set)
        thread.join()
