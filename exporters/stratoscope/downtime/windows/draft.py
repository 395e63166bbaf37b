"""What somebody wants to be filed again and again: checked field by field before anything is stored."""

import datetime as dt
from collections.abc import Iterable
from typing import Annotated, NamedTuple

import msgspec

from stratoscope.downtime import zones
from stratoscope.downtime.draft import Draft, checked
from stratoscope.downtime.model import Severity
from stratoscope.downtime.windows.recurrence import Recurrence, check, check_first
from stratoscope.downtime.windows.window import Template


class WindowDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person can say of a window: what Draft has, without start and end, and what Recurrence has."""

    title: str
    text: str = ""
    planned: bool = True
    severity: Severity = Severity.OUTAGE
    matcher_sets: tuple[tuple[str, ...], ...]
    silences: bool | None = None
    confirm: bool = False
    rrule: str
    zone: str
    first: Annotated[dt.datetime, msgspec.Meta(tz=False)]
    duration_s: int


class CheckedWindow(NamedTuple):
    """What of a draft can be stored."""

    recurrence: Recurrence
    template: Template


def checked_window(draft: WindowDraft, now: int, *, labels: Iterable[str] = ()) -> CheckedWindow:
    """The window of a draft. It may take 0.5 s.

    Args:
        now: Unix seconds.
        labels: Those that matchers may name beside `draft.LABELS`.

    Raises:
        FieldError: The first field that cannot be stored.
    """
    recurrence = Recurrence(
        rrule=draft.rrule, zone=draft.zone, first=draft.first, duration_s=draft.duration_s
    )  # fmt: skip
    check(recurrence, now)
    check_first(recurrence)
    start = zones.moment(draft.first, zones.zone(draft.zone))
    found = checked(
        Draft(
            title=draft.title,
            text=draft.text,
            planned=draft.planned,
            severity=draft.severity,
            start=start,
            end=start + draft.duration_s,
            matcher_sets=draft.matcher_sets,
            silences=draft.silences,
            confirm=draft.confirm,
        ),
        now,
        labels=labels,
    )
    template = Template(
        title=found.title,
        text=found.text,
        planned=found.planned,
        severity=found.severity,
        matcher_sets=found.matcher_sets,
        silences=found.silences,
    )
    return CheckedWindow(recurrence, template)
