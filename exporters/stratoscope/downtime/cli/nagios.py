"""Hosts that are off, told to Nagios by its external commands; what was told is in a file.

Nagios has no downtimes of a key, and files one again that it is told again. So each has a comment of its own,
by which it is deleted once the host is back.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from stratoscope.core.client.request import AskError
from stratoscope.downtime.cli.command import printable

_AUTHOR: Final = "stratoscope"
_LARGEST: Final = 64 << 20


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
        if ";" not in one["host"] and one["host"].isprintable()
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
            return frozenset(msgspec.json.decode(opened.read(_LARGEST), type=tuple[Told, ...]))
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise _unusable(file, error.strerror) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        what = "not written by this command; allowed: another file, or none, and all hosts are told again"
        raise _unusable(file, what) from error


@contextmanager
def remembering(file: Path, after: Iterable[Told]) -> Iterator[None]:
    """Write what Nagios will have been told beside the file; it becomes the file once Nagios was told.

    Raises:
        AskError: The file cannot be written: then Nagios must not be told.
    """
    new = file.with_name(f"{file.name}.new")
    try:
        new.write_bytes(msgspec.json.encode(sorted(after)))
    except OSError as error:
        raise _unusable(file, error.strerror) from error
    yield
    try:
        new.replace(file)
    except OSError as error:
        raise _unusable(file, error.strerror) from error


def _comment(one: Mapping[str, Any]) -> str:
    """Which downtime it is, and why; a `;` would end it."""
    ids: Sequence[str] = one["downtime_ids"]
    until = dt.datetime.fromtimestamp(one["until"], dt.UTC)
    return printable(f"{' '.join(ids)} until {until:%Y-%m-%dT%H:%M:%SZ}: {one['title']}").replace(";", ",")


def _unusable(file: Path, what: str | None) -> AskError:
    return AskError(f"--nagios: {file}: {what}")
