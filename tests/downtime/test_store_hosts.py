"""Hosts of which a script says that they are off, and windows of a key, in each kind of database."""

import datetime as dt

import pytest
from msgspec.structs import replace

from stratoscope.downtime.database.errors import EndedByHandError, IdempotencyError, OverCapError
from stratoscope.downtime.database.store import Store
from stratoscope.downtime.draft import Checked
from stratoscope.downtime.hosts_off.described import host_downtime
from stratoscope.downtime.matchers import Matcher, matcher_set
from stratoscope.downtime.model import DAY_S, REARM_S, Action, Downtime, Rearm
from stratoscope.downtime.windows.recurrence import Recurrence
from stratoscope.downtime.windows.window import Template
from support.stores import HOUR, NOW

CAP_S = 7 * DAY_S
RULE = Recurrence(
    rrule="FREQ=WEEKLY", zone="Europe/Berlin", first=dt.datetime.fromisoformat("2026-12-01T22:00:00"),
    duration_s=HOUR,
)  # fmt: skip
WORDS = Template(title="backup", matcher_sets=(matcher_set([Matcher("host", "n1")]),), silences=True)


def asked(now: int, *, is_until_back: bool = True) -> Checked:
    return host_downtime("uni", "n1", "", now, cap_s=CAP_S)._replace(until_further_notice=is_until_back)


async def off(store: Store, now: int, *, is_until_back: bool = True) -> Downtime:
    wanted = asked(now, is_until_back=is_until_back)
    return await store.hosts.off("uni", "n1", wanted, who="ipmi", now=now, cap_s=CAP_S)


async def test_a_host_is_off_from_its_first_call_until_it_is_back(store: Store) -> None:
    one = await off(store, NOW)
    assert (one.start, one.end, one.source, one.author) == (NOW, NOW + REARM_S, "script:uni", "ipmi")
    assert await off(store, NOW + HOUR) == one
    ended = await store.hosts.back("uni", "n1", who="ipmi", now=NOW + 2 * HOUR)
    assert ended is not None
    assert (ended.id, ended.end, ended.until_further_notice) == (one.id, NOW + 2 * HOUR, False)
    assert await store.hosts.back("uni", "n1", who="ipmi", now=NOW + 3 * HOUR) is None
    assert await store.hosts.back("far", "n1", who="ipmi", now=NOW) is None


async def test_of_one_second_the_downtime_that_is_not_cancelled_counts(store: Store) -> None:
    first = await off(store, NOW)
    await store.hosts.back("uni", "n1", who="ipmi", now=NOW)
    second = await off(store, NOW)
    assert second.id != first.id
    assert await off(store, NOW) == second


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_what_a_person_ended_stays_so_until_the_host_was_back(store: Store, is_cancelled: bool) -> None:
    one = await off(store, NOW)
    end = store.cancel if is_cancelled else store.end_now
    gone = await end(one.id, who="alice", now=NOW + HOUR)
    for later in (HOUR, HOUR + 60, 30 * DAY_S):
        with pytest.raises(
            EndedByHandError, match="alice has ended that n1 is off; allowed: once it was said"
        ):
            await off(store, NOW + later)
    assert await store.get(one.id) == gone
    for _ in range(2):
        assert await store.hosts.back("uni", "n1", who="ipmi", now=NOW + 31 * DAY_S) is None
    said = [(entry.action, entry.who) for entry in await store.history(one.id)]
    assert said[2:] == [(Action.BACK, "ipmi")]
    again = await off(store, NOW + 31 * DAY_S + 1)
    assert again.id != one.id
    await store.hosts.back("uni", "n1", who="ipmi", now=NOW + 32 * DAY_S)
    assert (await off(store, NOW + 33 * DAY_S)).id != again.id


async def test_what_ended_as_it_was_said_to_is_filed_anew(store: Store) -> None:
    one = await off(store, NOW, is_until_back=False)
    again = await off(store, one.end, is_until_back=False)
    assert again.id != one.id
    other = asked(NOW)._replace(end=again.end - HOUR, until_further_notice=False)
    moved = await store.hosts.off("uni", "n1", other, who="ipmi", now=again.start + 60, cap_s=CAP_S)
    assert (moved.id, moved.end) == (again.id, again.end - HOUR)
    assert (await off(store, moved.end)).id != again.id
    assert await store.hosts.back("uni", "n2", who="ipmi", now=NOW) is None


async def test_the_cap_counts_from_the_first_call(store: Store) -> None:
    one = await off(store, NOW)
    for day in range(1, 7):
        now, one = NOW + day * DAY_S, await store.get(one.id)
        assert await store.rearm([Rearm(one.id, one.end, now + DAY_S)], who="stratoscope", now=now - 1) == 1
    late = await off(store, NOW + 6 * DAY_S + 60, is_until_back=False)
    assert (late.id, late.end) == (one.id, NOW + CAP_S)
    again = await off(store, NOW + CAP_S, is_until_back=False)
    assert again.id != one.id
    await off(store, NOW + CAP_S + HOUR)
    with pytest.raises(OverCapError, match=r"n1 is off for longer than downtime\.hosts_off\.cap, 7 d"):
        await off(store, NOW + 2 * CAP_S)
    assert await store.hosts.back("uni", "n1", who="ipmi", now=NOW + 2 * CAP_S) is None
    assert (await off(store, NOW + 2 * CAP_S)).id != again.id


async def test_a_window_of_a_key_is_filed_once(store: Store) -> None:
    one = await store.windows.file(RULE, WORDS, who="alice", now=NOW, key="k")
    assert await store.windows.file(RULE, WORDS, who="alice", now=NOW + 60, key="k") == one
    assert (await store.windows.file(RULE, WORDS, who="bob", now=NOW, key="k")).id != one.id
    with pytest.raises(IdempotencyError, match="'k' was used for another request"):
        await store.windows.file(RULE, replace(WORDS, title="other"), who="alice", now=NOW, key="k")
    assert len(await store.windows.all()) == 2
