"""`stratoscope <exporter> ...`: imports only the exporter that is asked for."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from stratoscope.core.app import main as run
from stratoscope.core.app import version

EXPORTERS: Final = {"hypervisor": "stratoscope.hypervisor.exporter"}
"""Sub-command -> the module whose EXPORTER it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one exporter until it is told to stop; the exit status is 2 for a wrong flag, file or key."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    first = arguments[0] if arguments else ""
    names = ", ".join(EXPORTERS)
    if first == "--version":
        sys.stdout.write(f"stratoscope {version()}\n")
        return 0
    if first in ("-h", "--help"):
        sys.stdout.write(
            f"usage: stratoscope EXPORTER [--help] [--config.file=FILE] ...\nexporters: {names}\n"
        )
        return 0
    if first not in EXPORTERS:
        sys.stderr.write(f"stratoscope: no exporter {first!r}; allowed: {names}\n")
        return 2
    try:
        module = import_module(EXPORTERS[first])
    except ModuleNotFoundError as error:
        sys.stderr.write(f"stratoscope: {error.name} is not installed; install stratoscope[{first}]\n")
        return 2
    return run(module.EXPORTER, arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
