"""`stratoscope downtime end`: end downtimes now. POST /api/v1/downtimes/ID/end."""

import argparse
from collections.abc import Sequence

from stratoscope.downtime.cli.command import as_answer, ask, each, parser, path_of, run
from stratoscope.downtime.cli.shown import summary


def main(arguments: Sequence[str]) -> int:
    """End them now; the exit status is that of `run`."""
    commands = parser("end", "End downtimes now; one that has not begun is cancelled.")
    commands.add_argument("id", nargs="+")
    return run(commands, arguments, _end)


def _end(flags: argparse.Namespace) -> str:
    def end(id_: str) -> str:
        found = ask(flags, "POST", path_of(id_, "end"))
        return as_answer(found) if flags.json else summary("ended", found, flags.zone)

    return each(flags, end)
