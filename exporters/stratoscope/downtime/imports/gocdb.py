"""GOCDB's downtimes. Source: get_downtime or get_downtime_nested_services of its programmatic interface, XML.

The first has a row for each affected service, the second one for each downtime, with its services; both give
the same. A row without a host concerns the site that hosts it: a mapping finds it by the site's name. All
times are Unix seconds.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, tostring

from yarl import URL

from stratoscope.downtime.imports.announced import (
    PAST_S,
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

METHODS: Final = ("get_downtime", "get_downtime_nested_services")
_SEVERITIES: Final = {"OUTAGE": Severity.OUTAGE, "WARNING": Severity.AT_RISK}
_PLANNED: Final = {"SCHEDULED": True, "UNSCHEDULED": False}
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_CURSOR: Final = re.compile(r"[0-9]{1,20}")


def first(url: URL, now: float) -> URL:
    """The URL of the first page of what lasts, is to come, or ended within PAST_S.

    `windowstart` compares the end, so that what has begun already is among it.
    """
    since = dt.datetime.fromtimestamp(now - PAST_S, dt.UTC)
    return url.update_query(windowstart=since.strftime("%Y-%m-%d"), next_cursor="0")


class Pages:
    """The pages of an answer, one after the other."""

    def __init__(self, rows: Rows) -> None:
        """Args: rows: Take what the pages have."""
        self._rows, self._seen = rows, set[bytes]()

    def take(self, body: bytes) -> str:
        """Take the rows of a page.

        Returns:
            The cursor of the next page; "" after the last one, or if the server does not page.

        Raises:
            DocumentError: It is no such page, or leads to a next one without a new downtime.
        """
        cursors: list[str] = []
        before = len(self._seen)

        def take(element: Element) -> None:
            if element.tag == "meta":
                cursors.append(_next(element))
                return
            self._seen.add(hashlib.sha256(tostring(element)).digest())
            for service in element.findall("SERVICES/SERVICE") or [element]:
                _take(element, service, self._rows)

        read(body, "results", ("DOWNTIME", "meta"), take)
        cursor = cursors[-1] if cursors else ""
        if cursor and len(self._seen) == before:
            raise DocumentError(
                "the source repeats itself: a page without a new downtime leads to a next one"
            )
        return cursor


def _take(downtime: Element, service: Element, rows: Rows) -> None:
    try:
        rows.add(_row(downtime, service))
    except RowError as error:
        rows.skip(downtime.get("ID", ""), error)


def _row(downtime: Element, service: Element) -> Announced:
    kind, host = child(service, "SERVICE_TYPE"), child(service, "HOSTNAME") or child(service, "HOSTED_BY")
    if not host:
        raise RowError(Skip.MISSING, "HOSTNAME and HOSTED_BY are missing")
    planned = _PLANNED[one_of(downtime.get("CLASSIFICATION", ""), _PLANNED, "CLASSIFICATION")]
    severity = _SEVERITIES[one_of(child(downtime, "SEVERITY"), _SEVERITIES, "SEVERITY")]
    start, end = lasting(_seconds(downtime, "START_DATE"), _seconds(downtime, "END_DATE"))
    said, what = child(downtime, "DESCRIPTION"), f"{host} {kind}".rstrip()
    return Announced(
        external_id=identified(downtime.get("ID", ""), host, kind),
        title=title(f"{what}: {said.partition(chr(10))[0]}" if said else what),
        text=text(said, *_details(downtime, service)),
        planned=planned,
        severity=severity,
        start=start,
        end=end,
        hosts=names([host]),
        services=names([kind]),
    )


def _details(downtime: Element, service: Element) -> Iterator[str]:
    """Lines of the text, after what the site says."""
    for words, value in (
        ("Site", child(service, "HOSTED_BY")),
        (
            "Endpoints",
            ", ".join(child(one, "NAME") for one in service.findall("AFFECTED_ENDPOINTS/ENDPOINT")),
        ),
        ("GOCDB", child(downtime, "GOCDB_PORTAL_URL")),
    ):
        if value:
            yield f"{words}: {value}"


def _seconds(downtime: Element, tag: str) -> int:
    value = child(downtime, tag)
    if not value:
        raise RowError(Skip.MISSING, f"{tag} is missing")
    if not _SECONDS.fullmatch(value):
        raise RowError(Skip.MALFORMED, f"{tag} is {value[:80]!r}; expected Unix seconds")
    return int(value)


def _next(meta: Element) -> str:
    """The cursor in the link to the next page: GOCDB has such a link on each page, and the last one is empty.

    Of the link its cursor alone is used: a link to another host would lead us there.
    """
    if child(meta, "count") == "0":
        return ""
    for link in meta.findall("link"):
        if link.get("rel") == "next":
            try:
                cursor = URL(link.get("href", "")).query.get("next_cursor", "")
            except ValueError as error:
                raise DocumentError("the link to the next page is no URL") from error
            if not _CURSOR.fullmatch(cursor):
                raise DocumentError("the link to the next page has no next_cursor that is a number")
            return cursor
    return ""
