"""What is down now and what is next, in pages."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stratoscope.core.runner import Status
from stratoscope.downtime.imports import report as imports
from stratoscope.downtime.model import State
from stratoscope.downtime.pages.shown import Shown
from stratoscope.downtime.pages.timeline import View
from stratoscope.downtime.silences import report as silences

ON_A_PAGE: Final = 50
_MOST_TROUBLES: Final = 3
"""That the headline names."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What is down now, then what is next.

    Attributes:
        active, upcoming: How many there are on all pages.
        number: Of this page; the first is 1.
        rows: Those of this page: what is active, what ends first before; then what is upcoming, what starts
            first before.
        troubles: What does not work, such as `Alertmanager main`.
    """

    active: int
    upcoming: int
    number: int
    rows: Sequence[Shown] = ()
    troubles: Sequence[str] = ()

    @property
    def pages(self) -> int:
        """How many there are; at least one."""
        return _pages(self.active + self.upcoming)

    @property
    def skipped(self) -> int:
        """How many downtimes stand on the pages before."""
        return (self.number - 1) * ON_A_PAGE

    @property
    def kind(self) -> str:
        """Of the summary, see core's parts.html."""
        if self.troubles:
            return "failed"
        return "waiting" if self.active else "ok"

    @property
    def summary(self) -> str:
        """What does not work, and how many downtimes there are."""
        if not self.troubles:
            return self._counted
        more = len(self.troubles) - _MOST_TROUBLES
        named = ", ".join(self.troubles[:_MOST_TROUBLES]) + (f" and {more} more" if more > 0 else "")
        return f"Trouble with {named}; {self._counted[:1].lower()}{self._counted[1:]}"

    @property
    def _counted(self) -> str:
        if not self.active:
            return "Nothing is down on purpose" + (f"; {self.upcoming} upcoming" if self.upcoming else "")
        downtimes = "downtime is" if self.active == 1 else "downtimes are"
        return f"{self.active} {downtimes} active, {self.upcoming} upcoming"


def overview(counts: Mapping[State, int], page: str) -> Overview:
    """The page that is asked for, without its rows; the nearest one where there is none of that number.

    Args:
        page: Its number, as the address has it.
    """
    active, upcoming = counts[State.ACTIVE], counts[State.UPCOMING]
    pages = _pages(active + upcoming)
    number = min(max(int(page), 1), pages) if re.fullmatch("[0-9]{1,6}", page) else 1
    return Overview(active, upcoming, number)


def troubles(
    alertmanagers: Sequence[silences.Report],
    clouds: Mapping[str, Status],
    sources: Sequence[imports.Report],
) -> Sequence[str]:
    """What does not work. Args: clouds: How the reading of each one's hosts went."""
    return [
        *(f"Alertmanager {one.alertmanager}" for one in alertmanagers if one.failure),
        *(f"cloud {name}" for name, one in clouds.items() if one.reason or one.left_out),
        *(f"import {one.source}" for one in sources if one.reason is not None),
    ]


def path(part: str, *, page: int, view: View, first: dt.date | None = None) -> str:
    """The address of a part of the overview: with a page of its list, and what its timeline shows."""
    query = f"view={view}" + (f"&from={first}" if first else "") + (f"&page={page}" if page > 1 else "")
    return f"/?{query}#{part}"


def _pages(count: int) -> int:
    return max(-(-count // ON_A_PAGE), 1)
