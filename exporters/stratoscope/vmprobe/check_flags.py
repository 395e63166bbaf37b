"""The flags of `check-vmprobe`."""

import argparse
from collections.abc import Sequence

from stratoscope.core.client.flags import not_empty, seconds
from stratoscope.core.nagios.flags import Parser
from stratoscope.vmprobe import COMMAND, PROGRAM
from stratoscope.vmprobe.check_result import SERVICE


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What the arguments say.

    Raises:
        SystemExit: With 0 after `--help`, with 3 for a wrong flag, said in one line.
    """
    parser = _parser()
    flags = parser.parse_args(arguments)
    parser.check_log_in(flags)
    if flags.warning is not None and flags.critical is not None and flags.critical < flags.warning:
        parser.error("--critical: allowed: not below --warning")
    return flags


def _parser() -> Parser:
    parser = Parser(
        SERVICE, asks="the exporter", default_url=f"http://127.0.0.1:{PROGRAM.port}",
        prog="stratoscope check-vmprobe", description=COMMAND.summary,
        epilog="Exit status: 0 OK, also while the probe is paused; 1 WARNING: the last run failed, and the"
        " project is to blame; 2 CRITICAL: the cloud is to blame; both also for a slow success, if asked;"
        " 3 UNKNOWN: the probe is to blame, is stale, or cannot be asked.",
    )  # fmt: skip
    add = parser.add_argument
    add("--name", required=True, type=not_empty, help="name of the probe")
    add("--cloud", default="", help="its cloud, if several have a probe of that name")
    add(
        "--max-age", type=seconds, metavar="TIME",
        help="since the end of the last run (default 2 x the probe's interval + its time-outs)",
    )  # fmt: skip
    add(
        "-w", "--warning", type=seconds, metavar="TIME",
        help="a VM that runs later than this after it was accepted is a WARNING (default: never)",
    )  # fmt: skip
    add("-c", "--critical", type=seconds, metavar="TIME", help="the same for CRITICAL (default: never)")
    return parser
