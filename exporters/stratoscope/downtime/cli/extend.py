"""`stratoscope downtime extend`: another end. POST /api/v1/downtimes/ID/extend."""

import argparse
import time
from collections.abc import Sequence

from stratoscope.downtime import times
from stratoscope.downtime.cli.command import as_answer, ask, end_of, parser, path_of, run
from stratoscope.downtime.cli.shown import summary


def main(arguments: Sequence[str]) -> int:
    """Give one another end; the exit status is that of `run`."""
    commands = parser("extend", "Give a downtime another end, such as: extend ID by 2h | until 12:00")
    commands.add_argument("id")
    commands.add_argument("end", nargs="+", help="by 2h | until wednesday 04:00 | until further notice")
    return run(commands, arguments, _extend)


def _extend(flags: argparse.Namespace) -> str:
    """The end is counted from the downtime as it is; if somebody changes it meanwhile, that is refused."""
    word, _, rest = " ".join(flags.end).partition(" ")
    found = ask(flags, "GET", path_of(flags.id))
    if word == "by":
        end: int | None = found["end"] + times.duration(rest)
    else:
        text = rest if word in ("until", "to") else f"{word} {rest}".strip()
        end = end_of(text, "by 2h", time.time(), flags.zone, start=found["start"])
    body = {"end": end, "until_further_notice": end is None}
    found = ask(flags, "POST", path_of(flags.id, "extend"), body, If_Match=f'"{found["revision"]}"')
    return as_answer(found) if flags.json else summary("extended", found, flags.zone)
