"""What is down now and what is next, in pages."""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from stratoscope.downtime.model import Downtime, State
from stratoscope.downtime.pages.shown import Shown

ON_A_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Overview:
    """What is down now, then what is next.

    Attributes:
        active, upcoming: How many there are on all pages.
        rows: Those of this page: what is active, what ends first before; then what is upcoming, what starts
            first before.
        number: Of this page; the first is 1.
        pages: How many there are; at least one.
    """

    active: int
    upcoming: int
    rows: Sequence[Shown]
    number: int
    pages: int

    @property
    def summary(self) -> str:
        if not self.active:
            return "Nothing is down on purpose" + (f"; {self.upcoming} upcoming" if self.upcoming else "")
        downtimes = "downtime is" if self.active == 1 else "downtimes are"
        return f"{self.active} {downtimes} active, {self.upcoming} upcoming"


def overview(downtimes: Iterable[Downtime], page: str, now: float, zone: dt.tzinfo) -> Overview:
    """The page that is asked for; the nearest one where there is none of that number.

    Args:
        page: Its number, as the address has it.
        now: Unix seconds.
        zone: In which times are shown.
    """
    active, upcoming = [], []
    for one in downtimes:
        state = one.state(now)
        if state is State.ACTIVE:
            active.append(one)
        elif state is State.UPCOMING:
            upcoming.append(one)
    active.sort(key=lambda one: (one.end, one.id))
    upcoming.sort(key=lambda one: (one.start, one.id))
    pages = max(-(-(len(active) + len(upcoming)) // ON_A_PAGE), 1)
    number = min(max(int(page), 1), pages) if re.fullmatch("[0-9]{1,6}", page) else 1
    shown = (active + upcoming)[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
    return Overview(len(active), len(upcoming), [Shown(one, now, zone) for one in shown], number, pages)
