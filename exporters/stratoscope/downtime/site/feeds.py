"""`/feeds/TOKEN/...`: for calendars and feed readers, which cannot log in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from stratoscope.core.web.asking.guesses import hashed
from stratoscope.core.web.routes import TOKEN, Answer, Request, Route, UrlToken
from stratoscope.downtime.database.finding import Filter
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.feeds.documents import ICALENDAR, JSON, MOST, RSS, Format
from stratoscope.downtime.feeds.sending import answer
from stratoscope.downtime.feeds.site import Site
from stratoscope.downtime.model import DAY_S, Downtime
from stratoscope.downtime.serving import PART, answered, service

PAST_S: Final = 30 * DAY_S
"""What ended earlier is in no feed."""


async def _hashes(opened: Mapping[str, Any], _: Mapping[str, str]) -> Iterable[str]:
    feeds: Mapping[str, object] = opened[PART].feeds
    return feeds


def _feed(kind: Format) -> Answer:
    """The handler of feeds of a format: what ended PAST_S ago or later, cancelled downtimes, too."""

    @answered
    async def feed(request: Request) -> web.StreamResponse:
        served = service(request)
        settings = served.feeds[hashed(request.http.match_info[TOKEN])]
        if request.http.query:  # each would be a document of its own to make
            name = next(iter(request.http.query))
            raise FieldError(name[:40], "unknown parameter; allowed: none, since the configuration chooses")
        now = served.second
        wanted = Filter(labels=settings.labels, begin=now - PAST_S)

        async def find() -> Sequence[Downtime]:
            return (await served.store.find(wanted, now=now, limit=MOST)).downtimes

        site = Site(f"Downtimes: {settings.name}", served.url)
        key = ("feed", kind, settings.name)
        return await answer(request.http, await served.documents.kept(kind, site, now, find, key=key))

    return feed


_FEED: Final = f"/feeds/{{{TOKEN}}}"
_WHO: Final = UrlToken(_hashes)
ROUTES: Final = (
    Route("GET", f"{_FEED}/downtimes.ics", _feed(ICALENDAR), _WHO),
    Route("GET", f"{_FEED}/downtimes.rss", _feed(RSS), _WHO),
    Route("GET", f"{_FEED}/downtimes.json", _feed(JSON), _WHO),
)
