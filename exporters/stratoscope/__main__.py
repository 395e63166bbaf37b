"""`stratoscope <exporter or command> ...`: imports only what is asked for."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, TextIO, cast

from stratoscope.core.errors import MissingSDKError
from stratoscope.core.output import Output, OutputError
from stratoscope.core.program import USAGE_STATUS, Command, Program, version
from stratoscope.programs import COMMANDS, EXPORTERS

_FAILED: Final = 1
_BY_SIGNAL: Final = 128
"""The exit status of what a signal ends, without the signal's number."""


def main(
    arguments: Sequence[str] | None = None,
    exporters: Mapping[str, str] = EXPORTERS,
    commands: Mapping[str, str] = COMMANDS,
) -> int:
    """Run one exporter or command until it ends; the exit status is 2 for a wrong flag, file or key."""
    if sys.stdout is None:  # the caller has closed it
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    stream, output = sys.stdout, Output(sys.stdout)
    sys.stdout = cast("TextIO", output)
    try:
        status = _run(arguments, exporters, commands)
        output.flush()
    except KeyboardInterrupt:
        return _BY_SIGNAL + signal.SIGINT
    except BrokenPipeError:  # its reader, such as head, has read what it wanted
        output.drop()
        return _BY_SIGNAL + signal.SIGPIPE
    except OutputError as error:
        output.drop()
        sys.stderr.write(f"stratoscope: standard output: {error}\n")
        return _FAILED
    finally:
        sys.stdout = stream
    return status


def _run(arguments: Sequence[str] | None, exporters: Mapping[str, str], commands: Mapping[str, str]) -> int:
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    if name in exporters:
        return _exporter(name, exporters[name], rest)
    if name == "--version":
        sys.stdout.write(f"stratoscope {version()}\n")
        return 0
    if name in ("-h", "--help"):
        sys.stdout.write(_usage(exporters, commands))
        return 0
    if name in commands:
        return _call(import_module(commands[name]).COMMAND, rest)
    text = f"no exporter or command {name!r}" if name else "no exporter or command given"
    return _refused(f"{text}; allowed: {', '.join([*exporters, *commands])}")


def _usage(exporters: Mapping[str, str], commands: Mapping[str, str]) -> str:
    """What there is, each in one line; no SDK is imported for it."""
    shown = {name: import_module(package).PROGRAM.summary for name, package in exporters.items()}
    others = {name: import_module(module).COMMAND.summary for name, module in commands.items()}
    width = max(map(len, [*shown, *others]))

    def table(rows: Mapping[str, str]) -> str:
        return "".join(f"  {name:{width}}  {text}\n" for name, text in rows.items())

    return (
        "usage: stratoscope EXPORTER [--help] [--config.file=FILE] ...\n"
        "       stratoscope COMMAND [--help] ...\n"
        f"\nexporters:\n{table(shown)}\ncommands:\n{table(others)}"
    )


def _exporter(name: str, package: str, arguments: Sequence[str]) -> int:
    """Run an exporter, or one of its commands."""
    program: Program = import_module(package).PROGRAM
    if arguments and not arguments[0].startswith("-"):
        command = program.commands.get(arguments[0])
        if command is not None:
            return _call(command, arguments[1:])
        allowed = ", ".join([*program.commands, "flags, see --help"])
        return _refused(f"{name} has no command {arguments[0]!r}; allowed: {allowed}")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # importing takes long; what runs hears it then
    return _serve(program, package, arguments)


def _serve(program: Program, package: str, arguments: Sequence[str]) -> int:
    from stratoscope.core.flags import Flags  # noqa: PLC0415 - after SIGHUP is cared for

    try:
        flags = Flags.parse(program, arguments)  # help needs no SDK
    except SystemExit as over:
        return int(over.code or 0)
    try:
        module = import_module(f"{package}.exporter")
        from stratoscope.core.app import main as run  # noqa: PLC0415 - the same

        return run(module.EXPORTER, flags)  # the kinds of clouds that the file names are imported by it
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] == "stratoscope":
            raise  # a bug of ours
        extra = error.extra if isinstance(error, MissingSDKError) else program.name
        needed = ",".join(dict.fromkeys([program.name, extra]))
        installs = f"the extra [{extra}] installs it: pip install '.[{needed}]' in a clone, see README.md"
        return _refused(f"{error}; {installs}")


def _call(command: Command, arguments: Sequence[str]) -> int:
    status: int = import_module(command.module).main(arguments)
    return status


def _refused(text: str) -> int:
    sys.stderr.write(f"stratoscope: {text}\n")
    return USAGE_STATUS


if __name__ == "__main__":  # pragma: no cover - run by tests in a process of its own
    sys.exit(main())
