"""`/api/v1/export`: many downtimes in one document, for other programs."""

from collections.abc import Callable, Sequence

from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime.api.gocdb import PARAMETERS, as_list, chosen
from stratoscope.downtime.api.query import FILTERS, Query
from stratoscope.downtime.api.service import answered, service
from stratoscope.downtime.database.finding import Filter
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.feeds.documents import GOCDB, JSON, MOST, Format
from stratoscope.downtime.feeds.sending import answer
from stratoscope.downtime.feeds.site import Site
from stratoscope.downtime.model import Downtime


@answered
async def json(request: Request) -> web.StreamResponse:
    """All to which `?state=&cloud=&search=...` applies, latest start first."""
    wanted = Query(request.http.query, FILTERS, service(request).labels).filter()
    return await _export(request, JSON, wanted)


@answered
async def gocdb(request: Request) -> web.StreamResponse:
    """All to which `?state=&cloud=&search=...` applies as XML of GOCDB's shape, without what is cancelled.

    It takes GOCDB's own parameters, too.
    """
    query, served = as_list(request.http.query), service(request)
    wanted = Query(query, [*FILTERS, *PARAMETERS], served.labels).filter()
    return await _export(request, GOCDB, wanted, chosen(query, served.second))


async def _export(
    request: Request, kind: Format, wanted: Filter, is_chosen: Callable[[Downtime], bool] = lambda _: True
) -> web.StreamResponse:
    served = service(request)
    now = served.second

    async def find() -> Sequence[Downtime]:
        page = await served.store.find(wanted, now=now, limit=MOST)
        if page.next is not None:
            raise FieldError(
                "from", f"more than {MOST} downtimes; allowed: fewer, by from, to, state or labels"
            )
        return tuple(filter(is_chosen, page.downtimes))

    # With the revision: who has just filed one finds it, whatever is being made for others.
    key = ("export", kind, request.http.query_string, await served.store.revision())
    document = await served.documents.made(kind, Site("", served.url), now, find, key=key)
    return await answer(request.http, document)
