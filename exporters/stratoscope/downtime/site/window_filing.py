"""`/windows/new`: the form of a recurring window, its preview, and what it files."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec
from aiohttp import web

from stratoscope.core.web.routes import Request
from stratoscope.downtime import zones
from stratoscope.downtime.draft import Checked, FieldError
from stratoscope.downtime.pages import window_forms
from stratoscope.downtime.pages.preview import Preview
from stratoscope.downtime.query import Query, checked_key
from stratoscope.downtime.serving import editor, service
from stratoscope.downtime.silences.alertmanager import Alertmanager
from stratoscope.downtime.site import filing
from stratoscope.downtime.site.answering import answered_by_a_page
from stratoscope.downtime.site.asking import asked
from stratoscope.downtime.times import echo
from stratoscope.downtime.windows.draft import CheckedWindow
from stratoscope.downtime.windows.recurrence import Occurrence, following

_SHOWN: Final = 5
"""Occurrences in the preview."""
_NEW: Final = filing.Sheet(
    "New recurring window", "File it", "/windows", "/windows", what="window", template="window_form.html"
)


@answered_by_a_page
async def new(request: Request) -> web.StreamResponse:
    """A form for a new one."""
    served = service(request)
    Query(request.http.query, ())
    form = window_forms.empty(served.now(), served.zone, key=filing.key())
    return filing.page(request, _NEW, form)


@answered_by_a_page
async def create(request: Request) -> web.StreamResponse:
    """File a window, or show its preview."""
    fields = await request.form()
    form, draft = window_forms.sent(fields)
    if draft is None:
        return filing.page(request, _NEW, form, status=400)

    async def look(*, confirmed: bool) -> Preview:
        by = editor(request)
        try:
            checked = await by.checked_window(msgspec.structs.replace(draft, confirm=confirmed))
        except FieldError as error:
            raise window_forms.wrong(error) from error
        return await _preview(service(request).alertmanagers, checked, by.now)

    async def store() -> str:
        key = checked_key(fields.get("key", ""), "key")
        try:
            one = await editor(request).file_window(draft, key=key)
        except FieldError as error:
            raise window_forms.wrong(error) from error
        return f"/windows?window={one.id}#w-{one.id}"

    return await filing.answer(request, _NEW, form, fields, look=look, store=store)


async def _preview(alertmanagers: Sequence[Alertmanager], checked: CheckedWindow, now: int) -> Preview:
    """When it occurs next, and which current alerts an occurrence would silence."""
    found = await asyncio.to_thread(following, checked.recurrence, now, _SHOWN)
    preview = await asked(alertmanagers, _first(checked, found), now)
    zone = zones.zone(checked.recurrence.zone)
    words = [f"{echo(one.start, zone)} to {echo(one.end, zone)}" for one in found]
    return replace(preview, occurrences=words)


def _first(checked: CheckedWindow, found: Sequence[Occurrence]) -> Checked:
    """The next occurrence, as a downtime."""
    fields = msgspec.structs.asdict(checked.template)
    return Checked(**fields, start=found[0].start, end=found[0].end, until_further_notice=False)
