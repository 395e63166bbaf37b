"""OSG's downtimes. Source: `rgdowntime/xml` of topology, or a `..._downtime.yaml` of its repository."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final
from xml.etree.ElementTree import Element

import yaml

from stratoscope.core.errors import ConfigError
from stratoscope.core.yaml_file import Loader, document
from stratoscope.downtime.imports.announced import (
    Announced,
    DocumentError,
    RowError,
    Rows,
    Skip,
    identified,
    lasting,
    names,
    one_of,
    text,
    title,
)
from stratoscope.downtime.imports.xml_rows import child, read
from stratoscope.downtime.model import Severity

LARGEST_YAML: Final = 1 << 20
"""Bytes: reading them takes some 10 s of a thread."""
_SEVERITIES: Final = {
    "Outage": Severity.OUTAGE,
    "Severe": Severity.DEGRADED,
    "Intermittent Outage": Severity.DEGRADED,
    "No Significant Outage Expected": Severity.AT_RISK,
}
_PLANNED: Final = {"SCHEDULED": True, "UNSCHEDULED": False}
_FIELDS: Final = (
    "ID", "ResourceName", "ResourceFQDN", "StartTime", "EndTime", "Class", "Severity", "Description",
)  # fmt: skip
_ABSENT: Final = "Not Available"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME: Final = re.compile(
    rf"({'|'.join(_MONTHS)}) ([0-9]{{1,2}}), ([0-9]{{4}}) ([0-9]{{1,2}}):([0-9]{{2}})"
    r"(?: [AP]M)?(?: (UTC|[+-][0-9]{4}))?"
)
"""topology prints the hour from 0 to 23 and AM or PM behind it, which says nothing more."""


class _Loader(Loader):
    """An item in which a key stands twice is empty: where `-` was forgotten, two have become one."""

    def check_keys(self, node: yaml.MappingNode) -> None:
        try:
            super().check_keys(node)
        except yaml.MarkedYAMLError:
            node.value = []


def take(body: bytes, rows: Rows) -> None:
    """Take the rows of a document, which is XML if it begins with `<`.

    Raises:
        DocumentError: It is no such document.
    """
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        read(body, "Downtimes", ("Downtime",), lambda element: _take_element(element, rows))
    else:
        _take_yaml(body, rows)


def _take_element(element: Element, rows: Rows) -> None:
    fields = {name: child(element, name) for name in _FIELDS}
    services = [child(one, "Name") for one in element.findall("Services/Service")]
    _take(fields, services, child(element, "ResourceGroup/GroupName"), rows)


def _take_yaml(body: bytes, rows: Rows) -> None:
    if len(body) > LARGEST_YAML:
        raise DocumentError(f"YAML of more than {LARGEST_YAML} bytes")
    try:
        found = document(body, "YAML", _Loader)
    except ConfigError as error:
        raise DocumentError(str(error)) from error
    if not isinstance(found, list):
        raise DocumentError("neither XML nor a list in YAML")
    for item in found:
        if isinstance(item, dict) and item:
            services = item.get("Services")
            fields = {name: _words(item.get(name)) for name in _FIELDS}
            _take(fields, map(_words, services if isinstance(services, list) else [services]), "", rows)
        else:
            rows.skip("", RowError(Skip.MALFORMED, "it is no mapping, or a key in it stands twice"))


def _words(value: Any) -> str:
    """A value of YAML, where an id is a number, and so may be a description."""
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _take(fields: Mapping[str, str], services: Iterable[str], group: str, rows: Rows) -> None:
    try:
        rows.add(_row({name: "" if one == _ABSENT else one for name, one in fields.items()}, services, group))
    except RowError as error:
        rows.skip(fields["ID"], error)


def _row(fields: Mapping[str, str], services: Iterable[str], group: str) -> Announced:
    resource = fields["ResourceName"]
    if not resource:
        raise RowError(Skip.MISSING, "ResourceName is missing")
    planned = _PLANNED[one_of(fields["Class"], _PLANNED, "Class")]
    severity = _SEVERITIES[one_of(fields["Severity"].partition(" (")[0], _SEVERITIES, "Severity")]
    start, end = lasting(_moment(fields, "StartTime"), _moment(fields, "EndTime"))
    said, types = fields["Description"], names(services)
    return Announced(
        external_id=identified(fields["ID"], resource),
        title=title(f"{resource}: {said.partition(chr(10))[0]}" if said else resource),
        text=text(*filter(None, chain([said], _details(types, group)))),
        planned=planned,
        severity=severity,
        start=start,
        end=end,
        hosts=names([fields["ResourceFQDN"], resource]),
        services=types,
    )


def _details(services: tuple[str, ...], group: str) -> Iterable[str]:
    if services:
        yield f"Services: {', '.join(services)}"
    if group:
        yield f"Resource group: {group}"


def _moment(fields: Mapping[str, str], name: str) -> int:
    value = " ".join(fields[name].split())
    if not value:
        raise RowError(Skip.MISSING, f"{name} is missing")
    found = _TIME.fullmatch(value)
    moment = None if found is None else _unix(found)
    if moment is None:
        what = f"{name} is {value[:80]!r}; expected such as `Mar 07, 2027 13:00 +0000`, or with UTC"
        raise RowError(Skip.MALFORMED, what)
    return moment


def _unix(found: re.Match[str]) -> int | None:
    """Unix seconds; None for the 30th of February and its like."""
    month, *numbers, zone = found.groups()
    day, year, hour, minute = map(int, numbers)
    try:
        local = dt.datetime(year, _MONTHS.index(month) + 1, day, hour, minute, tzinfo=_zone(zone or "UTC"))
    except ValueError:
        return None
    return int(local.timestamp())


def _zone(text: str) -> dt.tzinfo:
    if text == "UTC":
        return dt.UTC
    shift = dt.timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    return dt.timezone(-shift if text.startswith("-") else shift)
