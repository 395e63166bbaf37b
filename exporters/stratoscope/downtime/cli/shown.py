"""Downtimes as lines for a terminal."""

import datetime as dt
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from stratoscope.downtime.cli.command import printable
from stratoscope.downtime.model import DAY_S, State
from stratoscope.downtime.times import echo

_WIDTH: Final = 80
"""Of a table, where the terminal has no width."""
_SHORTEST: Final = 8
"""To which a text is cut in a table, at most."""
_BETWEEN: Final = "  "
_PLAIN: Final = re.compile(r'="([\w.:-]+)"\Z')
_MOMENTS: Final = ("start", "end", "cancelled_at")
Found = Mapping[str, Any]
"""A downtime, as the API shows it."""


def table(downtimes: Sequence[Found], zone: dt.tzinfo) -> str:
    """A line for each: id, state, start, end, what is down and title; an offset that all share is above."""
    if not downtimes:
        return "no downtimes\n"
    offsets = {echo(one[name], zone).split()[-1] for one in downtimes for name in ("start", "end")}
    shared = offsets.pop() if len(offsets) == 1 else ""
    names = ("ID", "STATE", f"START {shared}".rstrip(), "END", "WHAT", "TITLE")
    return fitted([names, *(_row(one, zone, shared) for one in downtimes)])


def ids(found: Sequence[Found]) -> str:
    """A line for each, with its id alone."""
    return "".join(f"{printable(one['id'])}\n" for one in found)


def fitted(rows: Sequence[Sequence[str]]) -> str:
    """As `columns`; the last two, what is down and title, are cut short so that it fits the terminal."""
    *fixed, what, title = _widths(rows)
    room = shutil.get_terminal_size((_WIDTH, 0)).columns - sum(fixed) - len(_BETWEEN) * (len(fixed) + 1)
    what = max(min(what, max(room - title, room // 2)), _SHORTEST)
    title = max(room - what, _SHORTEST)
    return columns([(*row[:-2], _short(row[-2], what), _short(row[-1], title)) for row in rows])


def columns(rows: Sequence[Sequence[str]]) -> str:
    """A line for each row."""
    widths = _widths(rows)
    lines = (
        _BETWEEN.join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _widths(rows: Sequence[Sequence[str]]) -> Sequence[int]:
    return [max(map(len, texts)) for texts in zip(*rows, strict=True)]


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


def _row(found: Found, zone: dt.tzinfo, shared: str) -> tuple[str, ...]:
    """Args: shared: The offset that is left out; so is the day of an end on that of the start."""
    start, end = (echo(found[name], zone).removesuffix(f" {shared}") for name in ("start", "end"))
    end = end.removeprefix(f"{start.split()[0]} ") if shared else end
    until = "further notice" if found["until_further_notice"] else end
    texts = (found["id"], found["state"], start, until)
    return (*map(printable, texts), plain_sets(found), printable(found["title"]))


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


def plain_sets(found: Found) -> str:
    """What is down, for a table: quotes stand where they must alone."""
    named = (" ".join(_PLAIN.sub(r"=\1", one) for one in matchers) for matchers in found["matcher_sets"])
    return printable(" or ".join(named))


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."
