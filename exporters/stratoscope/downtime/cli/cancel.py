"""`stratoscope downtime cancel`: cancel it. POST /api/v1/downtimes/ID/cancel."""

import argparse
from collections.abc import Sequence

from stratoscope.downtime.cli.command import as_answer, ask, parser, path_of, run
from stratoscope.downtime.cli.shown import summary


def main(arguments: Sequence[str]) -> int:
    """Cancel it; the exit status is that of `run`."""
    commands = parser(
        "cancel", "Cancel a downtime: it counts as never planned. It stays in the list of cancelled ones."
    )
    commands.add_argument("id")
    return run(commands, arguments, _cancel)


def _cancel(flags: argparse.Namespace) -> str:
    found = ask(flags, "POST", path_of(flags.id, "cancel"))
    return as_answer(found) if flags.json else summary("cancelled", found, flags.zone)
