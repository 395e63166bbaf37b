"""`/`: what is down now and next, the timeline, and how Alertmanagers and imports stand."""

from dataclasses import replace

from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime.editing import READERS, WRITERS
from stratoscope.downtime.hosts_off.collector import HOSTS_OFF
from stratoscope.downtime.pages import overview, timeline
from stratoscope.downtime.pages.shown import Shown
from stratoscope.downtime.query import Query
from stratoscope.downtime.serving import service
from stratoscope.downtime.site.answering import answered_by_a_page


@answered_by_a_page
async def show(request: Request) -> web.StreamResponse:
    """The counts for everybody; all else for who may read it."""
    served, query = service(request), request.http.query
    number = Query(query, ["page", "view", "from"]).page()
    now, store, zone = served.second, served.store, served.zone
    found = overview.overview(await store.counts(now), number)
    window = timeline.asked(query.get("view", ""), query.get("from", ""), now, zone)
    if request.asker.roles.isdisjoint(READERS):
        return request.page("overview.html", overview=found, now=now, is_reader=False)
    rows = await store.next_ones(now, limit=overview.ON_A_PAGE, skipped=found.skipped)
    overridden = await store.records.overridden([one.id for one in rows])
    start, end = window.scale
    alertmanagers, clouds, imports = served.silences(), request.statuses(HOSTS_OFF.name), served.imports()
    drawn = await store.between(start, end, now=now, limit=timeline.MOST_LOOKED_AT)
    return request.page(
        "overview.html",
        overview=replace(
            found,
            rows=[Shown(one, now, zone, one.id in overridden) for one in rows],
            troubles=overview.troubles(alertmanagers, clouds, imports, store.refused),
            taken_over=sum(one.taken_over for one in alertmanagers),
            left=sum(len(one.left) for one in alertmanagers),
        ),
        timeline=timeline.timeline(drawn, window, now),
        path=overview.path,
        alertmanagers=alertmanagers,
        clouds=clouds,
        imports=imports,
        now=now,
        is_reader=True,
        is_leader=store.leadership.is_leader,
        is_editor=not request.asker.roles.isdisjoint(WRITERS),
    )
