"""`/api/v1/downtimes`: found, filed and changed."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypedDict, TypeVar

import msgspec
from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime.api.answering import done_answer, json_answer, one_answer, revision_wanted
from stratoscope.downtime.api.answers import DowntimePage
from stratoscope.downtime.database.errors import UnknownError
from stratoscope.downtime.draft import Draft
from stratoscope.downtime.editing import Editor
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.query import FILTERS, HISTORY, PAGING, Query, checked_key
from stratoscope.downtime.serving import answered, editor, service
from stratoscope.downtime.shown_json import as_json

T = TypeVar("T")


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
    asked = Query(request.http.query, [*FILTERS, *PAGING], served.labels)
    now, after = served.second, asked.place("after")
    page = await served.store.find(asked.filter(), now=now, limit=asked.limit(), after=after)
    place = None if page.next is None else page.next.text
    return json_answer(DowntimePage(now, tuple(as_json(one, now) for one in page.downtimes), place))


@answered
async def file(request: Request) -> web.StreamResponse:
    """File one; with the header Idempotency-Key a request that comes again files no other."""
    served, draft = service(request), await request.json(Draft)
    now, key = served.second, idempotency_key(request)
    one = await editor(request).file(draft, key=key)
    response = await done_answer(service(request), one, now, status=201)
    response.headers["Location"] = f"/api/v1/downtimes/{one.id}"
    return response


def idempotency_key(request: Request) -> str:
    """The header Idempotency-Key; "" without. Raises FieldError."""
    name = "Idempotency-Key"
    return checked_key(request.http.headers.get(name, ""), name)


@answered
async def show(request: Request) -> web.StreamResponse:
    """One, with its history: the newest entries, or those before the entry `?history_before=`."""
    served, before = service(request), Query(request.http.query, HISTORY).entry("history_before")
    one, history = await _downtime(request, served.store.get_with_history(_id(request), before))
    return one_answer(one, served.second, history)


@answered
async def change(request: Request) -> web.StreamResponse:
    """Replace all that a person can say of it."""
    draft = await request.json(Draft)
    return await _done(request, lambda by, how: by.change(_id(request), draft, **how))


@answered
async def extend(request: Request) -> web.StreamResponse:
    """Give it another end."""
    body = await request.json(End)
    return await _done(request, lambda by, how: by.extend(_id(request), body.end, **how))


@answered
async def end(request: Request) -> web.StreamResponse:
    """End it now; one that has not begun is cancelled."""
    return await _done(request, lambda by, how: by.end(_id(request), **how))


@answered
async def cancel(request: Request) -> web.StreamResponse:
    """Cancel it."""
    return await _done(request, lambda by, how: by.cancel(_id(request), **how))


@answered
async def silence(request: Request) -> web.StreamResponse:
    """Write its silences again, also those that a person expired or took over."""
    return await _done(request, lambda by, how: by.silence(_id(request), **how))


class _How(TypedDict):
    """As of which revision a downtime is changed."""

    revision: int | None


async def _done(request: Request, do: Callable[[Editor, _How], Awaitable[Downtime]]) -> web.Response:
    """Change a downtime, and answer with it."""
    by, served = editor(request), service(request)
    one = await _downtime(request, do(by, _How(revision=revision_wanted(request))))
    return await done_answer(served, one, by.now)


async def _downtime(request: Request, doing: Awaitable[T]) -> T:
    """What is done with a downtime. Raises web.HTTPNotFound: The id is that of a window."""
    try:
        return await doing
    except UnknownError as error:
        with suppress(UnknownError):
            await service(request).store.windows.get(_id(request))
            what = "it is a window, whose occurrences are downtimes; allowed: one of these, or cancel it"
            raise web.HTTPNotFound(text=f"{error}: {what}\n") from error
        raise


def _id(request: Request) -> str:
    return request.http.match_info["id"]
