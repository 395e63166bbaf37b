"""`stratoscope downtime cancel`: cancel a downtime or a window.

POST /api/v1/downtimes/ID/cancel, /api/v1/windows/ID/cancel.
"""

import argparse
from collections.abc import Sequence

from stratoscope.downtime.cli.command import as_answer, or_window, parser, run
from stratoscope.downtime.cli.shown import summary
from stratoscope.downtime.cli.windows import window_summary


def main(arguments: Sequence[str]) -> int:
    """Cancel it; the exit status is that of `run`."""
    commands = parser(
        "cancel",
        "Cancel a downtime: it counts as never planned. It stays in the list of cancelled ones. Of a window"
        " the occurrences that have not begun are cancelled.",
    )
    commands.add_argument("id")
    commands.add_argument("--end-running", action="store_true", help="of a window: what lasts ends now")
    return run(commands, arguments, _cancel)


def _cancel(flags: argparse.Namespace) -> str:
    body = {"end_running": flags.end_running}
    found, is_window = or_window(flags, "POST", "cancel", body)
    if flags.json:
        return as_answer(found)
    return (window_summary if is_window else summary)("cancelled", found, flags.zone)
