"""Downtimes as lines for a terminal."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from stratoscope.downtime.cli.command import printable
from stratoscope.downtime.model import DAY_S, State
from stratoscope.downtime.times import echo

_LONGEST: Final = 60
"""Of a title, and of what is down, in a table."""
_MOMENTS: Final = ("start", "end", "cancelled_at")
Found = Mapping[str, Any]
"""A downtime, as the API shows it."""


def table(downtimes: Sequence[Found], zone: dt.tzinfo) -> str:
    """A line for each: id, state, start, end, severity, title and what is down."""
    if not downtimes:
        return "no downtimes\n"
    names = ("ID", "STATE", "START", "END", "SEVERITY", "WHAT", "TITLE")
    return columns([names, *(_row(one, zone) for one in downtimes)])


def ids(found: Sequence[Found]) -> str:
    """A line for each, with its id alone."""
    return "".join(f"{printable(one['id'])}\n" for one in found)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """A line for each row."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def summary(done: str, found: Found, zone: dt.tzinfo) -> str:
    """One line on what was done, with the times as they were understood."""
    if found["state"] == State.CANCELLED:
        done = "cancelled"
    words = f"{_span(found, zone)}, {sets(found)}: {printable(found['silencing'])}"
    return f"{done} {printable(found['id'])}: {words}\n"


def details(found: Found, zone: dt.tzinfo) -> str:
    """All facts of one, and its history."""
    facts = {
        "id": found["id"],
        "title": found["title"],
        "state": found["state"],
        "time": _span(found, zone),
        "kind": f"{'planned' if found['planned'] else 'unplanned'}, {found['severity']}",
        "silences": "yes" if found["silences"] else "no",
        "author": found["author"],
        "source": " ".join(part for part in (found["source"], found["external_id"]) if part),
    }
    lines = [f"{name:9} {printable(value)}" for name, value in facts.items()]
    lines += [f"{'matchers':9} {printable(', '.join(one))}" for one in found["matcher_sets"]]
    lines += [f"{'text':9} {printable(line)}" for line in found["text"].splitlines()]
    lines += _history(found.get("history", ()), zone)
    earlier = found.get("history_count", 0) - len(found.get("history", ()))
    lines += [f"{'history':9} {earlier} earlier changes are left out"] if earlier else []
    return "\n".join(lines) + "\n"


def _history(changes: Sequence[Found], zone: dt.tzinfo) -> Iterator[str]:
    for one in changes:
        fields = "; ".join(
            f"{name.replace('_', ' ')}: {_words(name, before, zone)} -> {_words(name, after, zone)}"
            for name, (before, after) in one["fields"].items()
        )
        said = f"{echo(one['at'], zone)} {one['who']} {one['action']}" + (f" {fields}" if fields else "")
        yield f"{'history':9} {printable(said)}"


def _words(name: str, value: object, zone: dt.tzinfo) -> str:
    """A value of the history."""
    match value:
        case None | "":
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case int() if name in _MOMENTS:
            return echo(value, zone)
        case list() if name == "matcher_sets":
            return sets({name: value})
    return str(value)


def _row(found: Found, zone: dt.tzinfo) -> tuple[str, ...]:
    end = "until further notice" if found["until_further_notice"] else echo(found["end"], zone)
    texts = (found["id"], found["state"], echo(found["start"], zone), end, found["severity"])
    return (*map(printable, texts), short_sets(found), short(printable(found["title"])))


def _span(found: Found, zone: dt.tzinfo) -> str:
    """Such as `2026-12-01 08:00 +01:00 to 2026-12-01 10:00 +01:00 (2 h)`."""
    lasts = "" if found["until_further_notice"] else f" ({lasting(found['end'] - found['start'])})"
    return f"{echo(found['start'], zone)} to {_end(found, zone)}{lasts}"


def lasting(seconds: int) -> str:
    """Such as `6 d 6 h`; days have 24 h."""
    parts = [f"{seconds // DAY_S} d", f"{seconds % DAY_S // 3600} h", f"{seconds % 3600 // 60} min"]
    parts.append(f"{seconds % 60} s")
    return " ".join(one for one in parts if not one.startswith("0 ")) or "0 s"


def _end(found: Found, zone: dt.tzinfo) -> str:
    until = " (until further notice)" if found["until_further_notice"] else ""
    return f"{echo(found['end'], zone)}{until}"


def sets(found: Found) -> str:
    """What is down."""
    return printable(" or ".join("{" + ", ".join(one) + "}" for one in found["matcher_sets"]))


def short_sets(found: Found) -> str:
    """What is down, cut short."""
    return short(sets(found))


def short(text: str) -> str:
    """A text for a table, cut short."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
