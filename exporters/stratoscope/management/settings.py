"""The section `management:` of the configuration."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from stratoscope.clouds import abilities
from stratoscope.clouds.client.cost import Requests
from stratoscope.clouds.events import EventSettings
from stratoscope.clouds.registry import able, configured, described, kind
from stratoscope.core.config import Section, decode
from stratoscope.core.errors import ConfigError
from stratoscope.core.planner import Planner
from stratoscope.management.events import EventsCollector
from stratoscope.management.subject import Bounds


class Management(Section, frozen=True):
    """Attributes:
    max_series: Of 100,000 VMs one collector has more than 200,000 series.
    show: How much is shown by name.
    """

    max_series: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000
    show: Bounds = Bounds()


class Settings(msgspec.Struct, frozen=True):
    """The settings of the exporter.

    Attributes:
        clouds: Entries of the kinds that have a management layer.
    """

    clouds: list[Any]
    management: Management

    def planner(self) -> Planner:
        """Raises ConfigError: As Planner."""
        offers = [question.offer for cloud in self.clouds for question in kind(cloud.kind).questions]
        return Planner("management", self.management, [Requests.offer, EventsCollector.offer, *offers])


def parse(document: Mapping[str, Any], flags: Mapping[str, str]) -> Settings:  # noqa: ARG001 - it has no flags
    """The settings from a configuration file; without one, the cloud that the environment describes.

    Raises:
        ConfigError: One line that names the key and what is allowed.
    """
    clouds = [*configured(document, abilities.Management)]
    if not clouds and document.get("clouds") is None:
        allowed = ", or ".join(["a file with `clouds:`", *described(abilities.Management)])
        raise ConfigError(f"clouds: nothing to watch; allowed: {allowed}")
    if not clouds:
        raise ConfigError(
            f"clouds: no entry of a kind that has a management layer, and this exporter needs one; "
            f"allowed: {', '.join(able(abilities.Management))}"
        )
    settings = Settings(clouds, decode(Management, document.get("management", {}), "management"))
    settings.planner()
    for cloud in clouds:
        _check_events(cloud)
    return settings


def _check_events(cloud: Any) -> None:
    """Check the files of an entry's events, which other exporters do not need. Raises ConfigError."""
    events: EventSettings | None = getattr(cloud, "events", None)
    if events is None:
        return
    try:
        events.check()
    except ConfigError as error:
        raise ConfigError(f"clouds: {cloud.name}/{cloud.kind}: {error}") from error
