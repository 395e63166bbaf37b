"""What an exporter is: one frozen value that core starts, serves, reloads and stops."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from stratoscope.core.collector import Collections

Parse = Callable[[Mapping[str, Any], Mapping[str, str]], Any]
Open = Callable[[Any], AbstractAsyncContextManager[Collections]]


@dataclass(frozen=True, slots=True)
class Program:
    """What its command line needs to know of an exporter; it stands where no SDK is imported.

    Attributes:
        name: The sub-command and the name of its section in the configuration.
        port: Default port on loopback.
        summary: One sentence for `--help` and the landing page.
        flags: Flags of its own: name without dashes -> (default, help).
    """

    name: str
    port: int
    summary: str
    flags: Mapping[str, tuple[str, str]] = field(default_factory=dict, kw_only=True)

    def exporter(self, *, parse: Parse, open: Open) -> "Exporter":  # noqa: A002 - Exporter's own word
        """The exporter itself."""
        return Exporter(self.name, self.port, self.summary, parse, open, flags=self.flags)


@dataclass(frozen=True, slots=True)
class Exporter(Program):
    """One exporter.

    Attributes:
        parse: Turns the whole configuration file (untyped, as YAML gave it) and the exporter's own flags into
            its settings (a msgspec.Struct or a dataclass); raises ConfigError.
        open: Opens clients, yields collections, closes.
    """

    parse: Parse
    open: Open
