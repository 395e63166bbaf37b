"""Turns offers and the configuration into collections: what runs, on which schedule, and what is left out."""

from collections.abc import Iterable
from typing import Any

from stratoscope.core.collector import Absent, Collection, Collections, Collector, Every, Offer, OnScrape
from stratoscope.core.config import CollectorSettings, Section, known_keys
from stratoscope.core.errors import LeftOut


class Planner:
    """The offers of an exporter, merged with its section of the configuration."""

    def __init__(self, key: str, section: Section, offers: Iterable[Offer]) -> None:
        """Args: key: Of the section.

        Raises:
            ConfigError: An unknown collector, a key that it does not have, or times that do not fit together.
        """
        self._section = section
        self._offers = {offer.name: offer for offer in offers}
        self._settings = {name: section.collectors.get(name, CollectorSettings()) for name in self._offers}
        self._schedules: dict[str, OnScrape | Every] = {}
        known_keys(section.collectors, self._offers, f"{key}.collectors")
        for name, offer in self._offers.items():
            settings, its_key = self._settings[name], f"{key}.collectors.{name}"
            if offer.schedule is not None:
                self._schedules[name] = settings.schedule(offer.schedule, its_key)
            else:
                settings.only({"enabled"}, its_key, "it is part of a collector")

    def is_on(self, name: str) -> bool:
        """Whether a collector, or a part of one, runs."""
        offer = self._offers[name]
        if offer.needs and not self.is_on(offer.needs):
            return False
        enabled = self._settings[name].enabled
        return offer.is_on if enabled is None else enabled

    def schedule(self, name: str) -> OnScrape | Every:
        return self._schedules[name]

    def max_series(self, name: str) -> int:
        return self._settings[name].max_series or self._section.max_series

    def collections(self, collectors: Iterable[Collector[Any]], left_out: Iterable[Absent]) -> Collections:
        """The collections. Args: left_out: What is left out for other reasons than the configuration."""
        running, absent = [], [*left_out]
        for one in collectors:
            name = one.offer.name
            if self.is_on(name):
                running.append(Collection(one, self.schedule(name), self.max_series(name)))
            else:
                absent.append(Absent(one.name, LeftOut.NOT_CONFIGURED, one.cloud))
        return Collections(running, absent)
