"""`stratoscope downtime cancel`: cancel downtimes or windows.

POST /api/v1/downtimes/ID/cancel, /api/v1/windows/ID/cancel.
"""

import argparse
from collections.abc import Sequence

from stratoscope.downtime.cli.command import as_answer, each, or_window, parser, run
from stratoscope.downtime.cli.shown import summary
from stratoscope.downtime.cli.windows import window_summary


def main(arguments: Sequence[str]) -> int:
    """Cancel them; the exit status is that of `run`."""
    commands = parser(
        "cancel",
        "Cancel downtimes: they count as never planned. One stays in the list of cancelled ones. Of a window"
        " the occurrences that have not begun are cancelled.",
    )
    commands.add_argument("id", nargs="+")
    commands.add_argument("--end-running", action="store_true", help="of a window: what lasts ends now")
    return run(commands, arguments, _cancel)


def _cancel(flags: argparse.Namespace) -> str:
    body = {"end_running": flags.end_running}

    def cancel(id_: str) -> str:
        found, is_window = or_window(flags, id_, "POST", "cancel", body)
        if flags.json:
            return as_answer(found)
        return (window_summary if is_window else summary)("cancelled", found, flags.zone)

    return each(flags, cancel)
