"""The plan: which silences are written, updated, replaced and expired, and which are left alone."""

import pytest
from msgspec.structs import replace

from stratoscope.clouds.client.clock import Clock
from stratoscope.downtime.model import Action, Downtime
from stratoscope.downtime.silences.plan import AHEAD_S, LEAST_S, Plan, plan
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.silence import Written, comment, set_hash
from support.fake_alertmanager import NOW, FakeAlertmanager, downtime, on
from support.planned import HOUR_S, expired, has, planned, record, writes


def test_each_matcher_set_of_a_downtime_has_its_silence() -> None:
    one = downtime(matcher_sets=(on(host="n1"), on(host="n2", service="nova")))
    found = planned(FakeAlertmanager(), [one])
    assert [silence.matchers for silence in writes(found)] == [*one.matcher_sets]
    assert writes(found)[0] == Written(
        starts_at=one.start, ends_at=one.end, matchers=one.matcher_sets[0],
        comment=f"New switch (alice) [stratoscope-downtime d1 {set_hash(one.matcher_sets[0])}]",
    )  # fmt: skip
    assert {write.record.standing for step in found.steps for write in step.writes} == {Standing.WRITING}
    assert (found.wanted, found.present) == (2, 0)


@pytest.mark.parametrize(
    "one",
    [
        downtime(silences=False),
        downtime(cancelled_at=int(NOW)),
        downtime(start=int(NOW) - HOUR_S, end=int(NOW)),
        downtime(end=int(NOW + LEAST_S)),
        downtime(start=int(NOW + AHEAD_S) + 1, end=int(NOW + AHEAD_S) + HOUR_S),
    ],
)
def test_nothing_is_written_for_what_is_not_to_be_silenced_now(one: Downtime) -> None:
    assert planned(FakeAlertmanager(), [one]) == Plan()


def test_what_starts_first_is_written_first() -> None:
    late, soon = downtime("late", start=int(NOW) + 60), downtime("soon", start=int(NOW))
    found = planned(FakeAlertmanager(), [late, soon])
    assert [step.downtime_id for step in found.steps] == ["soon", "late"]


def test_a_silence_that_is_there_is_learned_and_then_nothing_is_to_be_done() -> None:
    am, one = FakeAlertmanager(), downtime()
    silence_id = has(am, one)
    found = planned(am, [one])
    assert found == Plan(learned=(record(one, silence_id),), wanted=1, present=1)
    assert planned(am, [one], found.learned) == Plan(wanted=1, present=1)


@pytest.mark.parametrize("seconds", [-1800, 1800])
@pytest.mark.parametrize("start", [int(NOW) - HOUR_S, int(NOW) + HOUR_S])
def test_another_end_is_an_update_in_place(start: int, seconds: int) -> None:
    am, one = FakeAlertmanager(), downtime(start=start, end=int(NOW) + 3 * HOUR_S)
    silence_id = has(am, one)
    moved = replace(one, end=one.end + seconds, revision=2)
    (silence,) = writes(found := planned(am, [moved], [record(one, silence_id)]))
    assert (am.put(silence), expired(found)) == (silence_id, [])
    assert planned(am, [moved], [record(moved, silence_id)]) == Plan(wanted=1, present=1)


def test_a_pending_one_that_is_moved_to_another_future_moment_is_updated_in_place() -> None:
    am, one = FakeAlertmanager(), downtime(start=int(NOW) + HOUR_S, end=int(NOW) + 2 * HOUR_S)
    silence_id = has(am, one)
    moved = replace(one, start=one.start + 60, revision=2)
    (silence,) = writes(planned(am, [moved], [record(one, silence_id)]))
    assert am.put(silence) == silence_id


@pytest.mark.parametrize(
    ("before_s", "after_s"), [(-HOUR_S, HOUR_S), (HOUR_S, -60)], ids=["into the future", "into the past"]
)
def test_a_move_across_now_creates_and_then_expires(before_s: int, after_s: int) -> None:
    am = FakeAlertmanager()
    one = downtime(start=int(NOW) + before_s, end=int(NOW) + 2 * HOUR_S)
    silence_id = has(am, one)
    moved = replace(one, start=int(NOW) + after_s, revision=2)
    found = planned(am, [moved], [record(one, silence_id)])
    assert [silence.id for silence in writes(found)] == [""]
    assert expired(found) == [silence_id]
    assert found.steps[0].writes[0].record.silence_id == silence_id


