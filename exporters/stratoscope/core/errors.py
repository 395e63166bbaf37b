"""The errors of collections and configurations, and their closed sets of reasons."""

import errno
from enum import StrEnum
from typing import Final

_SHORT_OF: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ENOSPC, errno.EDQUOT)
"""What the exporter or its machine has no more of: neither a bug nor the source's fault."""

_LONGEST: Final = 1000


class Reason(StrEnum):
    """Why a collection failed; `internal` is a bug and comes with a traceback in the log."""

    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    UNAUTHORIZED = "unauthorized"
    MALFORMED = "malformed"
    BUSY = "busy"
    INTERNAL = "internal"


class LeftOut(StrEnum):
    """Why a collector, or a part of one, is not run at all."""

    NOT_CONFIGURED = "not_configured"
    UNAUTHORIZED = "unauthorized"
    ABSENT = "absent"


class Dropped(StrEnum):
    """Why a sample did not reach the page."""

    DUPLICATE = "duplicate"
    INVALID = "invalid"
    MAX_SERIES = "max_series"


class CollectError(Exception):
    """An expected failure of a collection; `str()` of it is one line for the operator, without secrets."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(short_line(message))
        self.reason = reason


class SharedError(CollectError):
    """A failure that all collectors of a source share; whoever raises it has logged it once.

    For a log-in: who waits for it has a time-out of its own, so it fails in other words for each, and probes
    wait for it, too. What fails in the same words is one line of the log without it, see changes.py.
    """


class LeftOutError(Exception):
    """The collector cannot run with this source: it is left out, not failed, and tried again later."""

    def __init__(self, reason: LeftOut, message: str) -> None:
        super().__init__(short_line(message))
        self.reason = reason


def again(failure: CollectError | LeftOutError) -> CollectError | LeftOutError:
    """A copy of a stored failure, to be raised again: the same object would collect tracebacks."""
    if isinstance(failure, LeftOutError):
        return LeftOutError(failure.reason, str(failure))
    kind = SharedError if isinstance(failure, SharedError) else CollectError
    return kind(failure.reason, str(failure))


class ConfigError(Exception):
    """A configuration that cannot be used; `str()` of it names the key and what is allowed, in one line."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class MissingSDKError(ImportError):
    """The SDK of something that the configuration names is not installed.

    Attributes:
        extra: The extra of this package that installs it.
    """

    def __init__(self, error: ImportError, extra: str) -> None:
        super().__init__(str(error), name=error.name)
        self.extra = extra


def one_line(text: str) -> str:
    """The text with unprintable characters as escapes, such as `\\n`."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def short_line(text: str) -> str:
    """One line of limited length from a text of a source."""
    line = one_line(text[: _LONGEST + 1])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."


def is_shortage(error: BaseException) -> bool:
    """Whether the exporter itself lacks a resource: file descriptors, memory, disk space."""
    return isinstance(error, OSError) and error.errno in _SHORT_OF


def why(error: BaseException) -> tuple[Reason | LeftOut, str]:
    """Reason and message of an exception from a collection.

    For a task group: those of a bug among its exceptions, else of the first failure; left out only if all are
    left out.
    """
    if isinstance(error, BaseExceptionGroup):
        return min((why(child) for child in error.exceptions), key=lambda one: _weight(one[0]))
    if isinstance(error, LeftOutError | CollectError):
        return error.reason, str(error)
    if isinstance(error, TimeoutError):
        return Reason.TIMEOUT, short_line(str(error)) or "a time-out of the source's own"
    if not isinstance(error, Exception):  # asyncio's CancelledError; commands without asyncio import this
        return Reason.INTERNAL, f"{type(error).__name__}: what it waited for was cancelled"
    if is_shortage(error):
        return Reason.UNAVAILABLE, f"the exporter is short of something: {error}"
    return Reason.INTERNAL, short_line(f"{type(error).__name__}: {error}")


def _weight(reason: Reason | LeftOut) -> int:
    """Ranks the reasons of several: the lowest is reported."""
    return 2 if isinstance(reason, LeftOut) else 0 if reason is Reason.INTERNAL else 1
