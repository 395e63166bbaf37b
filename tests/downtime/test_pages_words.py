"""What pages say of a downtime, of all downtimes, and of a history."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stratoscope.core.errors import LeftOut
from stratoscope.core.runner import Status
from stratoscope.downtime.model import DAY_S, Action, Change, Severity, State
from stratoscope.downtime.pages.history import Difference, history
from stratoscope.downtime.pages.overview import ON_A_PAGE, Overview, overview, path, troubles
from stratoscope.downtime.pages.shown import Shown
from stratoscope.downtime.pages.timeline import View
from support.fake_downtimes import BAD, HOUR_S, NOW, alertmanagers, changes, downtime, imports

BERLIN = ZoneInfo("Europe/Berlin")


def shown(*on: str, **fields: Any) -> Shown:
    return Shown(downtime(1, *on, **fields), NOW, BERLIN)


@pytest.mark.parametrize(
    ("fields", "kind", "state", "distance"),
    [
        ({}, "failed", State.ACTIVE, "ends in 60 min"),
        ({"severity": Severity.DEGRADED}, "waiting", State.ACTIVE, "ends in 60 min"),
        ({"after": 1}, "waiting", State.UPCOMING, "starts in 1 s"),
        ({"after": -3 * HOUR_S}, "ok", State.ENDED, ""),
        ({"cancelled_at": NOW}, "left_out", State.CANCELLED, ""),
    ],
)
def test_state_has_a_kind_and_says_what_comes_next(
    fields: dict[str, Any], kind: str, state: State, distance: str
) -> None:
    one = shown(**fields)
    assert (one.kind, one.state, one.distance) == (kind, state, distance)


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        ({}, "2026-11-30 00:53:20 to 02:53:20 +01:00"),
        ({"lasts": DAY_S}, "2026-11-30 00:53:20 to 2026-12-01 00:53:20 +01:00"),
        ({"start": 1_774_742_400, "end": 1_774_749_600}, "2026-03-29 01:00 +01:00 to 04:00 +02:00"),
        ({"until_further_notice": True}, "2026-11-30 00:53:20 to 02:53:20 +01:00, until further notice"),
    ],
)
def test_what_start_and_end_share_is_said_once(fields: dict[str, Any], when: str) -> None:
    assert shown(**fields).when == when


def test_words_say_what_a_bar_shows() -> None:
    one = shown("cloud=uni", planned=False, severity=Severity.AT_RISK, title="a\u202eb")
    assert one.words == (
        "a\N{REPLACEMENT CHARACTER}b: active, unplanned at risk, 2026-11-30 00:53:20 to 02:53:20 +01:00"
    )
    assert one.path == "/downtimes/a000000001"


def test_what_is_down_is_named_by_its_scope_or_else_by_its_matchers() -> None:
    one = shown("cloud=uni", "cloud=uni, host=n1", "cloud=uni, host=n1, service=s")
    assert {*one.what} == {
        "cloud uni", "host n1 of uni", '{cloud="uni", host="n1", service="s"}',
    }  # fmt: skip
    assert one.sets[:2] == ['{cloud="uni"}', '{cloud="uni", host="n1"}']


def test_when_is_said_in_two_lines() -> None:
    one = shown(after=0, lasts=26 * HOUR_S)
    assert one.lines == ("2026-11-30 01:53:20", "to 2026-12-01 03:53:20 +01:00")
    assert " ".join(one.lines) == one.when
    noticed = shown(after=0, until_further_notice=True)
    assert noticed.lines == ("2026-11-30 01:53:20 +01:00", "until further notice")


@pytest.mark.parametrize(
    ("active", "upcoming", "summary"),
    [
        (0, 0, "Nothing is down on purpose"),
        (0, 1, "Nothing is down on purpose; 1 upcoming"),
        (1, 0, "1 downtime is active, 0 upcoming"),
        (3, 3, "3 downtimes are active, 3 upcoming"),
    ],
)
def test_summary_counts(active: int, upcoming: int, summary: str) -> None:
    assert overview({State.ACTIVE: active, State.UPCOMING: upcoming}, 1).summary == summary


@pytest.mark.parametrize(
    ("fields", "kind", "summary"),
    [
        ({"taken_over": 1}, "waiting", "Nothing is down on purpose; a person took over 1 silence"),
        (
            {"taken_over": 3, "left": 2},
            "failed",
            "Nothing is down on purpose; 2 silences that a person took over still mute alerts",
        ),
        (
            {"taken_over": 1, "left": 1, "troubles": ["Alertmanager am"]},
            "failed",
            (
                "Trouble with Alertmanager am; nothing is down on purpose;"
                " 1 silence that a person took over still mutes alerts"
            ),
        ),
    ],
)
def test_headline_says_what_a_person_took_over(fields: dict[str, Any], kind: str, summary: str) -> None:
    found = Overview(0, 0, 1, **fields)
    assert (found.kind, found.summary) == (kind, summary)


@pytest.mark.parametrize(
    ("page", "number", "skipped"),
    [
        (2, 2, 50),
        (1, 1, 0),
        (99999, 101, 5000),
    ],
)
def test_page_is_the_nearest_that_there_is(page: int, number: int, skipped: int) -> None:
    found = overview({State.ACTIVE: 9, State.UPCOMING: 5000}, page)
    assert (found.number, found.pages, found.skipped) == (number, 101, skipped)
    assert ON_A_PAGE == 50


def test_address_keeps_what_the_timeline_shows_and_the_page_of_the_list() -> None:
    first = dt.date(2026, 11, 30)
    assert path("list", page=2, view=View.DAY, first=first) == "/?view=day&from=2026-11-30&page=2#list"
    assert path("timeline", page=1, view=View.WEEK) == "/?view=week#timeline"


def test_history_shows_the_newest_first_and_each_value_in_words() -> None:
    overridden, changed, filed = history(changes(), BERLIN)
    assert (overridden.done, overridden.who, overridden.differences) == ("overridden", "eve", [])
    assert changed.differences == [
        Difference("end", "2026-11-30 01:53:20 +01:00", "2026-11-30 02:53:20 +01:00"),
        Difference("until further notice", "no", "yes"),
        Difference("text", "", f"line\n{BAD}"),
        Difference("matcher sets", '{host="n1"}', '{cloud="uni", host="n1"}\n{service=~"nova.*"}'),
        Difference("revision", "1", "2"),
        Difference("cancelled at", "2026-11-30 01:53:20 +01:00", ""),
    ]
    assert (filed.done, filed.at) == (Action.FILED, "2026-11-29 01:53:20 +01:00")
    assert filed.differences == [Difference("title", "", "new switch 1")]


def test_what_a_person_did_to_a_silence_is_said_once_where_it_has_not_changed() -> None:
    fields = {"silence": ("s1", "s1"), "author": ("ours", "bob")}
    change = Change(
        downtime_id="a", revision=1, at=NOW, who="alertmanager am", action=Action.TAKEN_OVER, fields=fields
    )
    (entry,) = history([change], BERLIN)
    assert entry.done == "taken over"
    assert entry.differences == [Difference("silence", "", "s1"), Difference("author", "ours", "bob")]


def test_value_of_a_kind_that_nobody_knows_yet_is_shown_as_json() -> None:
    change = Change(
        downtime_id="a",
        revision=1,
        at=NOW,
        who="a",
        action=Action.CHANGED,
        fields={"x": ({"a": 1}, [1, None])},
    )
    ((one,),) = (entry.differences for entry in history([change], dt.UTC))
    assert one == Difference("x", '{"a":1}', "[1,null]")


def test_headline_says_what_does_not_work() -> None:
    clouds = {"uni": Status(), "lab": Status(success=True), "hpc": Status(left_out=LeftOut.UNAUTHORIZED)}
    found = troubles([*alertmanagers()], clouds, [*imports()])
    assert found == ["Alertmanager am-2", "cloud hpc", "import osg:uni"]
    one = Overview(1, 2, 1, troubles=found)
    assert one.kind == "failed"
    assert one.summary == (
        "Trouble with Alertmanager am-2, cloud hpc, import osg:uni; 1 downtime is active, 2 upcoming"
    )
    four = Overview(0, 0, 1, troubles=[*found, "import x"])
    assert four.summary == (
        "Trouble with Alertmanager am-2, cloud hpc, import osg:uni and 1 more; nothing is down on purpose"
    )
    assert [Overview(count, 0, 1).kind for count in (0, 1)] == ["ok", "waiting"]
