"""What is down now and what is next, in pages."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stratoscope.core.runner import Status
from stratoscope.downtime.database.errors import Refusal
from stratoscope.downtime.imports import report as imports
from stratoscope.downtime.model import State
from stratoscope.downtime.pages.shown import Shown
from stratoscope.downtime.pages.timeline import View
from stratoscope.downtime.silences import report as silences

ON_A_PAGE: Final = 50
_MOST_TROUBLES: Final = 3
"""That the headline names."""


_REFUSALS: Final = {
    Refusal.FULL: "no space left",
    Refusal.READ_ONLY: "it is read-only",
    Refusal.BUSY: "it is in use",
    Refusal.UNANSWERED: "no answer in time",
    Refusal.OTHER: "the log says why",
}


@dataclass(frozen=True, slots=True)
class Overview:
    """What is down now, then what is next.

    Attributes:
        active, upcoming: How many there are on all pages.
        number: Of this page; the first is 1.
        rows: Those of this page: what is active, what ends first before; then what is upcoming, what starts
            first before.
        troubles: What does not work, such as `Alertmanager main`.
        taken_over: How many silences a person made theirs, `left` among them.
        left: Of these, how many mute though no downtime wants them any more.
    """

    active: int
    upcoming: int
    number: int
    rows: Sequence[Shown] = ()
    troubles: Sequence[str] = ()
    taken_over: int = 0
    left: int = 0

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
        if self.troubles or self.left:
            return "failed"
        return "waiting" if self.active or self.taken_over else "ok"

    @property
    def summary(self) -> str:
        """What does not work, how many downtimes there are, and what a person took over."""
        counted = "; ".join(filter(None, [self._counted, self._by_hand]))
        if not self.troubles:
            return counted
        more = len(self.troubles) - _MOST_TROUBLES
        named = ", ".join(self.troubles[:_MOST_TROUBLES]) + (f" and {more} more" if more > 0 else "")
        return f"Trouble with {named}; {counted[:1].lower()}{counted[1:]}"

    @property
    def _counted(self) -> str:
        if not self.active:
            return "Nothing is down on purpose" + (f"; {self.upcoming} upcoming" if self.upcoming else "")
        downtimes = "downtime is" if self.active == 1 else "downtimes are"
        return f"{self.active} {downtimes} active, {self.upcoming} upcoming"

    @property
    def _by_hand(self) -> str:
        count = self.left or self.taken_over
        silences = "1 silence" if count == 1 else f"{count} silences"
        if self.left:
            return f"{silences} that a person took over still {'mutes' if count == 1 else 'mute'} alerts"
        return f"a person took over {silences}" if count else ""


def overview(counts: Mapping[State, int], page: int) -> Overview:
    """The page of that number, without its rows; the last one where there are not so many."""
    active, upcoming = counts[State.ACTIVE], counts[State.UPCOMING]
    return Overview(active, upcoming, min(page, _pages(active + upcoming)))


def troubles(
    alertmanagers: Sequence[silences.Report],
    clouds: Mapping[str, Status],
    sources: Sequence[imports.Report],
    refused: Refusal | None = None,
) -> Sequence[str]:
    """What does not work.

    Args:
        clouds: How the reading of each one's hosts went.
        refused: Why the last change was not stored.
    """
    return [
        *([f"the database, where nothing can be stored ({_REFUSALS[refused]})"] if refused else []),
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
