"""The form of a downtime, new or to be changed: its fields as text, and the draft that they say.

What was typed stands in the form again, whatever is wrong with it.
"""

import datetime as dt
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypedDict, TypeVar

from dateutil.tz import datetime_ambiguous, datetime_exists
from msgspec.structs import replace as replace_fields

from stratoscope.downtime import zones
from stratoscope.downtime.draft import LONGEST_VALUE, MOST_MATCHERS, MOST_SETS, Draft, FieldError
from stratoscope.downtime.matchers import set_texts, written
from stratoscope.downtime.model import Downtime, Severity

T = TypeVar("T")

FIELDS: Final = (
    "title", "text", "planned", "severity", "start", "end", "zone", "until_further_notice", "matcher_sets",
    "silences", "confirm", "revision", "key",
)  # fmt: skip
"""Two are hidden: `revision` of the downtime that is changed; `key` of a new one, so that a form that is sent
twice files one downtime."""
_YES: Final = "yes"
_CHOICES: Final[Mapping[str, bool | None]] = {"": None, _YES: True, "no": False}
_LONGEST_SETS: Final = MOST_SETS * MOST_MATCHERS * LONGEST_VALUE
_HOUR_S: Final = 3600
_YEARS: Final = range(1971, 9000)
"""Others are out of reach, and some of them have no Unix time in some zones."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is shown.

    Attributes:
        values: What stands in its fields, FIELDS or those of `window_forms`. That of a box is `yes` if it is
            ticked, or else "".
        errors: What is wrong, by field; "" is the form as a whole.
    """

    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)

    def with_error(self, error: FieldError) -> "Form":
        """The form with what `draft.checked` finds wrong beside its field."""
        name = error.field.partition("[")[0]
        if name not in self.values:
            return replace(self, errors={**self.errors, "": str(error)})
        return replace(self, errors={**self.errors, name: _said(error)})

    def refused(self, why: str) -> "Form":
        """The form with why nothing is stored."""
        return replace(self, errors={**self.errors, "": why})

    def with_value(self, name: str, value: str) -> "Form":
        """The form with another value of a field."""
        return replace(self, values={**self.values, name: value})


