"""Standard output of a command, of which it is told what it does not take."""

import os
from collections.abc import Callable
from typing import Any, TextIO


class OutputError(Exception):
    """It takes no more, such as on a full disk. No OSError: argparse drops those."""


class Output:
    """A stream whose failures are OutputError; that its reader has gone stays BrokenPipeError."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return int(_tried(lambda: self._stream.write(text)))

    def flush(self) -> None:
        _tried(self._stream.flush)

    def drop(self) -> None:
        """What is left, and follows, goes nowhere: else Python writes it at its end, and fails."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _tried(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror) from error
