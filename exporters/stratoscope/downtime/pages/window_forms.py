"""The form of a new recurring window: its fields as text, and the draft that they say."""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from stratoscope.downtime import times
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.model import Severity
from stratoscope.downtime.pages.forms import Form, Reading, local_time, next_hour
from stratoscope.downtime.windows.draft import WindowDraft

FIELDS: Final = (
    "title", "text", "planned", "severity", "rrule", "first", "duration", "zone", "matcher_sets", "silences",
    "confirm", "key",
)  # fmt: skip
"""`key` is hidden, as in the form of a downtime."""
_NOWHEN: Final = dt.datetime.min  # noqa: DTZ901 - local
"""Of a form in which the first time cannot be read."""


def empty(now: float, zone: dt.tzinfo, *, key: str) -> Form:
    """The form of a new window, first from the next full hour on for an hour."""
    first = dt.datetime.fromtimestamp(next_hour(now), zone).replace(tzinfo=None)
    values = {
        "planned": "planned",
        "severity": Severity.OUTAGE.value,
        "first": first.isoformat(timespec="minutes"),
        "duration": "1h",
        "zone": str(zone),
        "key": key,
    }
    return Form(dict.fromkeys(FIELDS, "") | values)


def sent(fields: Mapping[str, str]) -> tuple[Form, WindowDraft | None]:
    """What somebody has sent: the form as it was filled in, and its draft if each field can be read."""
    reading = Reading(fields, FIELDS)
    draft = WindowDraft(
        **reading.said(),
        rrule=reading.form.values["rrule"].strip(),
        zone=reading.form.values["zone"].strip(),
        first=reading.read("first", lambda text: local_time("first", text), _NOWHEN),
        duration_s=reading.read("duration", _duration, 0),
    )
    return reading.form, None if reading.form.errors else draft


def wrong(error: FieldError) -> FieldError:
    """What `checked_window` finds wrong, of the field that the form has."""
    is_duration = error.field == "duration_s"
    return FieldError("duration", f"in seconds: {error.what}") if is_duration else error


def _duration(text: str) -> int:
    try:
        return times.duration(text)
    except FieldError as error:
        raise FieldError("duration", error.what) from error
