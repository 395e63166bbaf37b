"""The section `management:` of the configuration."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from stratoscope.clouds import abilities
from stratoscope.clouds.registry import able, configured, kind
from stratoscope.core.collector import Every, OnScrape
from stratoscope.core.config import Section, known_keys, section
from stratoscope.core.errors import ConfigError

OF_REQUESTS: Final = OnScrape(5)
"""The account of requests is at hand when scraped."""


class Management(Section, frozen=True):
    """Attributes: max_series: Of 100,000 VMs one collector shows more than 200,000 series."""

    max_series: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000


class Settings(msgspec.Struct, frozen=True):
    """What is in force.

    Attributes:
        clouds: Entries of the kinds that have a management layer.
    """

    clouds: list[Any]
    management: Management

    def schedules(self) -> Mapping[str, Every | OnScrape]:
        """The collectors of all clouds, with the schedules that hold where the configuration is silent."""
        asked = [question for cloud in self.clouds for question in kind(cloud.kind).questions]
        return {"requests": OF_REQUESTS} | {question.name: question.every for question in asked}


def parse(document: Mapping[str, Any], flags: Mapping[str, str]) -> Settings:  # noqa: ARG001 - it has no flags
    """The settings from a configuration file; without one, the cloud that OS_CLOUD or OS_AUTH_URL names.

    Raises:
        ConfigError: One line that names the key and what is allowed.
    """
    clouds = [*configured(document, abilities.Management)]
    if not clouds and document.get("clouds") is None:
        raise ConfigError(
            "clouds: nothing to watch; allowed: a file with `clouds:`, or OS_CLOUD or OS_AUTH_URL as variable"
        )
    if not clouds:
        raise ConfigError(
            f"clouds: no entry of a kind that has a management layer, and this exporter needs one; "
            f"allowed: {', '.join(able(abilities.Management))}"
        )
    settings = Settings(clouds, section(document, "management", Management))
    _check_collectors(settings)
    return settings


def _check_collectors(settings: Settings) -> None:
    """Refuse the name of a collector that no cloud has, and times that do not fit together."""
    own, defaults = settings.management, settings.schedules()
    known_keys(own.collectors, defaults, "management.collectors")
    for name in own.collectors:
        own.schedule(name, defaults[name], "management")
