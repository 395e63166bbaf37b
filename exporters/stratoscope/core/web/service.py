"""The running exporter as the pages see it; core/app.py implements it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from prometheus_client import CollectorRegistry

from stratoscope.core.collector import Absent
from stratoscope.core.runner import Runner
from stratoscope.core.web.asking.settings import Guard
from stratoscope.core.web.routes import Route


class OpenParts(Protocol):
    """The open parts of an exporter, under the configuration in force.

    Attributes:
        runners: One per collector that is run.
        left_out: Collectors that are not run, and why.
        opened: What the exporter has opened by now, by the name of its part.
    """

    @property
    def runners(self) -> Sequence[Runner]: ...

    @property
    def left_out(self) -> Sequence[Absent]: ...

    @property
    def opened(self) -> Mapping[str, Any]: ...


class Service(Protocol):
    """A running exporter.

    Attributes:
        name: The exporter's.
        summary: One sentence on what it does.
        version: The package's.
        ready: Every collector has been tried once.
        routes: The exporter's own, which stay the same while it runs.
        templates: The package of the exporter's templates; "" for none.
        registry: The registry of core's own metrics; the web's are added to it.
        warnings: Warnings for the operator, shown on the landing page.
        parts: Its open parts, under the configuration in force.
        guard: How its routes are guarded, under the configuration in force.
    """

    name: str
    summary: str
    version: str
    ready: bool
    routes: Sequence[Route]
    templates: str
    registry: CollectorRegistry

    @property
    def warnings(self) -> Sequence[str]: ...

    @property
    def parts(self) -> OpenParts: ...

    @property
    def guard(self) -> Guard: ...

    def config_shown(self) -> str:
        """The configuration in force as YAML, its secrets masked."""

    async def reload(self) -> str | None:
        """Read the configuration again. Returns None if it is in force, else one line on why not.

        Raises:
            TimeoutError: One line that says that it is still under way, and goes on.
        """
