"""A downtime in the words of a page."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stratoscope.core.web.templates import duration
from stratoscope.downtime.matchers import MatcherSet, written
from stratoscope.downtime.model import Downtime, Severity, State
from stratoscope.downtime.scope import LABELS, Scope, covered
from stratoscope.downtime.text import clean_line
from stratoscope.downtime.times import echo

_KINDS: Final[Mapping[State, str]] = {
    State.UPCOMING: "waiting",
    State.ACTIVE: "waiting",
    State.ENDED: "ok",
    State.CANCELLED: "left_out",
}
_SCOPES: Final[Mapping[Scope, tuple[str, str]]] = {
    Scope.ZONE: ("zone", "zone"),
    Scope.HOST: ("host", "host"),
    Scope.PROJECT: ("project", "project_id"),
    Scope.VM: ("VM", "vm_id"),
}
"""The word for it, and the label that has its name."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A downtime at a moment.

    Attributes:
        now: Unix seconds.
        zone: In which times are shown.
        is_overridden: Whether a person expired one of its silences: its alarms ring.
    """

    downtime: Downtime
    now: float
    zone: dt.tzinfo
    is_overridden: bool = False

    @property
    def state(self) -> State:
        return self.downtime.state(self.now)

    @property
    def kind(self) -> str:
        """Of its state, see core's parts.html."""
        is_down = self.state is State.ACTIVE and self.downtime.severity is Severity.OUTAGE
        return "failed" if is_down else _KINDS[self.state]

    @property
    def title(self) -> str:
        return clean_line(self.downtime.title)

    @property
    def path(self) -> str:
        """Of its page."""
        return f"/downtimes/{self.downtime.id}"

    @property
    def nature(self) -> str:
        """Such as `planned outage`."""
        planned = "planned" if self.downtime.planned else "unplanned"
        return f"{planned} {self.downtime.severity.replace('_', ' ')}"

    @property
    def what(self) -> Sequence[str]:
        """What is down, one line for each matcher set."""
        return [named(one) for one in self.downtime.matcher_sets]

    @property
    def sets(self) -> Sequence[str]:
        """The matcher sets, as Prometheus writes them."""
        return [clean_line(written(one)) for one in self.downtime.matcher_sets]

    @property
    def when(self) -> str:
        """Start and end; what they share is said once."""
        open_end = ", until further notice" if self.downtime.until_further_notice else ""
        return " ".join(self._from_to()) + open_end

    @property
    def lines(self) -> Sequence[str]:
        """The same in two short lines; an end that is moved on each day is left out."""
        if self.downtime.until_further_notice:
            return echo(self.downtime.start, self.zone), "until further notice"
        return self._from_to()

    @property
    def distance(self) -> str:
        """How far off what comes next is; "" if nothing does."""
        start, end = self.downtime.start - self.now, self.downtime.end - self.now
        texts = {State.UPCOMING: f"starts in {_span(start)}", State.ACTIVE: f"ends in {_span(end)}"}
        return texts.get(self.state, "")

    def _from_to(self) -> tuple[str, str]:
        start, end = (echo(at, self.zone).split() for at in (self.downtime.start, self.downtime.end))
        from_, until = (start[:2], end) if start[2] == end[2] else (start, end)
        if start[0] == end[0]:
            until = until[1:]
        return " ".join(from_), f"to {' '.join(until)}"

    @property
    def words(self) -> str:
        """All of this in one line."""
        return f"{self.title}: {self.state}, {self.nature}, {self.when}"


def named(matchers: MatcherSet) -> str:
    """What a set covers: such as `host n1 of uni`; a set that is no whole scope as Prometheus writes it."""
    found = covered(matchers)
    if found is None or found.scope is Scope.OTHER:
        return clean_line(written(matchers))
    values = {name: clean_line(value) for name, value in zip(LABELS, found.values, strict=True)}
    if found.scope is Scope.CLOUD:
        return f"cloud {values['cloud']}"
    word, label = _SCOPES[found.scope]
    return f"{word} {values[label]} of {values['cloud']}"


def _span(seconds: float) -> str:
    return duration(max(round(seconds), 1))
