"""`stratoscope downtime show`: one downtime with its history, or one window.

GET /api/v1/downtimes/ID, /api/v1/windows/ID.
"""

import argparse
from collections.abc import Sequence

from stratoscope.downtime.cli.command import as_answer, or_window, parser, run
from stratoscope.downtime.cli.shown import details
from stratoscope.downtime.cli.windows import window_details


def main(arguments: Sequence[str]) -> int:
    """Show one; the exit status is that of `run`."""
    commands = parser("show", "Show a downtime and its history, or a window.")
    commands.add_argument("id")
    return run(commands, arguments, _show)


def _show(flags: argparse.Namespace) -> str:
    found, is_window = or_window(flags, flags.id, "GET")
    if flags.json:
        return as_answer(found)
    return (window_details if is_window else details)(found, flags.zone)
