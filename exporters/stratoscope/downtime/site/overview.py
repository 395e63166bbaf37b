"""`/`: what is down now and next, the timeline, and how Alertmanagers and imports stand."""

from dataclasses import replace

from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime.editing import READERS, WRITERS
from stratoscope.downtime.hosts_off.collector import HOSTS_OFF
from stratoscope.downtime.pages import overview, timeline
from stratoscope.downtime.pages.shown import Shown
from stratoscope.downtime.serving import answered, service


@answered
async def show(request: Request) -> web.StreamResponse:
    """The counts for everybody; all else for who may read it."""
    served, query = service(request), request.http.query
    now, store, zone = served.second, served.store, served.zone
    found = overview.overview(await store.counts(now), query.get("page", ""))
    if request.asker.roles.isdisjoint(READERS):
        return request.page("overview.html", overview=found, now=now, is_reader=False)
    rows = await store.next_ones(now, limit=overview.ON_A_PAGE, skipped=found.skipped)
    overridden = await store.records.overridden([one.id for one in rows])
    window = timeline.asked(query.get("view", ""), query.get("from", ""), now, zone)
    start, end = window.scale
    alertmanagers, clouds, imports = served.silences(), request.statuses(HOSTS_OFF.name), served.imports()
    drawn = await store.between(start, end, now=now, limit=timeline.MOST_LOOKED_AT)
    return request.page(
        "overview.html",
        overview=replace(
            found,
            rows=[Shown(one, now, zone, one.id in overridden) for one in rows],
            troubles=overview.troubles(alertmanagers, clouds, imports, store.refused),
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
