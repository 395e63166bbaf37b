"""A day that is counted anew: as by the rules, had they known of planned outages that were filed late.

Source: Prometheus, the states that the rules record each minute of probes, services and zones, all of them at
the same moment.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import msgspec

from stratoscope.availability.downtimes import Planned
from stratoscope.availability.months import Day
from stratoscope.availability.query import DAY_S, at_end, begin, finite, queried
from stratoscope.availability.subject import Subject

_WARNING, _MISSING, _DOWNTIME = 1, 3, 4
"""States as numbers, from good to bad; see the rules of availability."""
_PROBE: Final = "probe:stratoscope_availability:badness"
_SERVICE: Final = "service:stratoscope_management:badness"
_ZONE: Final = "zone:stratoscope_management:known"
_OWN: Final = frozenset({"__name__", "cloud", "probe", "zone", "image_id", "service"})


class _Series(msgspec.Struct, frozen=True):
    metric: dict[str, str]
    values: list[tuple[float, str]]


@dataclass(slots=True)
class _Minute:
    """States. Attributes: probes: With name, zone and image. services: With zone and name. zones: By name."""

    probes: list[tuple[str, str, str, int]] = field(default_factory=list)
    services: list[tuple[str, str, int]] = field(default_factory=list)
    zones: dict[str, int] = field(default_factory=dict)

    def add(self, labels: Mapping[str, str], state: int) -> None:
        zone = labels.get("zone", "")
        if labels.get("__name__") == _PROBE:
            self.probes.append((labels.get("probe", ""), zone, labels.get("image_id", ""), state))
        elif labels.get("__name__") == _SERVICE:
            self.services.append((zone, labels.get("service", ""), state))
        else:
            self.zones[zone] = state


def counted_anew(flags: argparse.Namespace, day: date, planned: Sequence[Planned]) -> Mapping[Subject, Day]:
    """The subjects of the clouds that had outages on that day. Of replicas of Prometheus, the most counts.

    Raises:
        AskError, OSError, http.client.HTTPException: Prometheus cannot be asked.
    """
    found: dict[Subject, Day] = {}
    for cloud in sorted({one.cloud for one in planned}):
        outages = [one for one in planned if one.cloud == cloud]
        for minutes in _replicas(flags, day, cloud):
            for subject, counted in _counted(cloud, minutes, outages).items():
                found[subject] = _most(counted, found.get(subject, counted))
    return found


def _replicas(flags: argparse.Namespace, day: date, cloud: str) -> Iterator[Mapping[float, _Minute]]:
    """The minutes of the day by their moment, from each Prometheus that recorded them."""
    names = f"{_PROBE}|{_SERVICE}|{_ZONE}"
    query = f'{{__name__=~"{names}", cloud={json.dumps(cloud, ensure_ascii=False)}}}[1d]'
    replicas: dict[frozenset[tuple[str, str]], dict[float, _Minute]] = {}
    for series in queried(flags, _Series, query, at_end(day)):
        replica = frozenset(pair for pair in series.metric.items() if pair[0] not in _OWN)
        minutes = replicas.setdefault(replica, defaultdict(_Minute))
        for moment, state in series.values:
            if begin(day) <= moment < begin(day) + DAY_S:
                minutes[moment].add(series.metric, int(finite(state)))
    yield from replicas.values()


def _counted(
    cloud: str, minutes: Mapping[float, _Minute], planned: Sequence[Planned]
) -> Mapping[Subject, Day]:
    counts: dict[Subject, list[int]] = defaultdict(lambda: [0, 0, 0])
    for moment, minute in minutes.items():
        outages = [one for one in planned if one.is_on(moment)]
        for subject, state in _worst(cloud, minute, outages).items():
            of_it = counts[subject]
            of_it[0] += state <= _WARNING
            of_it[1] += state == _DOWNTIME
            of_it[2] += state <= _WARNING or state > _MISSING
    return {subject: Day(*of_it) for subject, of_it in counts.items()}


def _worst(cloud: str, minute: _Minute, outages: Sequence[Planned]) -> Mapping[Subject, int]:
    """The state of each subject in a minute."""
    is_all = any(not one.zone and not one.service for one in outages)
    zones = {one.zone for one in outages if one.zone}
    found: dict[Subject, int] = defaultdict(int)
    down = {probe for probe, zone, _, _ in minute.probes if is_all or zone in zones}
    for probe, zone, image, recorded in minute.probes:
        state = _DOWNTIME if probe in down else recorded
        for subject in _subjects(cloud, zone, image):
            found[subject] = max(found[subject], state)
    whole = Subject(cloud, "cloud")
    for zone, recorded in _zones(minute, {one.service for one in outages if one.service}).items():
        found[whole] = max(found[whole], _DOWNTIME if is_all or zone in zones else recorded)
    return found


def _subjects(cloud: str, zone: str, image: str) -> Iterator[Subject]:
    yield Subject(cloud, "cloud")
    if zone:
        yield Subject(cloud, "zone", zone=zone)
    if image:
        yield Subject(cloud, "image", image_id=image)


def _zones(minute: _Minute, down: set[str]) -> Mapping[str, int]:
    """The states of the services of each zone; of those that are down on purpose, it is that."""
    if not down:
        return minute.zones
    found = dict.fromkeys((zone for zone, _, _ in minute.services), 0)
    for zone, service, recorded in minute.services:
        found[zone] = max(found[zone], _DOWNTIME if service in down else recorded)
    return {**minute.zones, **found}


def _most(one: Day, other: Day) -> Day:
    return Day(max(one.up, other.up), max(one.down, other.down), max(one.known, other.known))
