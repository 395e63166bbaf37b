"""Whether a downtime silences, in words."""

from collections.abc import Sequence

import pytest

from stratoscope.downtime.model import State
from stratoscope.downtime.silences.report import Report
from stratoscope.downtime.silences.words import silencing

MAIN, DRY = Report(alertmanager="main"), Report(alertmanager="dry", is_dry_run=True)
AWAY = Report(alertmanager="away", trouble="connection refused")


@pytest.mark.parametrize(
    ("state", "reports", "words"),
    [
        (State.ACTIVE, [MAIN], "silenced by main"),
        (State.UPCOMING, [MAIN, MAIN], "to be silenced by main, main"),
        (State.ACTIVE, [MAIN, AWAY], "silenced by main; away is not in step: connection refused"),
        (State.ACTIVE, [AWAY], "away is not in step: connection refused"),
        (State.ACTIVE, [], "no Alertmanager is configured: it silences nothing"),
        (State.UPCOMING, [DRY], "dry run: it silences nothing"),
        (State.ENDED, [MAIN], "it is over: it silences nothing"),
        (State.CANCELLED, [MAIN], "it is cancelled: it silences nothing"),
        (
            State.ENDED,
            [MAIN, AWAY],
            "it is over: its silences may mute on; away is not in step: connection refused",
        ),
    ],
)
def test_words_say_what_is_the_case(state: State, reports: Sequence[Report], words: str) -> None:
    assert silencing(state, reports, silences=True) == words


def test_words_say_why_it_silences_nothing() -> None:
    assert silencing(State.ACTIVE, [MAIN], silences=False) == "it was filed so: it silences nothing"
    assert silencing(State.ENDED, [AWAY], silences=False) == "it is over: it silences nothing"
    past = silencing(State.ENDED, [AWAY], silences=True, is_past=True)
    assert past == "it is over already: it silences nothing"


def test_words_say_a_dispute_of_the_downtime_that_it_is_about_alone() -> None:
    report = Report(alertmanager="main", trouble="changed", trouble_of=frozenset({"a"}))
    said = {one: silencing(State.ACTIVE, [report], silences=True, downtime_id=one) for one in ("a", "b", "")}
    assert said == {"a": "main is not in step: changed", "b": "silenced by main", "": "silenced by main"}
    ended = silencing(State.ENDED, [report], silences=True, downtime_id="b")
    assert ended == "it is over: it silences nothing"
