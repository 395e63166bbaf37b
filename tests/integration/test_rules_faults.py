"""Each alert fires by a real fault, in embedded clouds and with rules in which time goes faster."""

import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Final, NamedTuple, Self

import pytest

from support import broken_page, steady_prometheus
from support.asked_boards import Told, told
from support.faults import ALL, SIDE_BY_SIDE
from support.faults_of_exporters import LAST
from support.faulty_stack import DAYS, FACTOR, SCRAPED_S, FaultyStack, faulty_stack
from support.prometheus_process import RealPrometheus
from support.rule_fault import RuleFault

pytestmark = [pytest.mark.integration, pytest.mark.full]

ALWAYS: Final = "StratoscopeWatchdog"
HEALTHY_S: Final = 40
"""For so long nothing is wrong: 40 min at the factor, longer than most alerts wait."""
WITHIN_S: Final = 420
PAGES_S: Final = 60
"""The pages have nothing that is broken by real faults, but VMs and hosts, and checks of theirs that fail."""
ROUNDS: Final = 10
ROUND_S: Final = 5
_CELL: Final = "cloud:stratoscope_glance:over_threshold"
Seconds = Mapping[str, float]


class Watch:
    """Sees in a thread of its own which alerts fire. Attributes: seen: When each fired at first."""

    def __init__(self, stack: FaultyStack, faults: Sequence[RuleFault]) -> None:
        self._stack, self._faults, self._over = stack, faults, Event()
        self.seen: dict[str, float] = {}
        self._thread = Thread(target=self._look, name="watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            firing = {factor: one.firing() for factor, one in self._stack.prometheus.items()}
            for fault in self._faults:
                expected = {"alertname": fault.alert, **fault.labels}.items()
                if any(expected <= labels.items() for labels in firing[fault.factor]):
                    self.seen.setdefault(fault.alert, time.monotonic())


def make(faults: Sequence[RuleFault], stack: FaultyStack) -> Seconds:
    """After how many seconds each fired; those that did not are absent."""
    began = dict[object, float]()
    with Watch(stack, faults) as watch:
        for fault in faults:
            if fault.make not in began:
                began[fault.make] = time.monotonic()
                fault.make(stack)
        deadline = time.monotonic() + WITHIN_S
        while len(watch.seen) < len(faults) and time.monotonic() < deadline:
            for going in stack.going:
                going()
            time.sleep(1)
    return {
        one.alert: max(0.0, watch.seen[one.alert] - began[one.make])
        for one in faults
        if one.alert in watch.seen
    }


def show(faults: Sequence[RuleFault], seconds: Seconds) -> None:
    """As lines of the docs' table."""
    for one in faults:
        row = (one.alert, one.words, one.factor, f"{seconds.get(one.alert, math.nan):.0f}")
        print(f"| {' | '.join(map(str, row))} |")  # noqa: T201 - pytest shows it with -s


class Seen(NamedTuple):
    """What was seen while everything is broken.

    Attributes:
        fired: By alert: from the fault until it fired.
        boards: What the dashboards say then.
        differ: Alerts that fire while their cell is below 1, with their clouds.
    """

    fired: Seconds
    boards: Sequence[Told]
    differ: set[tuple[str, str]]


def without_cell(prometheus: RealPrometheus) -> set[tuple[str, str]]:
    """Alerts that fire and have a cell, which is below 1."""

    def of(query: str, label: str) -> set[tuple[str, str]]:
        found = (dict(labels) for labels in prometheus.ask(query))
        return {(one[label], one.get("cloud", "")) for one in found}

    cells = of(f"max_over_time({_CELL}[20s]) >= 1 - 1e-9", "alert")
    known = {alert for alert, _ in of(f"group by (alert) ({_CELL})", "alert")}
    firing = of('ALERTS{alertstate="firing",severity=~"critical|warning"}', "alertname")
    return {(alert, cloud) for alert, cloud in firing if alert in known} - cells


def what_boards_say(stack: FaultyStack) -> list[Told]:
    """Of each Prometheus, for a minute: what is recorded each minute is seen for seconds."""
    found = [Told() for _ in stack.prometheus]
    for _ in range(ROUNDS):
        for before, prometheus in zip(found, stack.prometheus.values(), strict=True):
            before.add_all(told(prometheus.url, SCRAPED_S))
        time.sleep(ROUND_S)
    return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder: Path = tmp_path_factory.mktemp("faults")
    with faulty_stack(folder) as stack:
        time.sleep(HEALTHY_S)
        firing = {factor: one.firing() for factor, one in stack.prometheus.items()}
        assert [one for one in firing[FACTOR] if one["alertname"] != ALWAYS] == []
        assert not {one["alertname"] for one in firing[DAYS]} & {
            one.alert for one in SIDE_BY_SIDE if one.factor == DAYS
        }
        seconds = dict(make(SIDE_BY_SIDE, stack))
        boards = what_boards_say(stack)
        differ = without_cell(stack.prometheus[FACTOR])
        for fault in LAST:
            seconds |= make([fault], stack)
    show(ALL, seconds)
    with steady_prometheus.watching(tmp_path_factory.mktemp("pages")) as pages:
        time.sleep(PAGES_S)
        boards.append(told(pages.url, 1))
    return Seen(seconds, boards, differ)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.alert)
def test_alert_fires_by_its_fault(fault: RuleFault, seen: Seen) -> None:
    assert fault.alert in seen.fired


def test_alert_and_its_cell_on_the_front_page_agree(seen: Seen) -> None:
    assert seen.differ == set()


def test_page_says_what_each_panel_says(seen: Seen) -> None:
    """Values differ from run to run; which panels say something does not."""
    rows = list(broken_page.rows(seen.boards))
    if os.environ.get("STRATOSCOPE_GOLDEN") == "1":
        broken_page.PAGE.write_text(broken_page.page(iter(rows)))
    assert broken_page.untried() == set()
    assert {
        (board, panel) for board, panel, says in rows if says in broken_page.SILENT
    } == broken_page.silent()
