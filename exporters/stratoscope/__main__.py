"""`stratoscope <exporter or command> ...`: imports only what is asked for."""

import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

EXPORTERS: Final = {
    "hypervisor": "stratoscope.hypervisor.exporter",
    "management": "stratoscope.management.exporter",
}
"""Sub-command -> the module whose EXPORTER it is."""

COMMANDS: Final = {"demo-cloud": "stratoscope.demo.command"}
"""Sub-command that is no exporter -> the module whose `main(arguments)` returns the exit status."""


def main(
    arguments: Sequence[str] | None = None,
    exporters: Mapping[str, str] = EXPORTERS,
    commands: Mapping[str, str] = COMMANDS,
) -> int:
    """Run one exporter or command until it ends; the exit status is 2 for a wrong flag, file or key."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if name in exporters:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # importing takes long; what runs hears it then
        return _export(name, exporters[name], rest)
    if name == "--version":
        from stratoscope.core.flags import version  # noqa: PLC0415 - after SIGHUP is cared for

        sys.stdout.write(f"stratoscope {version()}\n")
        return 0
    if name in ("-h", "--help"):
        sys.stdout.write(
            "usage: stratoscope EXPORTER [--help] [--config.file=FILE] ...\n"
            "       stratoscope COMMAND [--help] ...\n"
            f"exporters: {', '.join(exporters)}\n"
            f"commands: {', '.join(commands)}\n"
        )
        return 0
    if name in commands:
        status: int = import_module(commands[name]).main(rest)
        return status
    said = f"no exporter or command {name!r}" if name else "no exporter or command given"
    return _refused(f"{said}; allowed: {', '.join([*exporters, *commands])}")


def _export(name: str, module_name: str, arguments: Sequence[str]) -> int:
    try:
        module = import_module(module_name)
        from stratoscope.core.app import main as run  # noqa: PLC0415 - the same
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] == "stratoscope":
            raise  # a bug of ours
        return _refused(f"{error}; install stratoscope[{name}]")
    return run(module.EXPORTER, arguments)


def _refused(text: str) -> int:
    from stratoscope.core.flags import USAGE_STATUS  # noqa: PLC0415 - the same

    sys.stderr.write(f"stratoscope: {text}\n")
    return USAGE_STATUS


if __name__ == "__main__":  # pragma: no cover - run by tests in a process of its own
    sys.exit(main())
