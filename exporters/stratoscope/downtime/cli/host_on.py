"""`stratoscope downtime host-on`: a host is back. DELETE /api/v1/hosts-off/CLOUD/HOST."""

import argparse
from collections.abc import Sequence

from stratoscope.downtime.cli.command import as_answer, ask, host_path, parser, printable, run


def main(arguments: Sequence[str]) -> int:
    """Say so; the exit status is that of `run`."""
    commands = parser("host-on", "A host is back: what host-off has filed of it ends.")
    commands.add_argument("cloud")
    commands.add_argument("host")
    return run(commands, arguments, _on)


def _on(flags: argparse.Namespace) -> str:
    found = ask(flags, "DELETE", host_path(flags))
    if flags.json:
        return as_answer(found)
    is_off = found["ended"] is not None
    said = f"ended {found['ended']}: {found['silencing']}" if is_off else "nothing to end"
    return f"{printable(found['host'])}: {printable(said)}\n"
