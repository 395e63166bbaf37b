"""Recurring windows as lines for a terminal."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stratoscope.downtime.cli.command import printable
from stratoscope.downtime.cli.shown import fitted, lasting, plain_sets, sets
from stratoscope.downtime.times import echo

Found = Mapping[str, Any]
"""A window, as the API shows it."""


def windows_table(windows: Sequence[Found]) -> str:
    """A line for each: id, rule, zone, time of day, duration, what is down and title."""
    if not windows:
        return "no windows\n"
    names = ("ID", "REPEAT", "ZONE", "AT", "LASTS", "WHAT", "TITLE")
    return fitted([names, *map(_row, windows)])


def window_summary(done: str, found: Found, zone: dt.tzinfo) -> str:
    """What was done, and the next occurrences with their offsets."""
    words = f"{_recurrence(found)}, {sets(found)}: {printable(found['silencing'])}"
    what = f"{done} window {printable(found['id'])}: {words}"
    return "\n".join([what, *_next(found, zone)]) + "\n"


def window_details(found: Found, zone: dt.tzinfo) -> str:
    """All facts of one, and its next occurrences."""
    cancelled_at = found["cancelled_at"]
    facts = {
        "window": found["id"],
        "title": found["title"],
        "state": "open" if cancelled_at is None else f"cancelled at {echo(cancelled_at, zone)}",
        "repeat": _recurrence(found),
        "first": found["first"],
        "kind": f"{'planned' if found['planned'] else 'unplanned'}, {found['severity']}",
        "silences": "yes" if found["silences"] else "no",
        "author": found["author"],
    }
    lines = [f"{name:9} {printable(value)}" for name, value in facts.items()]
    lines += [f"{'matchers':9} {printable(', '.join(one))}" for one in found["matcher_sets"]]
    lines += [f"{'text':9} {printable(line)}" for line in found["text"].splitlines()]
    return "\n".join([*lines, *_next(found, zone)]) + "\n"


def _next(found: Found, zone: dt.tzinfo) -> Iterator[str]:
    for one in found["next"]:
        yield f"{'next':9} {echo(one['start'], zone)} to {echo(one['end'], zone)}"


def _recurrence(found: Found) -> str:
    return printable(f"{found['rrule']} in {found['zone']} for {_lasts(found)}")


def _row(found: Found) -> tuple[str, ...]:
    at = found["first"].partition("T")[2].removesuffix(":00")
    texts = (found["id"], found["rrule"], found["zone"], at, _lasts(found))
    return (*map(printable, texts), plain_sets(found), printable(found["title"]))


def _lasts(found: Found) -> str:
    return lasting(found["duration_s"])
