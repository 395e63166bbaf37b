"""`/downtimes/new` and `/downtimes/{id}/change`: the form, its preview, and what it files or changes."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

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
    TooManyWindowsError,
)
from stratoscope.downtime.draft import LABELS, Draft, FieldError
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.pages import forms
from stratoscope.downtime.pages.forms import Form
from stratoscope.downtime.pages.history import Entry, history
from stratoscope.downtime.pages.preview import Preview
from stratoscope.downtime.query import Query, checked_key
from stratoscope.downtime.serving import editor, service
from stratoscope.downtime.site import one
from stratoscope.downtime.site.answering import answered_by_a_page
from stratoscope.downtime.site.asking import asked

_KEY_BYTES: Final = 12
_FILLED_BY: Final = ("copy", "title", "text", "matcher")
"""Parameters that fill in a new form; each `matcher` is one of the same set."""


class Look(Protocol):
    """Asks for a preview. Args: confirmed: Whether it may match every alert. Raises FieldError."""

    def __call__(self, *, confirmed: bool) -> Awaitable[Preview]: ...


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands around a form.

    Attributes:
        submit: On its button.
        action: Where it is sent.
        what: It is the form of.
    """

    heading: str
    submit: str
    action: str
    back: str
    what: str = "downtime"
    template: str = "form.html"


_NEW: Final = Sheet("New downtime", "File it", "/downtimes", "/")


@answered_by_a_page
async def new(request: Request) -> web.StreamResponse:
    """A form for a new one: empty, with what a link says, or with what another downtime says."""
    served, query = service(request), request.http.query
    Query(query, _FILLED_BY)
    if "copy" in query:
        form = forms.copied(await served.store.get(query["copy"]), served.now(), served.zone, key=key())
    else:
        form = forms.empty(served.now(), served.zone, key=key())
    for name in ("title", "text"):
        if name in query:
            form = form.with_value(name, query[name])
    if "matcher" in query:
        form = form.with_value("matcher_sets", ", ".join(query.getall("matcher")))
    return page(request, _NEW, form)


@answered_by_a_page
async def create(request: Request) -> web.StreamResponse:
    """File a downtime, or show its preview."""
    fields = await request.form()

    async def file(draft: Draft) -> Downtime:
        return await editor(request).file(draft, key=checked_key(fields.get("key", ""), "key"))

    return await _sent(request, _NEW, fields, file)


@answered_by_a_page
async def change(request: Request) -> web.StreamResponse:
    """The form with a downtime as it stands now."""
    served = service(request)
    Query(request.http.query, ())
    found = await served.store.get(one.named(request))
    try:
        check_own(found)
    except (ClosedError, SourceError) as refusal:
        return await one.page(request, error=str(refusal), status=409)
    return page(request, _changing(request), forms.of(found, served.zone))


@answered_by_a_page
async def store(request: Request) -> web.StreamResponse:
    """Change a downtime, or show the preview."""
    fields = await request.form()

    async def store(draft: Draft) -> Downtime:
        return await editor(request).change(one.named(request), draft, revision=one.revision(fields))

    return await _sent(request, _changing(request), fields, store)


async def _sent(
    request: Request, sheet: Sheet, fields: MultiDict[str], do: Callable[[Draft], Awaitable[Downtime]]
) -> web.StreamResponse:
    form, draft = forms.sent(fields)
    if draft is None:
        return page(request, sheet, form, status=400)

    async def look(*, confirmed: bool) -> Preview:
        by = editor(request)
        checked = by.checked(replace(draft, confirm=confirmed))
        return await asked(service(request).alertmanagers, checked, service(request).now())

    async def store() -> str:
        return f"/downtimes/{(await do(draft)).id}"

    return await answer(request, sheet, form, fields, look=look, store=store)


async def answer(  # noqa: PLR0913 - a form, and what it asks for
    request: Request, sheet: Sheet, form: Form, fields: MultiDict[str], *,
    look: Look, store: Callable[[], Awaitable[str]],
) -> web.StreamResponse:  # fmt: skip
    """What a form asks for: it comes back with its preview, or with what is wrong.

    Args:
        look: Asks for the preview. Raises FieldError.
        store: Stores what the form says, and gives the address of it.
    """
    try:
        if fields.get("do") != "store":
            # Also of what matches every alert: that is what it warns of.
            return page(request, sheet, form, preview=await look(confirmed=True))
        if not form.values["confirm"]:
            await _check_some_alerts_stay(look)
        where = await store()
    except FieldError as error:
        return page(request, sheet, form.with_error(error), status=400)
    except RevisionError as error:
        return await _conflict(request, sheet, form, error.current)
    except IdempotencyError:
        why = f"this form has filed a {sheet.what} already, of other content; send it again to file one more"
        return page(request, sheet, form.refused(why).with_value("key", key()), status=409)
    except (ClosedError, SourceError, TooManyWindowsError, StoreError) as error:
        status = 503 if isinstance(error, StoreError) else 409
        return page(request, sheet, form.refused(str(error)), status=status)
    raise web.HTTPSeeOther(where)


async def _check_some_alerts_stay(look: Look) -> None:
    """Raises FieldError: Unconfirmed it would silence every alert that there is now."""
    found = await look(confirmed=False)
    if found.needs_confirmation:
        allowed = "sets that match some, or `confirm`, the box below"
        raise FieldError("matcher_sets", f"matches all {found.count} current alerts; allowed: {allowed}")


async def _conflict(request: Request, sheet: Sheet, form: Form, current: Downtime) -> web.Response:
    """The form as it was typed, and what others have done since it was opened."""
    served, seen = service(request), int(form.values["revision"])
    changes = [entry for entry in await served.store.history(current.id) if entry.revision > seen]
    form = form.with_value("revision", str(current.revision))
    return page(request, sheet, form, others=history(changes, served.zone), status=409)


def _changing(request: Request) -> Sheet:
    path = f"/downtimes/{one.named(request)}"
    return Sheet("Change the downtime", "Store it", f"{path}/change", path)


def page(  # noqa: PLR0913 - all that a form may show
    request: Request, sheet: Sheet, form: Form, *, preview: Preview | None = None,
    others: Sequence[Entry] = (), status: int = 200,
) -> web.Response:  # fmt: skip
    """A form."""
    return request.page(
        sheet.template, status=status, form=form, preview=preview, others=others, heading=sheet.heading,
        submit=sheet.submit, action=sheet.action, back=sheet.back,
        labels=sorted({*LABELS, *service(request).labels}),
    )  # fmt: skip


def key() -> str:
    """That of a new form: sent twice, it files one downtime."""
    return secrets.token_urlsafe(_KEY_BYTES)
