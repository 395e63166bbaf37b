"""An event loop in a thread of its own, for tests that block."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@contextmanager
def in_thread(name: str, enter: Callable[[AsyncExitStack], Coroutine[Any, Any, T]]) -> Iterator[T]:
    """What a coroutine gives, whose loop goes on meanwhile in a thread. Its error is raised here.

    Args:
        name: Of the thread.
        enter: It is awaited there; what it puts on the stack ends with the loop.
    """
    loop, stack = asyncio.new_event_loop(), AsyncExitStack()
    thread = threading.Thread(target=loop.run_forever, name=name)
    thread.start()
    try:
        try:
            yield asyncio.run_coroutine_threadsafe(enter(stack), loop).result()
        finally:
            asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
