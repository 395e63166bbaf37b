"""What an exporter is: one frozen value that core starts, serves, reloads and stops."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stratoscope.core.part import Part, Site
from stratoscope.core.program import Program
from stratoscope.core.web.asking.settings import Guard
from stratoscope.core.web.routes import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """One exporter.

    Attributes:
        program: Its command line.
        parse: Turns the whole configuration file (untyped, as YAML gave it) and the exporter's own flags into
            its settings (a msgspec.Struct or a dataclass); raises ConfigError.
        parts: Its parts under its settings; the call itself opens nothing.
        routes: Its own pages and endpoints.
        templates: The package that contains the folder `templates`; "" for none.
        guard: How its routes are guarded under its settings. Core rejects a role that no route requires, and
            names it below the key `access` of the exporter's section.
        check_online: Looks up in the sources what the settings name, for `--config.check --online`. Returns a
            line for each thing that is wrong; it changes nothing and opens no state. For a program that
            `checks_online`.
    """

    program: Program
    parse: Callable[[Mapping[str, Any], Mapping[str, str]], Any]
    parts: Callable[[Any, Site], Iterable[Part]]
    routes: Sequence[Route] = ()
    templates: str = ""
    guard: Callable[[Any], Guard] = lambda _: Guard()
    check_online: Callable[[Any], Awaitable[Sequence[str]]] | None = None

    def __post_init__(self) -> None:
        if self.program.checks_online != (self.check_online is not None):
            raise TypeError(f"{self.program.name}: checks_online and check_online go together")
