"""`stratoscope downtime add`: file a downtime. POST /api/v1/downtimes."""

import argparse
import secrets
import time
from collections.abc import Sequence

from stratoscope.downtime import times
from stratoscope.downtime.cli.command import as_answer, ask, parser, run
from stratoscope.downtime.cli.shown import summary
from stratoscope.downtime.model import Severity


def main(arguments: Sequence[str]) -> int:
    """File one; the exit status is that of `run`."""
    commands = parser(
        "add", "File a downtime, such as: add tomorrow 08:00 for 2h --title=Switch --match host=n1"
    )
    add = commands.add_argument
    add("when", nargs="+", help="such as: tomorrow 08:00 for 2h | now until further notice")
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
    start, end = times.span(" ".join(flags.when), time.time(), flags.zone)
    draft = {
        "title": flags.title,
        "text": flags.text,
        "planned": not flags.unplanned,
        "severity": flags.severity,
        "start": start,
        "end": end,
        "until_further_notice": end is None,
        "matcher_sets": flags.match,
        "silences": flags.silence,
        "confirm": flags.confirm,
    }
    found = ask(flags, "POST", "", draft, Idempotency_Key=flags.key)
    return as_answer(found) if flags.json else summary("filed", found, flags.zone)
