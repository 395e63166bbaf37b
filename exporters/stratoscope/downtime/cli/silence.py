"""`stratoscope downtime silence`: after an override, silence it again. POST /api/v1/downtimes/ID/silence."""

import argparse
from collections.abc import Sequence

from stratoscope.downtime.cli.command import as_answer, ask, parser, path_of, run
from stratoscope.downtime.cli.shown import summary


def main(arguments: Sequence[str]) -> int:
    """Silence it again; the exit status is that of `run`."""
    words = "Write the silences of a downtime again, also those that a person expired or took over."
    commands = parser("silence", words)
    commands.add_argument("id")
    return run(commands, arguments, _silence)


def _silence(flags: argparse.Namespace) -> str:
    found = ask(flags, "POST", path_of(flags.id, "silence"))
    return as_answer(found) if flags.json else summary("silenced", found, flags.zone)