def next_hour(now: float) -> int:
    """The next full hour."""
    return (int(now) // _HOUR_S + 1) * _HOUR_S


def empty(now: float, zone: dt.tzinfo, *, key: str) -> Form:
    """The form of a new downtime, from the next full hour on for an hour."""
    start = next_hour(now)
    return _form(
        planned="planned",
        severity=Severity.OUTAGE,
        key=key,
        **_times(zone, start=start, end=start + _HOUR_S),
    )


def of(downtime: Downtime, zone: dt.tzinfo) -> Form:
    """The form that changes a downtime; its times are in UTC if the zone's clocks show one of them twice."""
    end = None if downtime.until_further_notice else downtime.end
    return _form(
        title=downtime.title,
        text=downtime.text,
        planned="planned" if downtime.planned else "unplanned",
        severity=downtime.severity,
        until_further_notice=_YES if downtime.until_further_notice else "",
        matcher_sets="\n".join(written(one)[1:-1] for one in downtime.matcher_sets),
        silences=_YES if downtime.silences else "no",
        revision=str(downtime.revision),
        **_times(zone, start=downtime.start, end=end),
    )


def copied(downtime: Downtime, now: float, zone: dt.tzinfo, *, key: str) -> Form:
    """The form of a new downtime that is like another, as long, and begins with the next full hour."""
    start = next_hour(now)
    moved = replace_fields(downtime, start=start, end=start + downtime.end - downtime.start)
    return of(moved, zone).with_value("revision", "").with_value("key", key)


class Said(TypedDict):
    """What a downtime and a window have in common."""

    title: str
    text: str
    planned: bool
    severity: Severity
    matcher_sets: tuple[tuple[str, ...], ...]
    silences: bool | None
    confirm: bool


class Reading:
    """A form that somebody has sent, read field by field.

    Attributes:
        form: As it was filled in, with what cannot be read.
    """

    def __init__(self, fields: Mapping[str, str], names: Collection[str]) -> None:
        """Args: names: Of the fields that the form has."""
        self._errors: dict[str, str] = {}
        known = {name: text for name, text in fields.items() if name in names}
        self.form = Form(dict.fromkeys(names, "") | known, self._errors)

    def read(self, name: str, how: Callable[[str], T], otherwise: T) -> T:
        """The value of a field; `otherwise` if it cannot be read."""
        try:
            return how(self.form.values[name].strip())
        except FieldError as error:
            self._errors[error.field] = error.what
            return otherwise

    def said(self) -> Said:
        """What does not say when."""
        severities = {one.value: one for one in Severity}
        return Said(
            title=self.form.values["title"],
            text=self.form.values["text"],
            planned=self.read("planned", _one_of("planned", {"planned": True, "unplanned": False}), True),
            severity=self.read("severity", _one_of("severity", severities), Severity.OUTAGE),
            matcher_sets=self.read("matcher_sets", _sets, ()),
            silences=self.read("silences", _one_of("silences", _CHOICES), None),
            confirm=bool(self.form.values["confirm"]),
        )


def sent(fields: Mapping[str, str]) -> tuple[Form, Draft | None]:
    """What somebody has sent: the form as it was filled in, and its draft if each field can be read."""
    reading = Reading(fields, FIELDS)
    has_end = not reading.form.values["until_further_notice"]
    zone: dt.tzinfo = reading.read("zone", zones.zone, zones.zone("UTC"))
    draft = Draft(
        **reading.said(),
        start=reading.read("start", lambda text: _moment("start", text, zone), 0),
        end=reading.read("end", lambda text: _moment("end", text, zone), None) if has_end else None,
        until_further_notice=not has_end,
    )
    return reading.form, None if reading.form.errors else draft


def _form(**values: str) -> Form:
    return Form(dict.fromkeys(FIELDS, "") | values)


def _times(zone: dt.tzinfo, *, start: int, end: int | None) -> Mapping[str, str]:
    """The fields of the times, in a zone in which they can be read back."""
    moments = [start] if end is None else [start, end]
    local = [dt.datetime.fromtimestamp(at, zone).replace(tzinfo=None) for at in moments]
    if any(datetime_ambiguous(one, zone) for one in local):
        return _times(dt.UTC, start=start, end=end)
    texts = [one.isoformat(timespec="seconds" if one.second else "minutes") for one in local]
    return {"zone": str(zone), "start": texts[0], "end": "" if end is None else texts[1]}


def _moment(name: str, text: str, zone: dt.tzinfo) -> int:
    """Unix seconds of a local time."""
    local = local_time(name, text)
    shown = f"{local:%Y-%m-%d %H:%M}"
    if not datetime_exists(local, zone):
        raise FieldError(name, f"{shown} does not exist in {zone}: the clocks leave it out; allowed: another")
    if datetime_ambiguous(local, zone):
        raise FieldError(name, f"{shown} exists twice in {zone}: the clocks change; allowed: the zone UTC")
    return zones.moment(local, zone)


def local_time(name: str, text: str) -> dt.datetime:
    """What the clocks show. Raises FieldError: The field has no such time."""
    try:
        local = dt.datetime.fromisoformat(text)
    except ValueError:
        local = None
    if local is None or local.tzinfo is not None or local.year not in _YEARS:
        what = f"{text[:40]!r} is no date with a time" if text else "missing"
        raise FieldError(name, f"{what}; allowed: such as 2026-12-01T08:00")
    return local


def _sets(text: str) -> tuple[tuple[str, ...], ...]:
    """A set in each line."""
    if len(text) > _LONGEST_SETS:
        raise FieldError("matcher_sets", f"{len(text)} characters; allowed: {_LONGEST_SETS}")
    lines = [line for line in re.split(r"\r?\n", text) if line.strip()]  # a value may hold other line ends
    if len(lines) > MOST_SETS:
        raise FieldError("matcher_sets", f"{len(lines)} lines; allowed: 1 to {MOST_SETS}, each with a set")
    return tuple(map(set_texts, lines))


def _one_of(name: str, choices: Mapping[str, T]) -> Callable[[str], T]:
    def choose(text: str) -> T:
        if text not in choices:
            allowed = ", ".join(one or "nothing" for one in choices)
            raise FieldError(name, f"{text[:40]!r}; allowed: {allowed}")
        return choices[text]

    return choose


def _said(error: FieldError) -> str:
    """What is wrong, and in which of the sets."""
    number = error.field.partition("[")[2].partition("]")[0]
    return f"set {int(number) + 1}: {error.what}" if number else error.what
