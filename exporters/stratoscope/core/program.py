"""What the command line knows of an exporter before it is imported; light, as every command imports it."""

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
        module: Where its `main(arguments)` is, which returns the exit status; imported when it is called.
        summary: One sentence for `--help`.
    """

    module: str
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What its command line needs to know of an exporter; it stands where no SDK is imported.

    Attributes:
        name: The sub-command and the name of its section in the configuration.
        port: Default port on loopback.
        summary: One sentence for `--help` and the landing page.
        flags: Flags of its own: name without dashes -> (default, help).
        commands: `stratoscope <name> <command>`, by its own name.
        keeps_state: It has a folder for its state, `--storage.path`.
        stop_timeout_s: When a stop ends the process at the latest: what its clean-up may take, and a moment.
    """

    name: str
    port: int
    summary: str
    flags: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    commands: Mapping[str, Command] = field(default_factory=dict)
    keeps_state: bool = False
    stop_timeout_s: float = 1.5