def test_another_title_is_written_once_the_downtime_says_that_it_changed() -> None:
    am, one = FakeAlertmanager(), downtime()
    silence_id = has(am, one, comment=f"By hand [stratoscope-downtime d1 {set_hash(one.matcher_sets[0])}]")
    assert planned(am, [one], [record(one, silence_id)]).steps == ()
    (silence,) = writes(planned(am, [replace(one, revision=2)], [record(one, silence_id)]))
    assert (silence.id, silence.comment[:10]) == (silence_id, "New switch")


def test_a_new_matcher_set_is_created_before_the_old_one_is_expired() -> None:
    am, one = FakeAlertmanager(), downtime()
    silence_id = has(am, one)
    changed = replace(one, matcher_sets=(on(host="n2"),), revision=2)
    (step,) = planned(am, [changed], [record(one, silence_id)]).steps
    assert [write.silence.matchers for write in step.writes] == [on(host="n2")]
    assert [(one.silence_id, one.record and one.record.standing) for one in step.expiries] == [
        (silence_id, Standing.EXPIRING)
    ]


@pytest.mark.parametrize("is_recorded", [True, False])
def test_the_silence_of_a_cancelled_downtime_is_expired_and_its_record_forgotten(is_recorded: bool) -> None:
    am, one = FakeAlertmanager(), downtime()
    silence_id = has(am, one)
    records = [record(one, silence_id)] if is_recorded else []
    found = planned(am, [], records)
    assert expired(found) == [silence_id]
    am.end(silence_id)
    expiring = found.steps[0].expiries[0].record
    assert expiring is not None
    assert planned(am, [], [expiring]) == Plan(forgotten=(expiring,))


def test_a_downtime_that_ended_is_left_to_its_end() -> None:
    am, one = FakeAlertmanager(ahead_s=-300), downtime(start=int(NOW) - HOUR_S, end=int(NOW))
    has(am, one)
    assert planned(am, []).steps == ()
    assert planned(am, [one]).steps == ()


def test_what_was_shortened_until_it_is_over_is_expired() -> None:
    am, one = FakeAlertmanager(), downtime(start=int(NOW) - HOUR_S)
    silence_id = has(am, one)
    assert expired(planned(am, [replace(one, end=int(NOW) + 1)], [record(one, silence_id)])) == [silence_id]
    assert planned(am, [], [record(one, silence_id)]).steps[0].downtime_id == one.id


def test_of_two_for_one_key_the_better_one_stays() -> None:
    am, one = FakeAlertmanager(), downtime()
    good = has(am, one)
    worse = has(am, one, ends_at=one.end - 60)
    found = planned(am, [one], [record(one, worse)])
    assert (expired(found), found.learned) == ([worse], (record(one, good),))


def test_one_that_a_person_expired_is_an_override_until_the_downtime_is_changed() -> None:
    am, one = FakeAlertmanager(), downtime()
    silence_id = has(am, one)
    am.end(silence_id)
    found = planned(am, [one], [record(one, silence_id)])
    overridden = record(one, silence_id, Standing.OVERRIDDEN)
    (seen,) = found.by_hand
    assert found == Plan(by_hand=(seen,), overridden=1)
    assert (seen.record, seen.action) == (overridden, Action.OVERRIDDEN)
    assert seen.fields == {"silence": (silence_id, None), "matchers": ('{host="n1"}', None)}
    assert planned(am, [one], [overridden]) == Plan(overridden=1)
    assert len(writes(planned(am, [replace(one, revision=2)], [overridden]))) == 1


def test_an_overridden_one_that_a_crash_brought_back_is_expired() -> None:
    am, one = FakeAlertmanager(), downtime()
    silence_id = has(am, one)
    found = planned(am, [one], [record(one, silence_id, Standing.OVERRIDDEN)])
    assert (expired(found), writes(found)) == ([silence_id], [])


@pytest.mark.parametrize("standing", [Standing.WRITING, Standing.EXPIRING, Standing.WRITTEN], ids=str)
def test_one_that_was_lost_is_written_again(standing: Standing) -> None:
    one = downtime()
    assert len(writes(planned(FakeAlertmanager(), [one], [record(one, "gone", standing)]))) == 1


def test_one_that_we_expired_ourselves_is_no_override() -> None:
    am, one = FakeAlertmanager(), downtime()
    silence_id = has(am, one)
    am.end(silence_id)
    assert len(writes(planned(am, [one], [record(one, silence_id, Standing.EXPIRING)]))) == 1


