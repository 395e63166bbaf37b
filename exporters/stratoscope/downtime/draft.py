"""What somebody wants to file or change: checked field by field before anything is stored."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from stratoscope.downtime.matchers import (
    Matcher,
    MatcherSet,
    contradiction,
    matcher_set,
    matches_everything,
    matches_unlabelled,
    written,
)
from stratoscope.downtime.model import DAY_S, Severity, rearmed

LABELS: Final = frozenset(
    {
        "cloud", "host", "zone", "project_id", "vm_id", "service",  # ours
        "alertname", "instance", "job", "severity",  # Prometheus's
    }
)  # fmt: skip
"""The labels that matchers may name; the key `labels` of the configuration adds others."""
OTHERS: Final = "others once the key downtime.labels of the configuration names them"
"""For messages on a label that is not known."""
LONGEST_TITLE: Final = 200
LONGEST_TEXT: Final = 4000
LONGEST_VALUE: Final = 500
MOST_SETS: Final = 20
MOST_MATCHERS: Final = 10
LONGEST_S: Final = 365 * DAY_S
LATEST_START_S: Final = 2 * 365 * DAY_S
"""From now."""

_BLANK: Final = frozenset("\n\t")
"""Characters of a text that cannot be printed, and may be in it."""


class FieldError(ValueError):
    """A field that cannot be stored; `str()` of it is one line that names the field and what is allowed.

    Attributes:
        field: Such as `end` or `matcher_sets[0][1]`.
        what: What is wrong with it, and what is allowed.
    """

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"{field}: {what}")
        self.field, self.what = field, what


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person can say of a downtime, in words for a person.

    Attributes:
        start, end: Unix seconds. `end` is left out for `until_further_notice`.
        matcher_sets: Sets of matchers, each as Prometheus writes it: `[["host=n1", "service=~nova.*"]]`.
        silences: None: planned outages and degradations silence, unplanned ones and risks do not.
        confirm: Whether a set may match every alert.
    """

    title: str
    text: str = ""
    planned: bool = True
    severity: Severity = Severity.OUTAGE
    start: int
    end: int | None = None
    until_further_notice: bool = False
    matcher_sets: tuple[tuple[str, ...], ...]
    silences: bool | None = None
    confirm: bool = False


class Checked(NamedTuple):
    """The fields of a draft that can be stored."""

    title: str
    text: str
    planned: bool
    severity: Severity
    start: int
    end: int
    until_further_notice: bool
    matcher_sets: tuple[MatcherSet, ...]
    silences: bool


def checked(draft: Draft, now: int, *, labels: Iterable[str] = ()) -> Checked:
    """The fields of a draft.

    Args:
        now: Unix seconds.
        labels: Those that matchers may name beside LABELS.

    Raises:
        FieldError: The first field that cannot be stored.
    """
    severity = draft.severity
    silences = (
        draft.planned and severity is not Severity.AT_RISK if draft.silences is None else draft.silences
    )
    return Checked(
        title=_title(draft.title),
        text=_text(draft.text),
        planned=draft.planned,
        severity=severity,
        start=draft.start,
        end=_end(draft, now),
        until_further_notice=draft.until_further_notice,
        matcher_sets=matcher_sets(draft.matcher_sets, {*LABELS, *labels}, confirmed=draft.confirm),
        silences=silences,
    )


def matcher_sets(
    sets: Sequence[Sequence[str]], labels: Iterable[str], *, confirmed: bool = False
) -> tuple[MatcherSet, ...]:
    """Matcher sets from text, each once, in order.

    Args:
        labels: All that may be named.
        confirmed: Whether a set may match every alert.

    Raises:
        FieldError: A matcher, or a set, that cannot be used.
    """
    if not 1 <= len(sets) <= MOST_SETS:
        raise FieldError("matcher_sets", f"{len(sets)} sets; allowed: 1 to {MOST_SETS}")
    found = []
    for number, texts in enumerate(sets):
        key = f"matcher_sets[{number}]"
        if not 1 <= len(texts) <= MOST_MATCHERS:
            raise FieldError(key, f"{len(texts)} matchers; allowed: 1 to {MOST_MATCHERS}")
        one = matcher_set(_matcher(text, sorted(labels), f"{key}[{n}]") for n, text in enumerate(texts))
        both = contradiction(one)
        if both is not None:
            what = f"{both[0]} and {both[1]} match no alert together"
            raise FieldError(key, f"{what}; allowed: another set, in another --match or another line")
        if matches_unlabelled(one):
            what = f"{written(one)} matches an alert that lacks all its labels"
            every = f'{one[0].name}=~".+" and `confirm`'
            raise FieldError(
                key, f'{what}; allowed: beside it one such as cloud="uni"; or, if all is meant, {every}'
            )
        if not confirmed and matches_everything(one):
            what = f"{written(one)} matches every alert with usual values of its labels"
            raise FieldError(key, f"{what}; allowed: a set that chooses some, or `confirm`")
        found.append(one)
    return tuple(sorted({*found}))


def _matcher(text: str, labels: Sequence[str], key: str) -> Matcher:
    if len(text) > LONGEST_VALUE:
        raise FieldError(key, f"{len(text)} characters; allowed: {LONGEST_VALUE}")
    try:
        matcher = Matcher.parse(text)
    except ValueError as error:
        raise FieldError(key, str(error)) from error
    if matcher.name not in labels:
        near = difflib.get_close_matches(matcher.name, labels, 1)
        hint = f"{near[0]}? All: " if near else ""
        allowed = f"{hint}{', '.join(labels)}; {OTHERS}"
        raise FieldError(key, f"unknown label {matcher.name[:80]}; allowed: {allowed}")
    return matcher


def _title(title: str) -> str:
    words = " ".join(title.split())
    if len(words) > LONGEST_TITLE:
        raise FieldError("title", f"{len(words)} characters; allowed: one line of 1 to {LONGEST_TITLE}")
    if not words or not words.isprintable():
        raise FieldError(
            "title", f"{words[:80]!r} is no title; allowed: one line of 1 to {LONGEST_TITLE} characters"
        )
    return words


def _text(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    if len(lines) > LONGEST_TEXT:
        raise FieldError("text", f"{len(lines)} characters; allowed: {LONGEST_TEXT}")
    for one in lines:
        if not one.isprintable() and one not in _BLANK:
            raise FieldError("text", f"the character {one!r}; allowed: those that can be printed")
    return lines


def _end(draft: Draft, now: int) -> int:
    """The end, also of a downtime until further notice."""
    start, end = draft.start, draft.end
    if not 0 <= start <= now + LATEST_START_S:
        raise FieldError("start", "too far away; allowed: Unix seconds from 1970 up to two years from now")
    if draft.until_further_notice:
        if end is not None:
            raise FieldError("end", "stands beside until further notice; allowed: one of both")
        end = rearmed(start, now)
        if end - start > LONGEST_S:
            what = f"too long ago; allowed: up to {LONGEST_S // DAY_S} days before the end, a day from now"
            raise FieldError("start", what)
        return end
    if end is None:
        raise FieldError("end", "missing; allowed: a moment after start, or until further notice")
    if end <= start:
        raise FieldError("end", "not after start; allowed: a later moment")
    if end - start > LONGEST_S:
        days = (end - start) / DAY_S
        raise FieldError("end", f"{days:.1f} days after start; allowed: {LONGEST_S // DAY_S} days at most")
    return end
