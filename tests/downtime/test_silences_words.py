"""Whether a downtime silences, in words."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from stratoscope.downtime.matchers import written
from stratoscope.downtime.model import State
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.report import Report
from stratoscope.downtime.silences.words import silencing, silencing_of
from support.fake_alertmanager import NOW, downtime, on

START, END = int(NOW), int(NOW) + 3600
MAIN, DRY = Report(alertmanager="main"), Report(alertmanager="dry", is_dry_run=True)
AWAY = Report(alertmanager="away", trouble="connection refused")


@pytest.mark.parametrize(
    ("state", "reports", "words"),
    [
        (State.ACTIVE, [MAIN], "silenced by main"),
        (State.UPCOMING, [MAIN, replace(MAIN, alertmanager="b")], "to be silenced by main, b"),
        (State.ACTIVE, [MAIN, AWAY], "silenced by main; away is not in step: connection refused"),
        (State.ACTIVE, [AWAY], "away is not in step: connection refused"),
        (State.ACTIVE, [], "no Alertmanager is configured: it silences nothing"),
        (State.UPCOMING, [DRY], "dry run: it silences nothing"),
        (State.ACTIVE, [replace(DRY, trouble="no")], "dry run: it silences nothing"),
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


def test_what_is_wrong_with_one_downtime_is_said_of_it_alone_and_of_all_what_is_wrong_with_all() -> None:
    refused = Report(alertmanager="main", refused={"a": "400 no"})
    said = {one: silencing(State.ACTIVE, [refused], silences=True, downtime_id=one) for one in ("a", "b", "")}
    assert said == {"a": "main is not in step: 400 no", "b": "silenced by main", "": "silenced by main"}
    ended = [silencing(State.ENDED, [refused], silences=True, downtime_id=one) for one in ("a", "b")]
    assert ended == [
        "it is over: its silences may mute on; main is not in step: 400 no", "it is over: it silences nothing"
    ]  # fmt: skip
    both = replace(refused, trouble="away")
    said = {one: silencing(State.ACTIVE, [both], silences=True, downtime_id=one) for one in ("a", "b")}
    assert said == {"a": "main is not in step: 400 no", "b": "main is not in step: away"}
    filed = [silencing_of(downtime(name), START, [refused], []) for name in ("a", "b")]
    assert filed == ["main is not in step: 400 no", "silenced by main"]


def test_failure_is_of_all_or_names_a_downtime() -> None:
    report = Report(alertmanager="main", refused={"a": "400 no"})
    assert (MAIN.failure, AWAY.failure) == ("", "connection refused")
    assert report.failure == "downtime a: 400 no"
    assert replace(report, refused={"b": "no", "a": "400"}).failure == "2 downtimes, such as b: no"
    assert replace(report, trouble="away").failure == "away"


def record(standing: Standing = Standing.TAKEN_OVER, **fields: object) -> SilenceRecord:
    """That of a silence until an hour after the downtime."""
    values = {
        "alertmanager": "main", "downtime_id": "d1", "matchers": '{host="n1"}', "silence_id": "s1",
        "standing": standing, "starts_at": START, "ends_at": END + 3600, "revision": 1, "changed_at": START,
        "owner": "bob" if standing is Standing.TAKEN_OVER else "",
    }  # fmt: skip
    return SilenceRecord(**(values | fields))  # type: ignore[arg-type]  # checked where it is called


MUTES = (
    "silence s1 mutes on in main until 2027-01-15 10:00 +00:00, since {} took it over: it is theirs to expire"
)


@pytest.mark.parametrize(
    ("fields", "now", "words"),
    [
        ({}, END, f"it is over: {MUTES.format('bob')}"),
        ({"cancelled_at": START}, START, f"it is cancelled: {MUTES.format('bob')}"),
        ({"silences": False}, START, f"it was filed so: {MUTES.format('bob')}"),
        ({}, START, MUTES.format("bob")),
        ({"revision": 2}, START, f"silenced by main; {MUTES.format('bob')}"),
        ({}, END + 3600, "it is over: it silences nothing"),
    ],
)
def test_what_a_person_took_over_is_said_as_long_as_it_mutes(
    fields: dict[str, object], now: int, words: str
) -> None:
    assert silencing_of(downtime(**fields), now, [MAIN], [record()]) == words


def test_who_took_a_silence_over_is_named_or_a_person() -> None:
    said = silencing_of(downtime(), END, [AWAY], [record(owner="")])
    assert said == (
        f"it is over: {MUTES.format('a person')}; its silences may mute on; away is not in step:"
        " connection refused"
    )


def test_what_a_person_expired_is_not_said_to_be_silenced() -> None:
    expired = record(Standing.OVERRIDDEN)
    by_hand = (
        "a person expired silence s1 in main, and no other is written until it is changed or silenced again"
    )
    one, second = downtime(), Report(alertmanager="second")
    assert silencing_of(one, START, [MAIN], [expired]) == by_hand
    assert silencing_of(one, START, [MAIN, second], [expired]) == f"silenced by second; {by_hand}"
    two = downtime(matcher_sets=(on(host="n1"), on(host="n2")))
    assert silencing_of(two, START, [MAIN], [expired]) == f"silenced by main; {by_hand}"
    assert silencing_of(downtime(revision=2), START, [MAIN], [expired]) == "silenced by main"
    assert silencing_of(one, END, [MAIN], [expired]) == "it is over: it silences nothing"
    assert silencing_of(one, START, [MAIN], [record(Standing.WRITTEN)]) == "silenced by main"
    past = downtime(created_at=END)
    assert silencing_of(past, END, [AWAY], []) == "it is over already: it silences nothing"


def test_an_entry_that_keeps_the_silences_for_another_is_not_said_to_silence_what_a_person_expired() -> None:
    second = Report(alertmanager="second", recorded_as="main")
    (expired,) = (
        SilenceRecord(
            alertmanager="main", downtime_id="d1", matchers=written(one), silence_id="s1",
            standing=Standing.OVERRIDDEN, starts_at=START, ends_at=END, revision=1, changed_at=START,
        )
        for one in downtime().matcher_sets
    )  # fmt: skip
    said = silencing_of(downtime(), START, [second], [expired])
    assert said.startswith("a person expired silence s1 in main, and no other is written")
    assert silencing_of(downtime(), START, [second], []) == "silenced by second"
