"""`/windows`: recurring windows, and the button that cancels one."""

import asyncio

from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime.editing import WRITERS
from stratoscope.downtime.pages.windows import shown
from stratoscope.downtime.query import Query
from stratoscope.downtime.serving import service
from stratoscope.downtime.site.answering import answered_by_a_page


@answered_by_a_page
async def show(request: Request) -> web.StreamResponse:
    """The page `?page=` of them, or that with `?window=`, with when each occurs next."""
    served, query = service(request), request.http.query
    page, with_id = Query(query, ["page", "window"]).page(), query.get("window", "")
    windows = await served.store.windows.all()
    return request.page(
        "windows.html",
        shown=await asyncio.to_thread(shown, windows, served.second, served.zone, page=page, with_id=with_id),
        is_editor=not request.asker.roles.isdisjoint(WRITERS),
    )


@answered_by_a_page
async def cancel(request: Request) -> web.StreamResponse:
    """Cancel one, and its occurrences that have not begun; the one that lasts goes on."""
    served = service(request)
    await request.form()
    id_ = request.http.match_info["id"]
    await served.store.windows.cancel(id_, who=request.asker.name, now=served.second)
    served.changed()
    raise web.HTTPSeeOther("/windows")
