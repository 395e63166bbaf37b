"""The log of migrations: each end is counted once, and what is remembered is bounded."""

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.migrations import DURATION_BOUNDS, MOST, Ended, Migration, MigrationLog, Outcome

NOW = 1_000_000.0


def ended(seconds: float | None = 7.0, kind: str = "live", outcome: Outcome = Outcome.COMPLETED) -> Ended:
    return Ended(kind, outcome, "a", "b", NOW, seconds)


def log() -> MigrationLog:
    return MigrationLog(["live"], Clock(now=lambda: NOW))


def test_durations_are_those_of_the_completed_ones_and_cumulative() -> None:
    found = log()
    for number, one in enumerate([ended(5.0), ended(6.0), ended(1e6), ended(None)]):
        found.end(str(number), one, is_new=True)
    found.end("f", ended(7.0, outcome=Outcome.FAILED), is_new=True)
    durations = found.answer([], 0).durations["live"]
    assert durations.counts == (1, *[2] * (len(DURATION_BOUNDS) - 1), 3)
    assert durations.seconds == 1e6 + 11


def test_a_kind_that_was_not_known_is_counted_from_its_first_end() -> None:
    found = log()
    found.end("1", ended(kind="cold", outcome=Outcome.FAILED), is_new=True)
    outcomes = found.answer([], 0).outcomes
    assert {key: number for key, number in outcomes.items() if key[0] == "cold"} == {
        ("cold", Outcome.COMPLETED): 0, ("cold", Outcome.FAILED): 1, ("cold", Outcome.CANCELLED): 0,
    }  # fmt: skip


def test_the_ones_that_were_listed_longest_ago_are_forgotten() -> None:
    found = log()
    for number in range(MOST):
        found.end(str(number), ended(), is_new=True)
    found.end("0", ended(), is_new=True)
    found.end("new", ended(), is_new=True)
    answer = found.answer([], 0)
    assert ("0" in found, "1" in found, "new" in found) == (True, False, True)
    assert answer.outcomes["live", Outcome.COMPLETED] == MOST + 1
    assert len(answer.ended) == MOST


def test_those_under_way_are_sorted_by_their_start() -> None:
    late = Migration("1", "v", "live", "running", "a", "b", 9.0)
    early = Migration("2", "v", "live", "running", "a", "b", 3.0)
    assert log().answer([late, early], 4).running == (early, late)
