"""Each alert fires by a real fault, in embedded clouds and with rules in which time goes faster."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Final, Self

import pytest

from support.faults import ALL, SIDE_BY_SIDE
from support.faults_of_exporters import LAST
from support.faulty_stack import DAYS, FACTOR, FaultyStack, faulty_stack
from support.rule_fault import RuleFault

pytestmark = [pytest.mark.integration, pytest.mark.full]

ALWAYS: Final = "StratoscopeWatchdog"
HEALTHY_S: Final = 40
"""For so long nothing is wrong: 40 min at the factor, longer than most alerts wait."""
WITHIN_S: Final = 420
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


@pytest.fixture(scope="module")
def fired(tmp_path_factory: pytest.TempPathFactory) -> Seconds:
    """By alert: from the fault until it fired."""
    folder: Path = tmp_path_factory.mktemp("faults")
    with faulty_stack(folder) as stack:
        time.sleep(HEALTHY_S)
        firing = {factor: one.firing() for factor, one in stack.prometheus.items()}
        assert [one for one in firing[FACTOR] if one["alertname"] != ALWAYS] == []
        assert not {one["alertname"] for one in firing[DAYS]} & {
            one.alert for one in SIDE_BY_SIDE if one.factor == DAYS
        }
        seconds = dict(make(SIDE_BY_SIDE, stack))
        for fault in LAST:
            seconds |= make([fault], stack)
    show(ALL, seconds)
    return seconds


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.alert)
def test_alert_fires_by_its_fault(fault: RuleFault, fired: Seconds) -> None:
    assert fault.alert in fired
