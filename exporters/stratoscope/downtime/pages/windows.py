"""Recurring windows in the words of a page, in pages."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

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
    windows: Iterable[Window], now: int, zone: dt.tzinfo, *, page: str = "", with_id: str = ""
) -> WindowsShown:
    """Windows in order of their titles, those that are cancelled last, the newest of them first.

    Args:
        now: Unix seconds.
        zone: In which moments are shown.
        page: The number of the page, as the address has it; the nearest one where there is none of it.
        with_id: Instead the page that has this window.
    """
    there, gone = list[Window](), list[Window]()
    for one in windows:
        (there if one.cancelled_at is None else gone).append(one)
    there.sort(key=lambda one: (one.template.title.casefold(), one.id))
    gone.sort(key=lambda one: (-one.changed_at, one.id))
    ordered = [*there, *gone]
    pages = max(-(-len(ordered) // ON_A_PAGE), 1)
    number = min(max(int(page), 1), pages) if re.fullmatch("[0-9]{1,6}", page) else 1
    place = next((n for n, one in enumerate(ordered) if one.id == with_id), None)
    number = number if place is None else place // ON_A_PAGE + 1
    found = ordered[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
    return WindowsShown([ShownWindow(one, _next(one, now, zone)) for one in found], number, pages)


def _next(window: Window, now: int, zone: dt.tzinfo) -> str:
    found = () if window.cancelled_at is not None else following(window.recurrence, now, 1)
    return "".join(echo(one.start, zone) for one in found)
