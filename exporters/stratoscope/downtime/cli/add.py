"""`stratoscope downtime add`: file a downtime, or with --repeat a window.

POST /api/v1/downtimes, /api/v1/windows.
"""

import argparse
import datetime as dt
import secrets
import time
from collections.abc import Sequence
from typing import Any

from stratoscope.downtime import times
from stratoscope.downtime.cli.command import DOWNTIMES, WINDOWS, as_answer, ask, parser, run
from stratoscope.downtime.cli.shown import summary
from stratoscope.downtime.cli.windows import window_summary
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.matchers import set_texts, several
from stratoscope.downtime.model import Severity


def main(arguments: Sequence[str]) -> int:
    """File one; the exit status is that of `run`."""
    commands = parser(
        "add", "File a downtime, such as: add tomorrow 08:00 for 2h --title=Switch --match host=n1"
    )
    add = commands.add_argument
    add(
        "when",
        nargs="*",
        help="before the flags; such as: tomorrow 08:00 for 2h | 22:00 for 1 hour | now until further notice",
    )
    add(
        "--repeat", metavar="RRULE",
        help="file a window, which recurs in --zone: FREQ=WEEKLY;BYDAY=TU; WHEN is its first occurrence",
    )  # fmt: skip
    add("--title", required=True, help="one line")
    add("--text", default="", help="more lines")
    add(
        "--match", nargs="+", action="append", required=True, metavar="MATCHER",
        help="what is down: host=n1 service=~nova.*; all of these together; may be repeated for another set",
    )  # fmt: skip
    add("--unplanned", action="store_true", help="it was not announced")
    add("--severity", choices=[*map(str, Severity)], default=str(Severity.OUTAGE))
    silences = commands.add_mutually_exclusive_group()
    silences.add_argument("--silence", action="store_true", default=None, help="silence alerts in any case")
    silences.add_argument("--no-silence", action="store_false", dest="silence", help="silence no alerts")
    add("--confirm", action="store_true", help="a set may match every alert")
    add("--key", default=secrets.token_hex(16), help="the same key files the same downtime once")
    return run(commands, arguments, _file)


def _file(flags: argparse.Namespace) -> str:
    if not flags.when:
        example = "add tomorrow 08:00 for 2h --title=Switch --match host=n1"
        raise FieldError("when", f"missing; allowed: before --match, such as: {example}")
    start, end = times.span(" ".join(flags.when), time.time(), flags.zone)
    said = {
        "title": flags.title,
        "text": flags.text,
        "planned": not flags.unplanned,
        "severity": flags.severity,
        "matcher_sets": [_matchers(one) for one in flags.match],
        "silences": flags.silence,
        "confirm": flags.confirm,
    }
    if flags.repeat is not None:
        window = {**said, **_recurrence(flags, start, end)}
        found = ask(flags, "POST", WINDOWS, window, Idempotency_Key=flags.key)
        return as_answer(found) if flags.json else window_summary("filed", found, flags.zone)
    draft = {**said, "start": start, "end": end, "until_further_notice": end is None}
    found = ask(flags, "POST", DOWNTIMES, draft, Idempotency_Key=flags.key)
    return as_answer(found) if flags.json else summary("filed", found, flags.zone)


def _matchers(words: Sequence[str]) -> Sequence[str]:
    """Those of a set, also of one that is written in braces."""
    line = " ".join(words)
    if line.startswith("{"):
        return set_texts(line)
    for one in words:
        if several(one):
            example = " ".join(set_texts(one))
            raise FieldError("--match", f"{one[:80]!r}; allowed: blanks between matchers: {example[:80]}")
    return words


def _recurrence(flags: argparse.Namespace, start: int, end: int | None) -> dict[str, Any]:
    """Raises FieldError: Occurrences have no end, or the zone has no name."""
    if end is None:
        raise FieldError("when", "until further notice; allowed with --repeat: an end")
    name = getattr(flags.zone, "key", None)
    if name is None:
        raise FieldError("--zone", "this machine's has no name; allowed with --repeat: such as Europe/Berlin")
    first = dt.datetime.fromtimestamp(start, flags.zone).replace(tzinfo=None)
    return {"rrule": flags.repeat, "zone": name, "first": first.isoformat(), "duration_s": end - start}
