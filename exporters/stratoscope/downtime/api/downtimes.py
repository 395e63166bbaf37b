"""`/api/v1/downtimes`: found, filed and changed."""

from collections.abc import Awaitable, Callable
from typing import Final, TypedDict

import msgspec
from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime.api.answers import DowntimePage, HistoryEntry
from stratoscope.downtime.api.query import FILTERS, LONGEST, PAGING, Query
from stratoscope.downtime.api.service import (
    answered,
    json_answer,
    one_answer,
    revision_wanted,
    service,
)
from stratoscope.downtime.database.editing import Idempotency
from stratoscope.downtime.draft import Checked, Draft, FieldError, checked
from stratoscope.downtime.feeds.json_feed import as_json
from stratoscope.downtime.model import PERSON, REARM_S, SCRIPT, Change, Downtime

ADMIN: Final = "admin"
"""The role that also ends and cancels what imports and clouds have filed."""


class End(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request to extend: another end, or until further notice."""

    end: int | None = None
    until_further_notice: bool = False

    def __post_init__(self) -> None:
        if (self.end is None) is not self.until_further_notice:
            raise ValueError("end: allowed: Unix seconds, or until_further_notice")


@answered
async def find(request: Request) -> web.StreamResponse:
    """Those of `?state=&cloud=&search=...`, latest start first; `next` is `after` of the next page."""
    served = service(request)
    asked = Query(request.http.query, [*FILTERS, *PAGING])
    now, after = served.second, asked.place("after")
    page = await served.store.find(asked.filter(), now=now, limit=asked.limit(), after=after)
    place = None if page.next is None else f"{page.next.start}-{page.next.id}"
    return json_answer(DowntimePage(now, tuple(as_json(one, now) for one in page.downtimes), place))


@answered
async def file(request: Request) -> web.StreamResponse:
    """File one; with the header Idempotency-Key a request that comes again files no other."""
    served, draft = service(request), await request.json(Draft)
    now, key = served.second, idempotency_key(request)
    once = Idempotency(key, msgspec.json.encode(draft)) if key else None
    fields = checked(draft, now, labels=served.labels)
    one = await served.store.file(fields, who=request.asker.name, now=now, idempotency=once)
    served.changed()
    response = one_answer(one, now, status=201)
    response.headers["Location"] = f"/api/v1/downtimes/{one.id}"
    return response


def idempotency_key(request: Request) -> str:
    """The header Idempotency-Key; "" without. Raises FieldError."""
    key = request.http.headers.get("Idempotency-Key", "")
    if len(key) > LONGEST or not key.isprintable():
        what = f"{len(key)} characters; allowed: {LONGEST} that can be printed"
        raise FieldError("Idempotency-Key", what)
    return key


@answered
async def show(request: Request) -> web.StreamResponse:
    """One, with its history, oldest first."""
    served, downtime_id = service(request), _id(request)
    one, history = await served.store.get_with_history(downtime_id)
    return one_answer(one, served.second, history=tuple(map(_entry, history)))


@answered
async def change(request: Request) -> web.StreamResponse:
    """Replace all that a person can say of it."""
    served, draft = service(request), await request.json(Draft)
    fields = checked(draft, served.second, labels=served.labels)
    return await _done(request, lambda of: served.store.change(_id(request), fields, **of))


@answered
async def extend(request: Request) -> web.StreamResponse:
    """Give it another end."""
    served, body = service(request), await request.json(End)
    if body.end is not None:
        end = body.end
        return await _done(request, lambda of: served.store.extend(_id(request), end, **of))
    one = await served.store.get(_id(request))
    end = max(one.start, served.second) + REARM_S
    fields = _fields(one)._replace(end=end, until_further_notice=True)
    return await _done(request, lambda of: served.store.change(one.id, fields, **of))


@answered
async def end(request: Request) -> web.StreamResponse:
    """End it now; one that has not begun is cancelled."""
    await _check_closing(request)
    return await _done(request, lambda of: service(request).store.end_now(_id(request), **of))


@answered
async def cancel(request: Request) -> web.StreamResponse:
    """Cancel it."""
    await _check_closing(request)
    return await _done(request, lambda of: service(request).store.cancel(_id(request), **of))


class _By(TypedDict):
    """Who changes a downtime, when, and as of which revision."""

    who: str
    now: int
    if_revision: int | None


async def _done(request: Request, do: Callable[[_By], Awaitable[Downtime]]) -> web.Response:
    """Change a downtime, and answer with it."""
    served = service(request)
    now = served.second
    one = await do(_By(who=request.asker.name, now=now, if_revision=revision_wanted(request)))
    served.changed()
    return one_answer(one, now)


async def _check_closing(request: Request) -> None:
    """Raises web.HTTPForbidden: It was filed by a source that is no script, and the asker is no admin."""
    source = (await service(request).store.get(_id(request))).source
    if source != PERSON and not source.startswith(SCRIPT) and ADMIN not in request.asker.roles:
        raise web.HTTPForbidden(text=f"filed by {source}; allowed: the role {ADMIN}\n")


def _id(request: Request) -> str:
    return request.http.match_info["id"]


def _fields(one: Downtime) -> Checked:
    """What a person can say of it, as it stands."""
    return Checked(*(getattr(one, name) for name in Checked._fields))


def _entry(one: Change) -> HistoryEntry:
    return HistoryEntry(revision=one.revision, at=one.at, who=one.who, action=one.action, fields=one.fields)
