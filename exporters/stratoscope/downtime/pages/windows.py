"""Recurring windows in the words of a page, in pages."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from stratoscope.downtime.database.errors import UnknownError
from stratoscope.downtime.pages.shown import named
from stratoscope.downtime.text import clean_line
from stratoscope.downtime.times import echo
from stratoscope.downtime.windows.recurrence import following
from stratoscope.downtime.windows.window import Window

ON_A_PAGE: Final = 50


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


@dataclass(frozen=True, slots=True)
class WindowsShown:
    """A page of windows. Attributes: number: Of this page; the first is 1."""

    rows: Sequence[ShownWindow]
    number: int
    pages: int


def shown(
    windows: Iterable[Window], now: int, zone: dt.tzinfo, *, page: int = 1, with_id: str = ""
) -> WindowsShown:
    """Windows in order of their titles, those that are cancelled last, the newest of them first.

    Args:
        now: Unix seconds.
        zone: In which moments are shown.
        page: The number of the page; the last one where there are not so many.
        with_id: Instead the page that has this window; "" for none.

    Raises:
        UnknownError: There is no such window.
    """
    there, gone = list[Window](), list[Window]()
    for one in windows:
        (there if one.cancelled_at is None else gone).append(one)
    there.sort(key=lambda one: (one.template.title.casefold(), one.id))
    gone.sort(key=lambda one: (-one.changed_at, one.id))
    ordered = [*there, *gone]
    pages = max(-(-len(ordered) // ON_A_PAGE), 1)
    number = _place(ordered, with_id) // ON_A_PAGE + 1 if with_id else min(page, pages)
    found = ordered[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
    return WindowsShown([ShownWindow(one, _next(one, now, zone)) for one in found], number, pages)


def _place(windows: Sequence[Window], id_: str) -> int:
    for place, one in enumerate(windows):
        if one.id == id_:
            return place
    raise UnknownError("window", id_)


def _next(window: Window, now: int, zone: dt.tzinfo) -> str:
    found = () if window.cancelled_at is not None else following(window.recurrence, now, 1)
    return "".join(echo(one.start, zone) for one in found)
