"""The landing page: what fails and why, the state of every collector, links to the other pages."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from stratoscope.core.collector import Collector, Every, OnScrape
from stratoscope.core.runner import Runner, Status
from stratoscope.core.web.pages import Pages
from stratoscope.core.web.service import Service
from stratoscope.core.web.templates import duration

_SHARED_BY: Final = 2
"""A failure that at least this many collectors report with the same text is shown once, above the table;
their rows link to it."""


class State(StrEnum):
    """The state of a collector. The table is sorted in this order."""

    FAILED = "failed"
    WAITING = "not run yet"
    LEFT_OUT = "left out"
    OK = "ok"

    @property
    def kind(self) -> str:
        """Its name in templates and in the style sheet."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table."""

    collector: Collector[Any]
    status: Status
    schedule: str

    @property
    def state(self) -> State:
        if self.status.left_out:
            return State.LEFT_OUT
        if self.status.success is None:
            return State.WAITING
        return State.OK if self.status.success else State.FAILED

    @property
    def why(self) -> str:
        reason = self.status.reason or self.status.left_out
        return f"{reason}: {self.status.message}" if reason else ""


@dataclass(frozen=True, slots=True)
class _Cause:
    """A failure that several collectors report with the same text.

    Attributes:
        number: The first on the page is 1.
        who: `uni: 29 of 29, lab: 3 of 30 collectors fail`.
    """

    number: int
    who: str


@dataclass(frozen=True, slots=True)
class _Overview:
    """All collectors in one line, and the worst of it in a few words for the browser's title."""

    state: State
    brief: str
    text: str


def landing_page(pages: Pages, service: Service, path: str) -> str:
    """The page as HTML. Args: path: That of the request."""
    rows = [_row(runner) for runner in service.parts.runners]
    return pages.html(
        path,
        "landing.html",
        overview=_overview(rows, len(service.parts.left_out)),
        causes=_causes(rows),
        rows=sorted(rows, key=lambda row: list(State).index(row.state)),
        left_out=service.parts.left_out,
        last_success=max((row.status.last_success or 0 for row in rows), default=0),
        now=time.time(),
    )


def _row(runner: Runner) -> _Row:
    return _Row(runner.collector, runner.shown()[1], _schedule(runner.collection.schedule))


def _schedule(schedule: OnScrape | Every) -> str:
    if isinstance(schedule, Every):
        return f"every {duration(schedule.interval_s)}, kept for {duration(schedule.max_age_s)}"
    return "when scraped"


def _overview(rows: Sequence[_Row], left_out: int) -> _Overview:
    """Counts the rows by state; `left_out` is the number of collectors that have no row."""
    count = Counter(row.state for row in rows)
    run = len(rows) - count[State.LEFT_OUT]
    count[State.LEFT_OUT] += left_out
    ok = f"{count[State.OK]} of {run} collectors ok" if run else "No collector runs"
    others = [f"{count[state]} {state}" for state in State if state is not State.OK and count[state]]
    if count[State.FAILED]:
        worst = State.FAILED
    else:
        worst = State.WAITING if count[State.WAITING] or not run else State.OK
    brief = f"{count[worst]} {worst}" if run and worst is not State.OK else ok
    return _Overview(worst, brief, ", ".join([ok, *others]))


def _causes(rows: Sequence[_Row]) -> Mapping[str, _Cause]:
    """Shared failures by their text. A cloud's collectors that are left out are not counted."""
    failing: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        if row.state is State.FAILED:
            failing[row.why].append(row)
    run = Counter(row.collector.cloud for row in rows if row.state is not State.LEFT_OUT)
    shared = {why: same for why, same in failing.items() if len(same) >= _SHARED_BY}
    return {
        why: _Cause(number, _who(Counter(row.collector.cloud for row in same), run))
        for number, (why, same) in enumerate(shared.items(), 1)
    }


def _who(failing: Mapping[str, int], run: Mapping[str, int]) -> str:
    parts = [f"{cloud}: {count} of {run[cloud]}".removeprefix(": ") for cloud, count in failing.items()]
    return f"{', '.join(parts)} collectors fail"
