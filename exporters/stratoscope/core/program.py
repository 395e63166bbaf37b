"""The command line of an exporter. It imports nothing heavy, since every command imports it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

USAGE_STATUS: Final = 2
"""The exit status for a wrong flag, file or key."""


def version() -> str:
    """The version of the installed package."""
    from importlib import metadata  # noqa: PLC0415 - it takes as long as all the rest

    return metadata.version("stratoscope")


@dataclass(frozen=True, slots=True)
class Command:
    """A command beside serving, such as a client of the exporter over HTTP.

    Attributes:
        module: Where its `main(arguments)` is, which returns the exit status; imported when it is called. The
            arguments are those after the command's name.
        summary: One sentence for `--help`.
    """

    module: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The command line of an exporter; declared where no SDK is imported.

    Attributes:
        name: The sub-command and the name of its section in the configuration.
        port: Default port on loopback.
        summary: One sentence for `--help` and the landing page.
        flags: Flags of its own: name without dashes -> (default, help).
        commands: `stratoscope <name> <command>`, by its own name.
        keeps_state: Whether it has a folder for its state, `--storage.path`.
        checks_online: Whether it has `--online`, which looks up in the sources what its configuration names;
            then its Exporter has `check_online`.
        stop_timeout_s: After this time a stop ends the process; a clean-up has all of it but 0.5 s.
    """

    name: str
    port: int
    summary: str
    flags: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    commands: Mapping[str, Command] = field(default_factory=dict)
    keeps_state: bool = False
    checks_online: bool = False
    stop_timeout_s: float = 1.5
