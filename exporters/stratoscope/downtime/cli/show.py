"""`stratoscope downtime show`: one downtime with its history. GET /api/v1/downtimes/ID."""

import argparse
from collections.abc import Sequence

from stratoscope.downtime.cli.command import as_answer, ask, parser, path_of, run
from stratoscope.downtime.cli.shown import details


def main(arguments: Sequence[str]) -> int:
    """Show one; the exit status is that of `run`."""
    commands = parser("show", "Show a downtime and its history.")
    commands.add_argument("id")
    return run(commands, arguments, _show)


def _show(flags: argparse.Namespace) -> str:
    found = ask(flags, "GET", path_of(flags.id))
    return as_answer(found) if flags.json else details(found, flags.zone)
