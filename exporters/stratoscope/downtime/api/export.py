"""`/api/v1/export`: many downtimes in one document, for other programs."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from aiohttp import web
from msgspec.structs import replace

from stratoscope.core.web.routes import Request
from stratoscope.downtime.api.gocdb import PARAMETERS, as_list, chosen
from stratoscope.downtime.database.finding import Filter, concerns
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.feeds.documents import GOCDB, JSON, MOST, Format
from stratoscope.downtime.feeds.sending import answer
from stratoscope.downtime.feeds.site import Site
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.query import FILTERS, Query
from stratoscope.downtime.serving import answered, service

_Shown = Callable[[Iterable[Downtime]], Iterable[Downtime]]
"""What is shown of those that a list has."""


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
    is_chosen = chosen(query, served.second)

    def shown(downtimes: Iterable[Downtime]) -> Iterator[Downtime]:
        """Of each the sets that concern the labels asked for: a row would be taken for one of them."""
        for one in filter(is_chosen, downtimes):
            sets = [each for each in one.matcher_sets if concerns(each, wanted.labels)]
            yield replace(one, matcher_sets=tuple(sets)) if wanted.labels else one

    return await _export(request, GOCDB, wanted, shown)


async def _export(
    request: Request, kind: Format, wanted: Filter, shown: _Shown = tuple
) -> web.StreamResponse:
    served = service(request)
    now = served.second

    async def find() -> Sequence[Downtime]:
        page = await served.store.find(wanted, now=now, limit=MOST)
        if page.next is not None:
            raise FieldError(
                "from", f"more than {MOST} downtimes; allowed: fewer, by from, to, state or labels"
            )
        return tuple(shown(page.downtimes))

    # With the revision: who has just filed one finds it, whatever is being made for others.
    key = ("export", kind, request.http.query_string, await served.store.revision())
    site, who = Site("", served.url), request.asker.name
    document = await served.documents.made(kind, site, now, find, key=key, asker=who)
    return await answer(request.http, document)
