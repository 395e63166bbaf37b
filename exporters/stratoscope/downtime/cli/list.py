"""`stratoscope downtime list`: downtimes by state and what is down, or the recurring windows.

GET /api/v1/downtimes, /api/v1/windows.
"""

import argparse
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from stratoscope.downtime.cli.command import DOWNTIMES, WINDOWS, as_answer, ask, parser, run
from stratoscope.downtime.cli.shown import ids, table
from stratoscope.downtime.cli.windows import windows_table
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.matchers import several
from stratoscope.downtime.model import State

_OF_DOWNTIMES: Final = ("state", "cloud", "host", "service", "match", "source", "search")
"""The flags that choose some of the downtimes."""


def main(arguments: Sequence[str]) -> int:
    """List some; the exit status is that of `run`."""
    commands = parser("list", "List downtimes: those that are active or to come, or those of --state.")
    add = commands.add_argument
    add("--state", action="append", choices=[*map(str, State)], help="may be repeated")
    add("--cloud", help="those that are of this cloud")
    add("--host", help="those that are of this host")
    add("--service", help="those that are of this service")
    add(
        "--match", action="append", default=[], type=_label, metavar="LABEL=VALUE",
        help="those that are of what has this label, such as zone=az1; may be repeated",
    )  # fmt: skip
    add("--source", help="those that it filed: person, or such as gocdb:egi")
    add("--search", help="those with this text in title, text, id, author or matchers")
    add("-q", "--quiet", action="store_true", help="print ids alone")
    add("--windows", action="store_true", help="the recurring windows instead, but those that are cancelled")
    return run(commands, arguments, _list)


def _list(flags: argparse.Namespace) -> str:
    if flags.windows:
        return _windows(flags)
    states = flags.state or [State.ACTIVE, State.UPCOMING]
    named = [(name, getattr(flags, name)) for name in ("cloud", "host", "service", "source", "search")]
    chosen = [*((name, value) for name, value in named if value), *flags.match]
    query = [*(("state", str(one)) for one in states), *chosen]
    downtimes = _all(flags, DOWNTIMES, "downtimes", query)
    if flags.quiet:
        return ids(downtimes)
    return as_answer(downtimes) if flags.json else table(downtimes, flags.zone)


def _windows(flags: argparse.Namespace) -> str:
    """Raises FieldError: A flag chooses downtimes."""
    chosen = ", ".join(f"--{name}" for name in _OF_DOWNTIMES if getattr(flags, name))
    if chosen:
        raise FieldError("--windows", f"stands beside {chosen}; allowed: without, it lists all windows")
    found = [one for one in _all(flags, WINDOWS, "windows", []) if one["cancelled_at"] is None]
    if flags.quiet:
        return ids(found)
    return as_answer(found) if flags.json else windows_table(found)


def _all(flags: argparse.Namespace, path: str, name: str, query: Sequence[tuple[str, str]]) -> list[Any]:
    """What all pages have under a name."""
    found, after = list[Any](), list[tuple[str, str]]()
    while True:
        page = ask(flags, "GET", f"{path}?{urlencode([*query, *after])}".rstrip("?"))
        found += page[name]
        if not page.get("next"):
            return found
        after = [("after", page["next"])]


def _label(text: str) -> tuple[str, str]:
    if several(text):
        raise argparse.ArgumentTypeError(f"{text[:80]!r}; allowed: LABEL=VALUE, each by a --match of its own")
    name, _, value = text.partition("=")
    if not name or not value:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: LABEL=VALUE")
    return name, value
