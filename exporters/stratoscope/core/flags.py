"""The command line of an exporter: the flags that all have, and its own."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from stratoscope.core import logs
from stratoscope.core.client.flags import not_empty, path
from stratoscope.core.errors import one_line
from stratoscope.core.program import USAGE_STATUS, Program, version
from stratoscope.core.web.listen import MOST

_MOST_CONNECTIONS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says, by flag.

    Attributes:
        own: The exporter's own flags, by name without dashes.
        online: Whether the check of the configuration also looks up in the sources what it names.
        storage_path: The folder of its state; None for an exporter that keeps none.
    """

    config_file: Path | None
    config_check: bool
    web_listen_address: Sequence[str]
    web_config_file: str | None
    web_max_connections: int
    log_level: str
    log_format: str
    own: Mapping[str, str]
    online: bool = False
    storage_path: Path | None = None

    @classmethod
    def parse(cls, program: Program, arguments: Sequence[str]) -> "Flags":
        """What the arguments say.

        Raises:
            SystemExit: With 0 after `--help` and `--version`, with 2 for a wrong flag, said in one line.
        """
        parser = _parser(program)
        found, unknown = parser.parse_known_args(arguments)
        late = next((one for one in unknown if one in program.commands), None)
        if late is not None:
            parser.error(f"flags stand before {late}; allowed: after it, as in {parser.prog} {late} FLAG...")
        if unknown:
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        parsed = vars(found)
        if parsed.get("online") and not parsed["config_check"]:
            parser.error("--online: it only adds to a check; allowed: together with --config.check")
        own = {flag: parsed.pop(flag) for flag in program.flags}
        parsed["web_listen_address"] = parsed["web_listen_address"] or [_loopback(program)]
        return cls(own=own, **parsed)


class Parser(argparse.ArgumentParser):
    """Says a wrong flag in one line. Flags are never abbreviated."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        text = message.removeprefix("argument ")
        if message.startswith("unrecognized"):
            flags = sorted(flag for flag in self._option_string_actions if flag.startswith("--"))
            text = f"{message}; allowed: {', '.join(flags)}"
        sys.stderr.write(f"{self.prog}: {one_line(text)}\n")
        raise SystemExit(USAGE_STATUS)


def _parser(program: Program) -> argparse.ArgumentParser:
    parser = Parser(
        prog=f"stratoscope {program.name}", description=program.summary, epilog=_commands(program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip

    def add(flag: str, text: str, **more: Any) -> None:
        shown = f"{text} (default %(default)s)" if "default" in more else text
        dest = flag if flag in program.flags else flag.replace(".", "_").replace("-", "_")
        parser.add_argument(f"--{flag}", dest=dest, help=shown, **more)

    def value(flag: str, metavar: str, text: str, **more: Any) -> None:
        add(flag, text, metavar=metavar, **{"type": not_empty} | more)

    value("config.file", "FILE", "configuration file (YAML); the defaults apply without it", type=path)
    add("config.check", "check the configuration, print the result and exit", action="store_true")
    if program.checks_online:
        online = "with --config.check: also look up in the sources what it names; changes nothing there"
        add("online", online, action="store_true")
    addresses = "HOST:PORT to listen on, :PORT for all interfaces; repeatable"
    value("web.listen-address", "ADDRESS", f"{addresses} (default {_loopback(program)})", action="append")
    value("web.config.file", "FILE", "TLS and authentication, in the format of Prometheus's exporter-toolkit")
    value("web.max-connections", "NUMBER", "limit on open connections of clients", default=MOST, type=_number)
    add("log.level", "lowest level that is logged", default="info", choices=logs.LEVELS)
    add("log.format", "format of the log", default="logfmt", choices=logs.FORMATS)
    if program.keeps_state:
        folder = "folder of its state, locked by this process; created if missing"
        value("storage.path", "FOLDER", folder, default=f"data/{program.name}", type=path)
    for flag, (default, text) in program.flags.items():
        value(flag, "VALUE", text, default=default)
    add("version", "show the version and exit", action="version", version=f"stratoscope {version()}")
    return parser


def _commands(program: Program) -> str:
    """What `--help` says of the exporter's commands."""
    width = max(map(len, program.commands), default=0)
    lines = [f"  {name:{width}}  {command.summary}" for name, command in program.commands.items()]
    return "\n".join(["commands:", *lines]) if lines else ""


def _loopback(program: Program) -> str:
    return f"127.0.0.1:{program.port}"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= _MOST_CONNECTIONS):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {_MOST_CONNECTIONS}")
    return int(text)
