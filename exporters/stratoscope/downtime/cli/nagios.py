"""Hosts that are off, told to Nagios by its external commands; what was told is in a file.

Nagios has no downtimes of a key, and files one again that it is told again. So each has a comment of its own,
by which it is deleted once the host is back.
"""

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from stratoscope.core.client.request import AskError
from stratoscope.downtime.cli.command import printable

_AUTHOR: Final = "stratoscope"
_LARGEST: Final = 64 << 20
_PRIVATE: Final = 0o600
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOREIGN: Final = "not written by this command; allowed: another file, or none, and all hosts are told again"


class Told(msgspec.Struct, frozen=True, order=True):
    """A downtime of Nagios. Attributes: start, end: Unix seconds. comment: No other has it."""

    host: str
    start: int
    end: int
    comment: str


def wanted(off: Iterable[Mapping[str, Any]]) -> frozenset[Told]:
    """What Nagios should have.

    Args:
        off: Hosts that are off, as the API shows them. Nagios knows no host in whose name there is a `;` or
            what cannot be printed.
    """
    return frozenset(
        Told(one["host"], int(one["since"]), int(one["until"]), _comment(one))
        for one in off
        if _is_field(one["host"])
    )


def commands(before: frozenset[Told], after: frozenset[Told], now: int) -> Iterator[str]:
    """Lines for Nagios: what is new is filed before what is over is deleted."""
    for one in sorted(after - before):
        fields = (one.host, one.start, one.end, 1, 0, 0, _AUTHOR, one.comment)
        yield f"[{now}] SCHEDULE_HOST_DOWNTIME;{';'.join(map(str, fields))}"
    for one in sorted(before - after):
        yield f"[{now}] DEL_DOWNTIME_BY_HOST_NAME;{one.host};;{one.start};{one.comment}"


def told(file: Path) -> frozenset[Told]:
    """What Nagios was told; nothing without the file.

    Raises:
        AskError: The file cannot be used.
    """
    try:
        with file.open("rb") as opened:
            found = frozenset(msgspec.json.decode(opened.read(_LARGEST), type=tuple[Told, ...]))
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise _unusable(file, error.strerror) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unusable(file, _FOREIGN) from error
    if not all(map(_is_known, found)):
        raise _unusable(file, _FOREIGN)
    return found


@contextmanager
def remembering(file: Path, after: Iterable[Told]) -> Iterator[None]:
    """Write what Nagios will have been told beside the file; it becomes the file once Nagios was told.

    Both are readable for their owner alone; a symbolic link is not followed.

    Raises:
        AskError: The file cannot be written: then Nagios must not be told.
    """
    new = file.with_name(f"{file.name}.new")
    try:
        with suppress(FileNotFoundError):
            new.unlink()
        with os.fdopen(os.open(new, _NEW, _PRIVATE), "wb") as opened:
            opened.write(msgspec.json.encode(sorted(after)))
    except OSError as error:
        raise _unusable(file, error.strerror) from error
    yield
    try:
        new.replace(file)
    except OSError as error:
        raise _unusable(file, error.strerror) from error


def _is_field(text: str) -> bool:
    """Whether it is one field of a command: Nagios reads a file of its commands line by line."""
    return ";" not in text and text.isprintable()


def _is_known(one: Told) -> bool:
    return _is_field(one.host) and _is_field(one.comment)


def _comment(one: Mapping[str, Any]) -> str:
    """Which downtime it is, and why; a `;` would end it."""
    ids: Sequence[str] = one["downtime_ids"]
    until = dt.datetime.fromtimestamp(one["until"], dt.UTC)
    return printable(f"{' '.join(ids)} until {until:%Y-%m-%dT%H:%M:%SZ}: {one['title']}").replace(";", ",")


def _unusable(file: Path, what: str | None) -> AskError:
    return AskError(f"--nagios: {file}: {what}")
