"""Downtimes as XML of the shape in which GOCDB answers `method=get_downtime`, for what reads GOCDB.

One row per host and service that a matcher set names, by equality or by alternatives such as `n1|n2`. A set
without such a host has rows without HOSTNAME; HOSTED_BY is the cloud. What a set says beyond cloud, host and
service stands in DESCRIPTION: GOCDB has no word for it. As in GOCDB, cancelled downtimes are absent.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from stratoscope.downtime.feeds import markup
from stratoscope.downtime.feeds.site import Site, clean_line
from stratoscope.downtime.matchers import Matcher, MatcherSet, written
from stratoscope.downtime.model import Downtime, Severity

CONTENT_TYPE: Final = "application/xml; charset=utf-8"
_LONGEST: Final = 4000
"""DESCRIPTION in GOCDB, in characters."""
_MOST_ROWS: Final = 100
"""Of one matcher set."""
_ALTERNATIVES: Final = re.compile(r"(?:[\w-]|\\\.)+(?:\|(?:[\w-]|\\\.)+)*")


class _Row(NamedTuple):
    """What is down; "" for what is not named.

    Attributes:
        beyond: The matcher set, if it says more than the others.
    """

    cloud: str
    host: str
    service: str
    beyond: str


def gocdb(downtimes: Iterable[Downtime], site: Site) -> bytes:
    """The document; SCHEDULED is what was planned, OUTAGE an outage, WARNING all else."""
    root = ET.Element("results")
    for downtime in downtimes:
        if downtime.cancelled_at is None:
            rows = dict.fromkeys(row for matchers in downtime.matcher_sets for row in _rows(matchers))
            for row in rows:
                _add(root, downtime, row, site)
    return markup.document(root)


def _add(root: ET.Element, downtime: Downtime, row: _Row, site: Site) -> None:
    key = downtime.id
    classification = "SCHEDULED" if downtime.planned else "UNSCHEDULED"
    one = ET.SubElement(root, "DOWNTIME", ID=key, PRIMARY_KEY=key, CLASSIFICATION=classification)
    host, service = clean_line(row.host), clean_line(row.service)
    markup.add(one, "PRIMARY_KEY", key)
    markup.add(one, "HOSTNAME", host)
    markup.add(one, "SERVICE_TYPE", service)
    markup.add(one, "ENDPOINT", f"{host}{service}")
    markup.add(one, "HOSTED_BY", clean_line(row.cloud))
    markup.add(one, "GOCDB_PORTAL_URL", site.link(downtime))
    ET.SubElement(one, "AFFECTED_ENDPOINTS")
    markup.add(one, "SEVERITY", "OUTAGE" if downtime.severity is Severity.OUTAGE else "WARNING")
    markup.add(one, "DESCRIPTION", _description(downtime, row.beyond))
    markup.add(one, "INSERT_DATE", downtime.created_at)
    markup.add(one, "START_DATE", downtime.start)
    markup.add(one, "END_DATE", downtime.end)
    markup.add(one, "FORMATED_START_DATE", _utc(downtime.start))
    markup.add(one, "FORMATED_END_DATE", _utc(downtime.end))


def _description(downtime: Downtime, beyond: str) -> str:
    only = f" (only {beyond})" if beyond else ""
    return "\n".join([f"{downtime.title}{only}", *([downtime.text] if downtime.text else [])])[:_LONGEST]


def _rows(matchers: MatcherSet) -> Iterator[_Row]:
    hosts, services, clouds = (_names(matchers, label) for label in ("host", "service", "cloud"))
    if len(hosts) * len(services) * len(clouds) > _MOST_ROWS:
        services, clouds = [""], [""]
    named = {"host": hosts, "service": services, "cloud": clouds}
    is_all = all(one.name in named and named[one.name] != [""] for one in matchers)
    beyond = "" if is_all else written(matchers)
    for cloud, host, service in product(clouds, hosts, services):
        yield _Row(cloud, host, service, beyond)


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
