"""`GET /api/v1/clouds/{cloud}/resources/{kind}/{id}`: whether it is still there. It sends no request."""

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from stratoscope.clouds.abilities import Management
from stratoscope.clouds.resources import Resources
from stratoscope.core.collector import Collector
from stratoscope.core.errors import one_line, short_line
from stratoscope.core.runner import AGAIN_S, Runner
from stratoscope.core.web.routes import AS_METRICS, NotOpenedError, Request, Route
from stratoscope.management.resources.lists import Listing


class Presence(enum.StrEnum):
    """PRESENT: in the last list. GONE: not in it, and it has all. UNKNOWN: not in it, which may lack some, or
    an event alone says that it has ended."""

    PRESENT = "present"
    GONE = "gone"
    UNKNOWN = "unknown"


class Handle(msgspec.Struct, frozen=True):
    """The answer. Moments are Unix seconds.

    Attributes:
        state: As the source spells it; None for what is not in the list.
        since: When the first list that says the same began; None if that is not known.
        as_of: When the last list began; events may have said more since then.
        age_seconds: How long ago that is.
        is_complete: Whether the list has all objects of the cloud.
    """

    cloud: str
    kind: str
    id: str
    status: Presence
    state: str | None
    since: int | None
    as_of: int
    age_seconds: float
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """Resources of one kind, and the collector that lists them."""

    resources: Resources
    collector: Collector[Any]


@dataclass(frozen=True, slots=True)
class Watched:
    """An open cloud. Attributes: lists: By the kind of resources."""

    cloud: Management
    lists: Mapping[str, Listed]


async def show(request: Request) -> web.StreamResponse:
    """Whether a resource is still there."""
    path = request.http.match_info
    watched = _cloud(request.opened, path["cloud"])
    what = f"{path['kind']} of {path['cloud']}"
    listed = watched.lists.get(path["kind"])
    if listed is None:
        allowed = ", ".join(watched.lists) or "none"
        raise web.HTTPNotFound(text=f"kind: there are no {short_line(what)}; allowed: {allowed}\n")
    runner = request.runner(listed.collector)
    if runner is None:
        key = f"management.collectors.{listed.collector.name}.enabled"
        raise web.HTTPConflict(text=f"{what} are not collected; needed: {key}: true\n")
    latest = runner.latest()
    if latest is None:
        return _without(runner, what)
    listing: Listing = latest.kept
    one = _spelled(listed.resources, listing, path["id"])
    found, since = listing.known.objects.get(one), listing.known.since(one)
    as_of = latest.as_of if listing.as_of is None else listing.as_of
    is_gone = listing.is_complete and one not in listing.known.ended
    absent = Presence.GONE if is_gone else Presence.UNKNOWN
    handle = Handle(
        cloud=watched.cloud.cloud,
        kind=listed.resources.kind,
        id=one_line(one),
        status=absent if found is None else Presence.PRESENT,
        state=None if found is None else one_line(listing.state_of(found)),
        since=None if since is None else int(since),
        as_of=int(as_of),
        age_seconds=round(latest.age_s + latest.as_of - as_of, 1),
        is_complete=listing.is_complete,
    )
    return web.Response(body=msgspec.json.encode(handle) + b"\n", content_type="application/json")


ROUTES: Final = (Route("GET", "/api/v1/clouds/{cloud}/resources/{kind}/{id}", show, AS_METRICS),)


def _cloud(opened: Mapping[str, Watched], wanted: str) -> Watched:
    """The cloud with a name, or the one that is NAME/KIND. Raises web.HTTPNotFound, NotOpenedError."""
    if not opened:
        raise NotOpenedError("the first cloud")
    found = [key for key in opened if wanted in (key, key.rpartition("/")[0])]
    if len(found) == 1:
        return opened[found[0]]
    if found:
        allowed = ", ".join(key.replace("/", "%2F") for key in found)
        raise web.HTTPNotFound(text=f"cloud: several are named {short_line(wanted)}; allowed: {allowed}\n")
    allowed = ", ".join(dict.fromkeys(key.rpartition("/")[0] for key in opened))
    raise web.HTTPNotFound(text=f"cloud: there is no {short_line(wanted)}; allowed: {allowed}\n")


def _spelled(resources: Resources, listing: Listing, text: str) -> str:
    """An id as the cloud spells it. Raises web.HTTPBadRequest."""
    if text in listing.known.objects:
        return text
    try:
        return resources.spelled(text)
    except ValueError as error:
        text = f"id: {short_line(text)} is no id of {resources.kind} here; allowed: {error}, not a name\n"
        raise web.HTTPBadRequest(text=text) from error


def _without(runner: Runner, what: str) -> web.Response:
    """The answer without a list that is young enough; the next one is read soon."""
    _, status = runner.shown()
    why = status.left_out or status.reason or "the first list is being read"
    more = f": {one_line(status.message)}" if status.message else ""
    interval_s = getattr(runner.collection.schedule, "interval_s", AGAIN_S)
    again = str(math.ceil(min(interval_s, AGAIN_S)))
    text = f"{what}: no list that is young enough: {why}{more}\n"
    return web.Response(status=503, text=text, headers={hdrs.RETRY_AFTER: again})
