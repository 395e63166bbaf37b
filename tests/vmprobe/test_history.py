"""The last runs of a probe, packed."""

from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.vmprobe.history import History
from stratoscope.vmprobe.record import Failure, Outcome, Run

FIRST = Run(id="a", probe="boot", began=1.5, ended=3.0, outcome=Outcome.SUCCESS, phases={Phase.BUILT: 0.25})
SECOND = Run(
    id="b",
    probe="boot",
    began=5.0,
    outcome=Outcome.FAILED,
    failure=Failure(Phase.REQUEST, RunReason.QUOTA, "no room"),
    left_out={Phase.CONSOLE: "the driver has no console"},
)
THIRD = Run(id="c", probe="boot", began=9.0)


def test_runs_are_read_as_they_were_put_in() -> None:
    assert [*History([FIRST, SECOND])] == [FIRST, SECOND]


def test_one_more_drops_the_oldest_and_leaves_the_history_before_as_it_was() -> None:
    before = History([FIRST, SECOND])
    assert [*before.plus(THIRD, 2)] == [SECOND, THIRD]
    assert [*before] == [FIRST, SECOND]


def test_slice_is_a_history_and_the_newest_come_first_when_reversed() -> None:
    some = History([FIRST, SECOND, THIRD])[-2:]
    assert isinstance(some, History)
    assert [one.id for one in reversed(some)] == ["c", "b"]
    assert len(some) == 2
