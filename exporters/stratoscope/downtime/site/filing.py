"""`/downtimes/new` and `/downtimes/{id}/change`: the form, its preview, and what it files or changes."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from msgspec.structs import replace
from multidict import MultiDict

from stratoscope.core.web.routes import Request
from stratoscope.downtime.database.editing import check_own
from stratoscope.downtime.database.errors import (
    ClosedError,
    IdempotencyError,
    RevisionError,
    SourceError,
    StoreError,
)
from stratoscope.downtime.draft import LABELS, Draft, FieldError
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.pages import forms
from stratoscope.downtime.pages.forms import Form
from stratoscope.downtime.pages.history import Entry, history
from stratoscope.downtime.pages.preview import Preview
from stratoscope.downtime.query import Query, checked_key
from stratoscope.downtime.serving import answered, editor, service
from stratoscope.downtime.site import one
from stratoscope.downtime.site.asking import asked

_KEY_BYTES: Final = 12
_FILLED_BY: Final = ("copy", "title", "text", "matcher")
"""Parameters that fill in a new form; each `matcher` is one of the same set."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What stands around a form. Attributes: submit: On its button; action: Where it is sent."""

    heading: str
    submit: str
    action: str
    back: str


_NEW: Final = _Sheet("New downtime", "File it", "/downtimes", "/")


@answered
async def new(request: Request) -> web.StreamResponse:
    """A form for a new one: empty, with what a link says, or with what another downtime says."""
    served, query = service(request), request.http.query
    Query(query, _FILLED_BY)
    if "copy" in query:
        form = forms.copied(await served.store.get(query["copy"]), served.now(), served.zone, key=_key())
    else:
        form = forms.empty(served.now(), served.zone, key=_key())
    for name in ("title", "text"):
        if name in query:
            form = form.with_value(name, query[name])
    if "matcher" in query:
        form = form.with_value("matcher_sets", ", ".join(query.getall("matcher")))
    return _page(request, _NEW, form)


@answered
async def create(request: Request) -> web.StreamResponse:
    """File a downtime, or show its preview."""
    fields = await request.form()

    async def file(draft: Draft) -> Downtime:
        return await editor(request).file(draft, key=checked_key(fields.get("key", ""), "key"))

    return await _sent(request, _NEW, fields, file)


@answered
async def change(request: Request) -> web.StreamResponse:
    """The form with a downtime as it stands now."""
    served = service(request)
    found = await served.store.get(one.named(request))
    try:
        check_own(found)
    except (ClosedError, SourceError) as refusal:
        return await one.page(request, error=str(refusal), status=409)
    return _page(request, _changing(request), forms.of(found, served.zone))


@answered
async def store(request: Request) -> web.StreamResponse:
    """Change a downtime, or show the preview."""
    fields = await request.form()

    async def store(draft: Draft) -> Downtime:
        return await editor(request).change(one.named(request), draft, revision=one.revision(fields))

    return await _sent(request, _changing(request), fields, store)


async def _sent(
    request: Request, sheet: _Sheet, fields: MultiDict[str], do: Callable[[Draft], Awaitable[Downtime]]
) -> web.StreamResponse:
    """What a form asks for: it comes back with its preview, or with what is wrong."""
    form, draft = forms.sent(fields)
    if draft is None:
        return _page(request, sheet, form, status=400)
    try:
        if fields.get("do") != "store":
            return _page(request, sheet, form, preview=await _preview(request, draft))
        if not draft.confirm:
            await _check_some_alerts_stay(request, draft)
        found = await do(draft)
    except FieldError as error:
        return _page(request, sheet, form.with_error(error), status=400)
    except RevisionError as error:
        return await _conflict(request, sheet, form, error.current)
    except IdempotencyError:
        why = "this form has filed a downtime already, of other content; send it again to file one more"
        return _page(request, sheet, form.refused(why).with_value("key", _key()), status=409)
    except (ClosedError, SourceError, StoreError) as error:
        status = 503 if isinstance(error, StoreError) else 409
        return _page(request, sheet, form.refused(str(error)), status=status)
    raise web.HTTPSeeOther(f"/downtimes/{found.id}")


async def _preview(request: Request, draft: Draft) -> Preview:
    """Also of a draft for every alert: that is what it warns of. Raises FieldError."""
    fields = editor(request).checked(replace(draft, confirm=True))
    return await asked(service(request).alertmanagers, fields, service(request).now())


async def _check_some_alerts_stay(request: Request, draft: Draft) -> None:
    """Raises FieldError: Unconfirmed it would silence every alert that there is now."""
    editor(request).checked(draft)  # what is wrong with it comes first
    found = await _preview(request, draft)
    if found.needs_confirmation:
        allowed = "sets that match some, or `confirm`, the box below"
        raise FieldError("matcher_sets", f"matches all {found.count} current alerts; allowed: {allowed}")


async def _conflict(request: Request, sheet: _Sheet, form: Form, current: Downtime) -> web.Response:
    """The form as it was typed, and what others have done since it was opened."""
    served, seen = service(request), int(form.values["revision"])
    changes = [entry for entry in await served.store.history(current.id) if entry.revision > seen]
    form = form.with_value("revision", str(current.revision))
    return _page(request, sheet, form, others=history(changes, served.zone), status=409)


def _changing(request: Request) -> _Sheet:
    path = f"/downtimes/{one.named(request)}"
    return _Sheet("Change the downtime", "Store it", f"{path}/change", path)


def _page(  # noqa: PLR0913 - all that a form may show
    request: Request, sheet: _Sheet, form: Form, *, preview: Preview | None = None,
    others: Sequence[Entry] = (), status: int = 200,
) -> web.Response:  # fmt: skip
    return request.page(
        "form.html", status=status, form=form, preview=preview, others=others, heading=sheet.heading,
        submit=sheet.submit, action=sheet.action, back=sheet.back,
        labels=sorted({*LABELS, *service(request).labels}),
    )  # fmt: skip


def _key() -> str:
    """That of a new form: sent twice, it files one downtime."""
    return secrets.token_urlsafe(_KEY_BYTES)
