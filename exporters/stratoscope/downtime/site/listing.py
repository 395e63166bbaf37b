"""`/downtimes`: all downtimes, past ones too, found by what they say."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDict

from stratoscope.core.web.routes import Request
from stratoscope.downtime.database.finding import Place
from stratoscope.downtime.editing import WRITERS
from stratoscope.downtime.model import State
from stratoscope.downtime.pages.overview import ON_A_PAGE
from stratoscope.downtime.pages.shown import Shown
from stratoscope.downtime.query import Query
from stratoscope.downtime.serving import service
from stratoscope.downtime.site.answering import answered_by_a_page

FILTERS: Final = ("search", "state", "cloud", "host", "source")


@answered_by_a_page
async def show(request: Request) -> web.StreamResponse:
    """Those of `?search=&state=&cloud=&host=&source=`, latest start first; an empty field says nothing."""
    served, now = service(request), service(request).second
    asked = MultiDict((name, value) for name, value in request.http.query.items() if value)
    query = Query(asked, [*FILTERS, "after"])
    page = await served.store.find(query.filter(), now=now, limit=ON_A_PAGE, after=query.place("after"))
    return request.page(
        "downtimes.html",
        rows=[Shown(one, now, served.zone) for one in page.downtimes],
        values={name: asked.get(name, "") for name in FILTERS},
        states=[*State],
        first=_path(asked, None) if "after" in asked else "",
        next=_path(asked, page.next) if page.next else "",
        is_editor=not request.asker.roles.isdisjoint(WRITERS),
    )


def _path(asked: Mapping[str, str], after: Place | None) -> str:
    fields = {name: value for name, value in asked.items() if name != "after"}
    if after is not None:
        fields["after"] = after.text
    return "/downtimes" + (f"?{urlencode(fields)}" if fields else "")
