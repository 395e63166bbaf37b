"""The plan: which of several silences of one key stays, and what is kept of it."""

import pytest
from msgspec.structs import replace

from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.silence import set_hash
from support.fake_alertmanager import NOW, FakeAlertmanager, downtime, on
from support.planned import HOUR_S, expired, has, planned, record, writes


def test_what_lasts_a_few_seconds_more_is_written() -> None:
    assert len(writes(planned(FakeAlertmanager(), [downtime(end=int(NOW) + 5)]))) == 1


def test_a_pending_one_that_is_moved_to_a_few_seconds_ahead_is_updated_in_place() -> None:
    am, one = FakeAlertmanager(), downtime(start=int(NOW) + HOUR_S, end=int(NOW) + 2 * HOUR_S)
    silence_id = has(am, one)
    moved = replace(one, start=int(NOW) + 5, revision=2)
    assert [one.id for one in writes(planned(am, [moved], [record(one, silence_id)]))] == [silence_id]
    too_soon = replace(one, start=int(NOW) + 1, revision=2)
    assert [one.id for one in writes(planned(am, [too_soon], [record(one, silence_id)]))] == [""]


def test_another_title_of_one_whose_record_was_lost_is_written() -> None:
    am, one = FakeAlertmanager(), downtime()
    silence_id = has(am, one, comment=f"Before [stratoscope-downtime d1 {set_hash(one.matcher_sets[0])}]")
    (silence,) = writes(planned(am, [one]))
    assert (silence.id, silence.comment[:10]) == (silence_id, "New switch")


def test_an_update_repeats_alertmanagers_own_order_of_matchers() -> None:
    am, one = FakeAlertmanager(), downtime(matcher_sets=(on(host="n1", service="nova"),))
    silence_id = has(am, one, matchers=one.matcher_sets[0][::-1])
    moved = replace(one, end=one.end + 60, revision=2)
    (silence,) = writes(planned(am, [moved], [record(one, silence_id)]))
    assert silence.matchers == one.matcher_sets[0][::-1]
    assert am.put(silence) == silence_id


def test_of_two_of_which_none_fits_the_one_that_can_be_updated_stays() -> None:
    am, one = FakeAlertmanager(), downtime(end=int(NOW) + 3 * HOUR_S)
    active = has(am, one)
    moved = replace(one, start=int(NOW) + HOUR_S, revision=2)
    pending = has(am, moved, ends_at=moved.end - 60)
    found = planned(am, [moved], [record(one, active)])
    assert ([silence.id for silence in writes(found)], expired(found)) == ([pending], [active])


@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_that_fit_the_one_of_the_record_stays(is_first: bool) -> None:
    am, one = FakeAlertmanager(), downtime()
    ids = sorted([has(am, one), has(am, one)], reverse=is_first)
    assert expired(planned(am, [one], [record(one, ids[0])])) == [ids[1]]


def test_of_two_without_a_record_the_newer_stays_and_of_equally_old_ones_always_the_same() -> None:
    am, one = FakeAlertmanager(), downtime()
    low, high = sorted([has(am, one), has(am, one)])
    for order in ([low, high], [high, low]):
        am.by_id = {name: am.by_id[name] for name in order}
        assert expired(planned(am, [one])) == [low]
    am.by_id[low] = replace(am.by_id[low], updated_at=NOW + 1)
    assert expired(planned(am, [one])) == [high]


def test_what_is_about_to_end_and_would_not_last_longer_is_left_to_its_end() -> None:
    am, one = FakeAlertmanager(), downtime(start=int(NOW) - HOUR_S, end=int(NOW) + 1)
    silence_id = has(am, one)
    assert planned(am, [one], [record(one, silence_id)]).steps == ()


@pytest.mark.parametrize("standing", [Standing.WRITTEN, Standing.EXPIRING], ids=str)
def test_a_record_is_not_forgotten_while_its_silence_is_live(standing: Standing) -> None:
    am, one = FakeAlertmanager(ahead_s=-300), downtime(start=int(NOW) - HOUR_S, end=int(NOW))
    known: SilenceRecord = record(one, has(am, one), standing)
    found = planned(am, [], [known])
    assert (found.forgotten, found.steps) == ((), ())
