"""`stratoscope downtime host-off`: a host is switched off. PUT /api/v1/hosts-off/CLOUD/HOST."""

import argparse
import time
from collections.abc import Sequence

from stratoscope.downtime import times
from stratoscope.downtime.cli.command import as_answer, ask, end_of, host_path, parser, run
from stratoscope.downtime.cli.shown import summary


def main(arguments: Sequence[str]) -> int:
    """Say so; the exit status is that of `run`."""
    commands = parser(
        "host-off",
        "A host is switched off on purpose: host-off uni n1 for 12h. Said again, it changes what it says.",
    )
    commands.add_argument("cloud")
    commands.add_argument("host")
    commands.add_argument(
        "end",
        nargs="*",
        default=[],
        help="for 12h | until wednesday 04:00 | until further notice: until host-on",
    )
    commands.add_argument("--reason", help="why")
    return run(commands, arguments, _off)


def _off(flags: argparse.Namespace) -> str:
    body: dict[str, object] = {} if flags.reason is None else {"reason": flags.reason}
    if flags.end:
        body["until"] = _until(" ".join(flags.end), flags)
    found = ask(flags, "PUT", host_path(flags), body)
    return as_answer(found) if flags.json else summary("filed", found, flags.zone)


def _until(words: str, flags: argparse.Namespace) -> int | None:
    """Raises FieldError: It is no end."""
    now = time.time()
    word, _, rest = words.partition(" ")
    if word == "for":
        return int(now) + times.duration(rest)
    return end_of(rest if word in ("until", "to") else words, "for 2h", now, flags.zone, start=now)
