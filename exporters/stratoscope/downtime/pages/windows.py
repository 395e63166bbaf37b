"""A recurring window in the words of a page."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from stratoscope.downtime.pages.shown import named
from stratoscope.downtime.text import clean_line
from stratoscope.downtime.times import echo
from stratoscope.downtime.windows.recurrence import following
from stratoscope.downtime.windows.window import Window

MOST_CANCELLED: Final = 100
"""Windows that are shown although they are cancelled, those that were cancelled last."""


@dataclass(frozen=True, slots=True)
class ShownWindow:
    """A window. Attributes: next: Its next occurrence; "" for none."""

    window: Window
    next: str

    @property
    def title(self) -> str:
        return clean_line(self.window.template.title)

    @property
    def what(self) -> Sequence[str]:
        """What is down, one line for each matcher set."""
        return [named(one) for one in self.window.template.matcher_sets]

    @property
    def lasts(self) -> str:
        """Such as 8:00:00; days have 24 h."""
        return str(dt.timedelta(seconds=self.window.recurrence.duration_s))


def shown(windows: Iterable[Window], now: int, zone: dt.tzinfo) -> Sequence[ShownWindow]:
    """Windows in order of their titles, those that are cancelled last. It takes up to a second.

    Args:
        now: Unix seconds.
        zone: In which moments are shown.
    """
    there, gone = list[Window](), list[Window]()
    for one in windows:
        (there if one.cancelled_at is None else gone).append(one)
    there.sort(key=lambda one: one.template.title.casefold())
    gone.sort(key=lambda one: one.changed_at, reverse=True)
    found = [ShownWindow(one, _next(one, now, zone)) for one in there]
    return [*found, *(ShownWindow(one, "") for one in gone[:MOST_CANCELLED])]


def _next(window: Window, now: int, zone: dt.tzinfo) -> str:
    return "".join(echo(one.start, zone) for one in following(window.recurrence, now, 1))
