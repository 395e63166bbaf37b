"""What an exporter is: one frozen value that core starts, serves, reloads and stops."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from stratoscope.core.collector import Collections


@dataclass(frozen=True, slots=True)
class Exporter:
    """One exporter.

    Attributes:
        name: The sub-command and the name of its section in the configuration.
        port: Default port on loopback.
        summary: One sentence for `--help` and the landing page.
        parse: Turns the whole configuration file (untyped, as YAML gave it) and the exporter's own flags into
            its settings (a msgspec.Struct or a dataclass); raises ConfigError.
        open: Opens clients, yields collections, closes.
        flags: Flags of its own: name without dashes -> (default, help).
    """

    name: str
    port: int
    summary: str
    parse: Callable[[Mapping[str, Any], Mapping[str, str]], Any]
    open: Callable[[Any], AbstractAsyncContextManager[Collections]]
    flags: Mapping[str, tuple[str, str]] = field(default_factory=dict)
