"""`/api/v1/export`: many downtimes in one document, for other programs."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web
from multidict import MultiDict

from stratoscope.core.web.routes import Request
from stratoscope.downtime.api.query import FILTERS, Query
from stratoscope.downtime.api.service import answered, service
from stratoscope.downtime.database.finding import Filter
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.feeds.documents import GOCDB, JSON, MOST, Format
from stratoscope.downtime.feeds.sending import answer
from stratoscope.downtime.feeds.site import Site
from stratoscope.downtime.model import DAY_S, Downtime

METHOD: Final = "get_downtime"
_DATE: Final = {"type": "string", "format": "date"}
OF_GOCDB: Final[dict[str, dict[str, Any]]] = {
    "method": {"const": METHOD},
    "windowstart": _DATE
    | {"description": "It ends after the beginning of this day, in UTC; instead of from."},
    "windowend": _DATE | {"description": "It starts before the end of this day, in UTC; instead of to."},
    "next_cursor": {"const": "0", "description": "The only page."},
}
"""Parameters with which GOCDB is asked, as JSON Schema."""
_INSTEAD: Final = {"windowstart": ("from", 0), "windowend": ("to", DAY_S)}
"""The parameter of ours, and how many seconds after the beginning of the day."""


@answered
async def json(request: Request) -> web.StreamResponse:
    """All to which `?state=&cloud=&search=...` applies, latest start first."""
    return await _export(request, JSON, Query(request.http.query, FILTERS).filter())


@answered
async def gocdb(request: Request) -> web.StreamResponse:
    """All to which `?state=&cloud=&search=...` applies as XML of GOCDB's shape, without what is cancelled.

    It takes GOCDB's own parameters, too.
    """
    query = MultiDict(request.http.query)
    for name in ("method", "next_cursor"):
        allowed = OF_GOCDB[name]["const"]
        for text in query.popall(name, ()):
            if text != allowed:
                raise FieldError(name, f"{text[:40]!r}; allowed: {allowed}")
    for name, (ours, later_s) in _INSTEAD.items():
        if name in query:
            if ours in query:
                raise FieldError(name, f"stands beside {ours}; allowed: one of both")
            query[ours] = str(_day(name, query.popall(name)[0]) + later_s)
    return await _export(request, GOCDB, Query(query, [*FILTERS, *OF_GOCDB]).filter())


async def _export(request: Request, kind: Format, wanted: Filter) -> web.StreamResponse:
    served = service(request)
    now = served.second

    async def find() -> Sequence[Downtime]:
        page = await served.store.find(wanted, now=now, limit=MOST)
        if page.next is not None:
            raise FieldError(
                "from", f"more than {MOST} downtimes; allowed: fewer, by from, to, state or labels"
            )
        return page.downtimes

    # With the revision: who has just filed one finds it, whatever is being made for others.
    key = ("export", kind, request.http.query_string, await served.store.revision())
    site, who = Site("", served.url), request.asker.name
    document = await served.documents.made(kind, site, now, find, key=key, asker=who)
    return await answer(request.http, document)


def _day(name: str, text: str) -> int:
    try:
        day = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise FieldError(name, f"{text[:40]!r}; allowed: a date such as 2027-01-15") from error
    return max(0, int(day.timestamp()))
