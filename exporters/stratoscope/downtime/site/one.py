"""`/downtimes/{id}`: a downtime with its history, and what its buttons do."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from multidict import MultiDict

from stratoscope.core.web.routes import Request
from stratoscope.downtime.database.errors import ClosedError, NotSilencingError, RevisionError, SourceError
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.editing import WRITERS, Editor
from stratoscope.downtime.model import PERSON, Downtime
from stratoscope.downtime.pages.history import history
from stratoscope.downtime.pages.shown import Shown
from stratoscope.downtime.query import HISTORY, Query, revision_of
from stratoscope.downtime.serving import editor, service
from stratoscope.downtime.silences.record import is_override
from stratoscope.downtime.site.answering import answered_by_a_page
from stratoscope.downtime.times import duration

EXTENSIONS: Final = ("30m", "1h", "4h", "1d")


@answered_by_a_page
async def show(request: Request) -> web.StreamResponse:
    return await page(request)


@answered_by_a_page
async def extend(request: Request) -> web.StreamResponse:
    """Move its end on by the field `by`."""

    async def extend(by: Editor, fields: MultiDict[str]) -> Downtime:
        chosen = fields.get("by", "")
        if chosen not in EXTENSIONS:
            raise FieldError("by", f"{chosen[:40]!r}; allowed: {', '.join(EXTENSIONS)}")
        return await by.extend_by(named(request), duration(chosen), revision=revision(fields))

    return await _done(request, extend)


@answered_by_a_page
async def end(request: Request) -> web.StreamResponse:
    """End it now."""
    return await _done(request, lambda by, fields: by.end(named(request), revision=revision(fields)))


@answered_by_a_page
async def cancel(request: Request) -> web.StreamResponse:
    """Cancel it."""
    return await _done(request, lambda by, fields: by.cancel(named(request), revision=revision(fields)))


@answered_by_a_page
async def silence(request: Request) -> web.StreamResponse:
    """Write its silences again."""
    return await _done(request, lambda by, fields: by.silence(named(request), revision=revision(fields)))


async def page(request: Request, *, error: str = "", status: int = 200) -> web.Response:
    """The page as it stands now. Args: error: Why nothing was changed; "" for nothing to say."""
    served = service(request)
    before = Query(request.http.query, HISTORY).entry("history_before")
    one, entries = await served.store.get_with_history(named(request), before)
    silences = await served.store.records.of_downtime(one.id)
    is_editor = not request.asker.roles.isdisjoint(WRITERS)
    return request.page(
        "downtime.html",
        status=status,
        shown=Shown(one, served.second, served.zone),
        history=history(entries.changes, served.zone),
        entries=entries,
        silences=silences,
        silencing=await served.silencing(one, served.second),
        extensions=EXTENSIONS,
        is_editor=is_editor,
        may_change=is_editor and one.source == PERSON,
        may_silence=is_editor and any(is_override(record, one) for record in silences),
        may_close=is_editor and editor(request).may_close(one),
        error=error,
    )


def named(request: Request) -> str:
    """The id in the path."""
    return request.http.match_info["id"]


def revision(fields: MultiDict[str]) -> int:
    """That on which a form was made. Raises FieldError."""
    text = fields.get("revision", "")
    number = revision_of(text)
    if number is None:
        raise FieldError("revision", f"{text[:40]!r}; allowed: that of the page")
    return number


async def _done(
    request: Request, do: Callable[[Editor, MultiDict[str]], Awaitable[Downtime]]
) -> web.StreamResponse:
    """What a button does, and back to the page."""
    fields = await request.form()
    try:
        one = await do(editor(request), fields)
    except RevisionError:
        error = "Nothing is changed: somebody else has changed it meanwhile, see its history."
        return await page(request, error=error, status=409)
    except (FieldError, ClosedError, NotSilencingError, SourceError) as refusal:
        return await page(request, error=f"Nothing is changed: {refusal}", status=409)
    raise web.HTTPSeeOther(f"/downtimes/{one.id}")