def test_one_that_came_to_its_earlier_end_by_a_crash_is_written_again() -> None:
    am, one = FakeAlertmanager(), downtime()
    silence_id = has(am, one)
    am.by_id[silence_id] = replace(am.by_id[silence_id], ends_at=NOW - 60, updated_at=NOW - HOUR_S)
    assert len(writes(planned(am, [one], [record(one, silence_id)]))) == 1


def test_foreign_silences_are_never_touched() -> None:
    am, one = FakeAlertmanager(), downtime()
    own = comment(one, one.matcher_sets[0], "")
    for words, by, matchers in [
        (own, "bob", on(host="n1")),
        ("no key", "stratoscope-downtime", on(host="n1")),
        (own, "stratoscope-downtime", on(host="n3")),
    ]:
        am.put(Written(starts_at=NOW, ends_at=NOW + 60, matchers=matchers, comment=words), by)
    assert planned(am, []) == Plan()


@pytest.mark.parametrize("state_s", [-60, 60], ids=["active", "pending"])
def test_silences_of_downtimes_that_are_not_stored_are_another_installations(state_s: int) -> None:
    am, one = FakeAlertmanager(), downtime("theirs", start=int(NOW) + state_s)
    has(am, one)
    assert planned(am, []) == Plan(unknown=1)
    assert planned(am, [downtime(silences=False)], [record(downtime(), "x")]).unknown == 1


def test_a_record_tells_whose_a_silence_is() -> None:
    am, one = FakeAlertmanager(), downtime(matcher_sets=(on(host="n1"), on(host="n2")))
    silence_id = has(am, one)
    of_another_set = record(replace(one, matcher_sets=(on(host="n2"),)), "x")
    found = planned(am, [], [of_another_set], known=())
    assert (expired(found), found.unknown) == ([silence_id], 0)


def test_a_retry_of_the_same_write_changes_no_record() -> None:
    one = downtime()
    first = planned(FakeAlertmanager(), [one]).steps[0].writes[0].record
    again = planned(FakeAlertmanager(), [one], [first], NOW + 30).steps[0].writes[0].record
    assert again == first


@pytest.mark.parametrize("ahead_s", [-300, 300])
def test_a_shifted_clock_makes_no_loop(ahead_s: float) -> None:
    """Every 10 s, from before the start until after the end by both clocks."""
    moment = NOW - 400.0
    am = FakeAlertmanager(clock=Clock(now=lambda: moment), ahead_s=ahead_s)
    one = downtime(start=int(NOW), end=int(NOW) + 900)
    records: dict[str, SilenceRecord] = {}
    count = 0
    while moment < NOW + 1500:
        found = plan("am", [one] if moment < one.end else [], am.listed(), [*records.values()], moment)
        assert found.by_hand == ()
        for step in found.steps:
            for write in step.writes:
                count += 1
                silence_id = am.put(write.silence)
                records["d1"] = replace(write.record, standing=Standing.WRITTEN, silence_id=silence_id)
            for expiry in step.expiries:
                am.end(expiry.silence_id)
        assert len(am.live()) <= 1
        moment += 10
    assert count <= 2


def test_what_has_started_here_is_active_there_at_once() -> None:
    am, one = FakeAlertmanager(ahead_s=-300), downtime()
    (silence,) = writes(planned(am, [one]))
    am.put(silence)
    assert am.live()[0].state == "active"


@pytest.mark.parametrize(("in_s", "count"), [(LEAST_S - 0.1, 0), (LEAST_S + 0.1, 1)])
def test_what_becomes_active_there_in_a_moment_is_not_written_again(in_s: float, count: int) -> None:
    am, one = FakeAlertmanager(ahead_s=-300), downtime()
    silence_id = has(am, one, starts_at=am.listed().now + in_s)
    assert am.live()[0].state == "pending"
    assert len(writes(planned(am, [one], [record(one, silence_id)]))) == count


@pytest.mark.parametrize(("ahead_s", "starts_s"), [(-5, 0), (-30, -30)], ids=["a little", "by more"])
def test_an_alertmanager_whose_clock_is_behind_by_more_than_a_little_starts_it_at_once(
    ahead_s: float, starts_s: float
) -> None:
    am, one = FakeAlertmanager(ahead_s=ahead_s), downtime()
    (silence,) = writes(planned(am, [one]))
    assert silence.starts_at == NOW + starts_s
    am.put(silence)
    assert planned(am, [one]).steps == ()
