"""A recurring window: what is filed again and again."""

from typing import Final

import msgspec

from stratoscope.downtime.matchers import MatcherSet
from stratoscope.downtime.model import DAY_S, Severity
from stratoscope.downtime.windows.recurrence import Recurrence

AHEAD_S: Final = 14 * DAY_S
"""Occurrences are filed so long before they begin."""


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """What each occurrence has, as fields of Downtime."""

    title: str
    text: str = ""
    planned: bool = True
    severity: Severity = Severity.OUTAGE
    matcher_sets: tuple[MatcherSet, ...]
    silences: bool


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A window as it stands now.

    Attributes:
        author: The user who filed it.
        cancelled_at: When it was cancelled, in Unix seconds, as all moments; None if it was not.
        revision: 1 when filed; one more with each change.
    """

    id: str
    recurrence: Recurrence
    template: Template
    author: str
    cancelled_at: int | None = None
    revision: int = 1
    created_at: int
    changed_at: int
