"""`stratoscope <exporter> ...`: imports only the exporter that is asked for."""

import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

from stratoscope.core.flags import USAGE_STATUS, version

EXPORTERS: Final = {"hypervisor": "stratoscope.hypervisor.exporter"}
"""Sub-command -> the module whose EXPORTER it is."""


def main(arguments: Sequence[str] | None = None, exporters: Mapping[str, str] = EXPORTERS) -> int:
    """Run one exporter until it is told to stop; the exit status is 2 for a wrong flag, file or key."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # importing takes long; what runs hears it then
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    allowed = ", ".join(exporters)
    if name == "--version":
        sys.stdout.write(f"stratoscope {version()}\n")
        return 0
    if name in ("-h", "--help"):
        sys.stdout.write(
            f"usage: stratoscope EXPORTER [--help] [--config.file=FILE] ...\nexporters: {allowed}\n"
        )
        return 0
    if name not in exporters:
        said = f"no exporter {name!r}" if name else "no exporter given"
        return _refused(f"{said}; allowed: {allowed}")
    try:
        module = import_module(exporters[name])
        from stratoscope.core.app import main as run  # noqa: PLC0415 - once SIGHUP cannot end the process
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] == "stratoscope":
            raise  # a bug of ours
        return _refused(f"{error}; install stratoscope[{name}]")
    return run(module.EXPORTER, rest)


def _refused(text: str) -> int:
    sys.stderr.write(f"stratoscope: {text}\n")
    return USAGE_STATUS


if __name__ == "__main__":  # pragma: no cover - run by tests in a process of its own
    sys.exit(main())
