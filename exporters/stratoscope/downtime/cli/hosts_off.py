"""`stratoscope downtime hosts-off`: which are off, also for Nagios and Ganglia. GET /api/v1/hosts-off."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stratoscope.downtime.cli import nagios
from stratoscope.downtime.cli.command import as_answer, ask, parser, printable, run
from stratoscope.downtime.cli.ganglia import gmetric
from stratoscope.downtime.cli.shown import columns
from stratoscope.downtime.times import echo


def main(arguments: Sequence[str]) -> int:
    """List them; the exit status is that of `run`."""
    commands = parser("hosts-off", "The hosts that are switched off on purpose, or disabled and at risk.")
    forms = commands.add_mutually_exclusive_group()
    forms.add_argument(
        "--nagios", type=Path, metavar="FILE",
        help="external commands for Nagios, which say what has changed since FILE; it is written anew",
    )  # fmt: skip
    forms.add_argument("--ganglia", action="store_true", help="a call of gmetric for each, for a shell")
    return run(commands, arguments, _hosts_off)


def _hosts_off(flags: argparse.Namespace) -> str:
    hosts = ask(flags, "GET", "/hosts-off")["hosts"]
    off = [one for one in hosts if not one["at_risk"]]
    if flags.nagios is not None:
        return _tell_nagios(off, flags.nagios)
    if flags.ganglia:
        return "".join(f"{gmetric(one)}\n" for one in off)
    return as_answer(hosts) if flags.json else _table(hosts, flags)


def _tell_nagios(off: Sequence[Mapping[str, Any]], file: Path) -> str:
    """Print the commands once they can be remembered; what cannot be printed is printed the next time."""
    told, wanted = nagios.told(file), nagios.wanted(off)
    with nagios.remembering(file, wanted):
        sys.stdout.write("".join(f"{line}\n" for line in nagios.commands(told, wanted, int(time.time()))))
        sys.stdout.flush()
    return ""


def _table(hosts: Sequence[Mapping[str, Any]], flags: argparse.Namespace) -> str:
    if not hosts:
        return "no hosts are off\n"
    rows: list[tuple[str, ...]] = [("CLOUD", "HOST", "STATE", "SINCE", "UNTIL", "BY", "TITLE")]
    for one in hosts:
        since, until = echo(one["since"], flags.zone), echo(one["until"], flags.zone)
        state, by = "at risk" if one["at_risk"] else "off", ", ".join(one["sources"])
        texts = (one["cloud"], one["host"], state, since, until, by, one["title"])
        rows.append(tuple(map(printable, texts)))
    return columns(rows)
