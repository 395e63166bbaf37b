"""What the program logs, without what asyncio says of a busy machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The messages of our own loggers and of aiohttp's."""
    return [record.getMessage() for record in caplog.records if record.name != "asyncio"]


@contextmanager
def as_it_was() -> Iterator[None]:
    """Put the process's logging back in order after what sets it up, as each command does."""
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    level, handlers, access_level = root.level, root.handlers[:], access.level
    root.handlers.clear()  # or it would close pytest's own
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        access.setLevel(access_level)
