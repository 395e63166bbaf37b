"""Downtimes as XML of the shape in which GOCDB answers `method=get_downtime`, for what reads GOCDB.

One row per host and service that a matcher set names, by equality or by alternatives such as `n1|n2`. Readers
want a HOSTNAME and a SERVICE_TYPE in each row: a set without a host has the cloud as HOSTNAME, one without a
service has ALL_OF_HOST or ALL_OF_CLOUD as SERVICE_TYPE; HOSTED_BY is the cloud. What a set says beyond these
three stands in DESCRIPTION: GOCDB has no word for it. Such a row is a WARNING, since what it names is not
down as a whole. As in GOCDB, cancelled downtimes are absent.
"""

import datetime as dt
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import product
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from stratoscope.downtime.feeds import markup
from stratoscope.downtime.feeds.site import Site
from stratoscope.downtime.matchers import Matcher, MatcherSet, written
from stratoscope.downtime.model import DAY_S, Downtime, Severity
from stratoscope.downtime.text import clean_line

CONTENT_TYPE: Final = "application/xml; charset=utf-8"
ALL_OF_HOST: Final = "host"
ALL_OF_CLOUD: Final = "cloud"
NOWHERE: Final = "unknown"
"""HOSTNAME where a set names neither host nor cloud."""
SCHEDULED_S: Final = DAY_S
"""In GOCDB, what is declared more than this before its start is SCHEDULED."""
_LONGEST: Final = 4000
"""DESCRIPTION in GOCDB, in characters."""
_MOST_ROWS: Final = 100
"""Of one matcher set."""
_ALTERNATIVES: Final = re.compile(r"(?:[\w-]|\\\.)+(?:\|(?:[\w-]|\\\.)+)*")


class _Place(NamedTuple):
    """What is down; "" for what is not named."""

    cloud: str
    host: str
    service: str


def gocdb(downtimes: Iterable[Downtime], site: Site) -> bytes:
    """The document.

    SCHEDULED is what was planned and filed more than SCHEDULED_S before its start. OUTAGE is an outage of all
    that the row names, unless it is SCHEDULED and silences nothing: readers silence what is both.
    """
    root = ET.Element("results")
    for downtime in downtimes:
        if downtime.cancelled_at is None:
            for place, beyond in _places(downtime.matcher_sets).items():
                _add(root, downtime, place, beyond, site)
    return markup.document(root)


def _add(root: ET.Element, downtime: Downtime, place: _Place, beyond: Collection[str], site: Site) -> None:
    key = downtime.id
    is_scheduled = downtime.planned and downtime.start - downtime.created_at > SCHEDULED_S
    is_outage = downtime.severity is Severity.OUTAGE and (downtime.silences or not is_scheduled)
    classification = "SCHEDULED" if is_scheduled else "UNSCHEDULED"
    one = ET.SubElement(root, "DOWNTIME", ID=key, PRIMARY_KEY=key, CLASSIFICATION=classification)
    cloud = clean_line(place.cloud)
    host = clean_line(place.host) or cloud or NOWHERE
    service = clean_line(place.service) or (ALL_OF_HOST if place.host else ALL_OF_CLOUD)
    markup.add(one, "PRIMARY_KEY", key)
    markup.add(one, "HOSTNAME", host)
    markup.add(one, "SERVICE_TYPE", service)
    markup.add(one, "ENDPOINT", f"{host}{service}")
    markup.add(one, "HOSTED_BY", cloud)
    markup.add(one, "GOCDB_PORTAL_URL", site.link(downtime))
    ET.SubElement(one, "AFFECTED_ENDPOINTS")
    markup.add(one, "SEVERITY", "OUTAGE" if is_outage and not beyond else "WARNING")
    markup.add(one, "DESCRIPTION", _description(downtime, beyond))
    markup.add(one, "INSERT_DATE", downtime.created_at)
    markup.add(one, "START_DATE", downtime.start)
    markup.add(one, "END_DATE", downtime.end)
    markup.add(one, "FORMATED_START_DATE", _utc(downtime.start))
    markup.add(one, "FORMATED_END_DATE", _utc(downtime.end))


def _description(downtime: Downtime, beyond: Collection[str]) -> str:
    only = f" (only {' or '.join(beyond)})" if beyond else ""
    return "\n".join([f"{downtime.title}{only}", *([downtime.text] if downtime.text else [])])[:_LONGEST]


def _places(sets: Iterable[MatcherSet]) -> dict[_Place, Collection[str]]:
    """What the sets name, each once; with those of them that say more, if none says as much."""
    found: dict[_Place, Collection[str]] = {}
    for matchers in sets:
        for place, is_all in _of_set(matchers):
            others = found.get(place)
            found[place] = () if is_all or others == () else (*(others or ()), written(matchers))
    return found


def _of_set(matchers: MatcherSet) -> Iterator[tuple[_Place, bool]]:
    """What a set names, and whether the set says no more than that."""
    clouds, hosts, services = (_names(matchers, label) for label in _Place._fields)
    if len(hosts) * len(services) * len(clouds) > _MOST_ROWS:
        services, clouds = [""], [""]
    named = dict(zip(_Place._fields, (clouds, hosts, services), strict=True))
    is_all = all(one.name in named and named[one.name] != [""] for one in matchers)
    for one in map(_Place._make, product(clouds, hosts, services)):
        is_told = all(name == clean_line(name).strip() for name in one)  # by the names in the row
        yield one, is_all and is_told and one.service not in (ALL_OF_HOST, ALL_OF_CLOUD)


def _names(matchers: MatcherSet, label: str) -> list[str]:
    """The values that a set names of a label; [""] if it names none, or too many."""
    own = [one for one in matchers if one.name == label]
    named = {name for one in own for name in _alternatives(one)}
    if len(own) > 1:
        named = {name for name in named if all(one.matches({label: name}) for one in own)}
    return sorted(named) if 0 < len(named) <= _MOST_ROWS else [""]


def _alternatives(matcher: Matcher) -> list[str]:
    if not matcher.is_equal:
        return []
    if not matcher.is_regex:
        return [matcher.value]
    found = _ALTERNATIVES.fullmatch(matcher.value)
    return found[0].replace("\\.", ".").split("|") if found else []


def _utc(moment: int) -> str:
    return f"{dt.datetime.fromtimestamp(moment, dt.UTC):%Y-%m-%d %H:%M}"
