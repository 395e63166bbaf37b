"""When a probe's next run is due."""

import pytest

from stratoscope.vmprobe.pace import Pace


def beaten(pace: Pace, lasts_s: float) -> int:
    """A run at the next beat that lasts so long. Returns the beats that passed meanwhile."""
    began = pace.next
    pace.due()
    missed = pace.missed(began + lasts_s)
    pace.plan(began + lasts_s)
    return missed


def test_beats_are_an_interval_apart_however_long_runs_last() -> None:
    pace = Pace(60.0, 7.0)
    beats = []
    for lasts_s in (1.0, 59.0, 0.0, 33.3):
        beats.append(pace.next)
        assert beaten(pace, lasts_s) == 0
    assert beats == [7.0, 67.0, 127.0, 187.0]


def test_a_run_before_the_first_beat_leaves_that_beat() -> None:
    pace = Pace(60.0, first=30.0)
    pace.plan(now=10.0)
    assert pace.next == 30.0
    pace.plan(now=50.0)
    assert pace.next == 90.0


def test_beats_during_a_run_are_missed_and_counted() -> None:
    pace = Pace(60.0, 0.0)
    assert beaten(pace, 150.0) == 2
    assert pace.next == 180.0


@pytest.mark.parametrize(
    ("interval_s", "failures", "intervals"),
    [
        (60, 0, 1), (60, 2, 1), (60, 3, 2), (60, 4, 4), (60, 5, 8), (60, 6, 12), (60, 5000, 12),
        (600, 3, 2), (600, 4, 4), (600, 5, 6), (3600, 9, 1), (7200, 9, 1), (1800, 9, 2),
    ],
)  # fmt: skip
def test_repeated_failures_stretch_the_interval_up_to_12_of_them_or_an_hour(
    interval_s: float, failures: int, intervals: int
) -> None:
    pace = Pace(interval_s, 0.0)
    for _ in range(failures):
        pace.ended(is_failure=True)
    assert beaten(pace, 5.0) == 0
    assert pace.next == intervals * interval_s
    assert pace.is_backing_off is (failures >= 3)


def test_the_first_success_ends_the_back_off() -> None:
    pace = Pace(60.0, 0.0)
    for _ in range(4):
        pace.ended(is_failure=True)
    beaten(pace, 1.0)
    assert pace.next == 240.0
    pace.ended(is_failure=False)
    pace.plan(100.0)
    assert pace.next == 120.0


def test_the_first_beat_after_a_moment_is_one_of_the_planned_ones() -> None:
    pace = Pace(60.0, 7.0)
    assert [pace.after(moment) for moment in (0.0, 7.0, 8.0, 200.0)] == [7.0, 7.0, 67.0, 247.0]
