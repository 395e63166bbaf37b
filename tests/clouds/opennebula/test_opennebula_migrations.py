"""Migrations of OpenNebula: by the history of VMs, of which a part was recorded (LIVE)."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.migrations import Ended, Migration, Migrations, Outcome
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.migrations import AT_ONCE, MOST
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import LeftOut, LeftOutError
from support.opennebula import NOW, PLAIN, asked, cloud_of
from support.patience import FAR_S
from support.replayed_oned import Oned, refused, replayed

LIVE: Final = (
    "<HISTORY><OID>56</OID><SEQ>0</SEQ><HOSTNAME>dummy-a1</HOSTNAME><HID>0</HID><CID>100</CID>"
    "<STIME>1795304573</STIME><ETIME>1795304574</ETIME><VM_MAD><![CDATA[dummy]]></VM_MAD>"
    "<TM_MAD><![CDATA[dummy]]></TM_MAD><DS_ID>100</DS_ID><PLAN_ID>-2</PLAN_ID><ACTION_ID>-1</ACTION_ID>"
    "<PSTIME>1795304573</PSTIME><PETIME>1795304573</PETIME><RSTIME>1795304573</RSTIME>"
    "<RETIME>1795304574</RETIME><ESTIME>0</ESTIME><EETIME>0</EETIME><ACTION>2</ACTION><UID>0</UID>"
    "<GID>0</GID><REQUEST_ID>358</REQUEST_ID></HISTORY><HISTORY><OID>56</OID><SEQ>1</SEQ>"
    "<HOSTNAME>dummy-a2</HOSTNAME><HID>1</HID><CID>100</CID><STIME>1795304574</STIME><ETIME>0</ETIME>"
    "<VM_MAD><![CDATA[dummy]]></VM_MAD><TM_MAD><![CDATA[dummy]]></TM_MAD><DS_ID>100</DS_ID>"
    "<PLAN_ID>-2</PLAN_ID><ACTION_ID>-1</ACTION_ID><PSTIME>0</PSTIME><PETIME>0</PETIME>"
    "<RSTIME>1795304574</RSTIME><RETIME>0</RETIME><ESTIME>0</ESTIME><EETIME>0</EETIME><ACTION>0</ACTION>"
    "<UID>-1</UID><GID>-1</GID><REQUEST_ID>-1</REQUEST_ID></HISTORY>"
)
"""What oned 7.4 told of a VM that was migrated live."""
RUNNING, MOVING, SAVING, FAILED, OFF = (3, 3), (3, 4), (3, 7), (3, 37), (8, 0)
T: Final = int(NOW)


def record(seq: int, host: str, action: int = 0, **moments: int) -> str:
    """One record. Args: moments: `began`, `ended`, `copied`, `ran`, before (below 0) or after NOW."""
    names = {"began": "STIME", "ended": "ETIME", "copied": "PETIME", "ran": "RSTIME"}
    told = "".join(
        f"<{tag}>{T + moments[name] if name in moments else 0}</{tag}>" for name, tag in names.items()
    )
    return f"<HISTORY><SEQ>{seq}</SEQ><HOSTNAME>{host}</HOSTNAME><ACTION>{action}</ACTION>{told}</HISTORY>"


class Zone:
    """VMs with their states and histories; answers of an oned that has them."""

    def __init__(self, oned: Oned, cloud: OpenNebula, now: list[float]) -> None:
        self._oned, self._cloud, self.now = oned, cloud, now
        self._vms: dict[int, tuple[tuple[int, int], str]] = {}
        self.calls = oned.calls

    def put(self, vm_id: int, state: tuple[int, int], *records: str) -> None:
        self._vms[vm_id] = state, "".join(records)

    def drop(self, vm_id: int) -> None:
        del self._vms[vm_id]

    async def read(self) -> Migrations:
        """What is answered two minutes later."""
        self.now[0] += 120
        pool, histories = [], []
        for vm_id, ((state, lcm_state), records) in self._vms.items():
            last = "<HISTORY>" + records.rpartition("<HISTORY>")[2]
            owner = "<UID>0</UID><GID>0</GID><UNAME>oneadmin</UNAME><GNAME>oneadmin</GNAME>"
            head = (
                f"<VM><ID>{vm_id}</ID>{owner}<NAME>vm</NAME><STATE>{state}</STATE><LCM_STATE>{lcm_state}"
                "</LCM_STATE><STIME>1</STIME><TEMPLATE/><HISTORY_RECORDS>"
            )
            pool.append(f"{head}{last}</HISTORY_RECORDS></VM>")
            histories.append(f"{head}{records}</HISTORY_RECORDS></VM>")
        self._oned.answers |= {
            "vmpool.info": f"<VM_POOL>{''.join(pool)}</VM_POOL>",
            "vmpool.infoset": f"<VM_POOL>{''.join(histories)}</VM_POOL>",
        }
        deadline = DEADLINE.set(time.monotonic() + self.now[0] - NOW + FAR_S)
        try:
            found: Migrations = await self._cloud.ask("migrations")
        finally:
            DEADLINE.reset(deadline)
        return found


@asynccontextmanager
async def zone() -> AsyncIterator[Zone]:
    now = [NOW]
    clock = Clock(monotonic=lambda: time.monotonic() + now[0] - NOW, now=lambda: now[0])
    async with replayed() as oned:
        cloud = cloud_of(oned, clock)
        try:
            yield Zone(oned, cloud, now)
        finally:
            await cloud.close()


def counted(answer: Migrations) -> dict[tuple[str, str], int]:
    return {(kind, outcome.value): number for (kind, outcome), number in answer.outcomes.items() if number}


async def test_what_was_recorded_of_a_live_migration_is_one_that_was_completed() -> None:
    async with zone() as its:
        its.put(56, RUNNING, LIVE)
        answer = await its.read()
        end = Ended("live-migrate", Outcome.COMPLETED, "dummy-a1", "dummy-a2", 1795304574.0, 0.0)
        assert answer.ended == (end,)
        assert counted(answer) == {}
        kinds = {kind for kind, _ in answer.outcomes}
        assert kinds == {"migrate", "live-migrate", "poff-migrate", "poff-hard-migrate"}


async def test_one_that_is_under_way_is_shown_until_it_has_come_and_is_counted_once() -> None:
    async with zone() as its:
        first = record(0, "a", 2, began=-900, ran=-890)
        its.put(7, MOVING, first, record(1, "b", began=-30))
        assert (await its.read()).running == (
            Migration("7/1", "7", "live-migrate", "MIGRATE", "a", "b", NOW - 30),
        )
        its.put(7, RUNNING, record(0, "a", 2, began=-900, ended=150), record(1, "b", began=-30, ran=150))
        for _ in range(3):
            answer = await its.read()
            assert (answer.running, counted(answer)) == ((), {("live-migrate", "completed"): 1})
        assert answer.ended == (Ended("live-migrate", Outcome.COMPLETED, "a", "b", NOW + 150, 180.0),)
        assert answer.durations["live-migrate"].seconds == 180


async def test_one_that_is_taken_back_has_failed() -> None:
    async with zone() as its:
        its.put(7, RUNNING, record(0, "a", began=-900))
        await its.read()
        its.put(
            7, RUNNING, record(0, "a", 2, began=-900, ended=190), record(1, "b", began=130, ended=190),
            record(2, "a", began=190, ran=190),
        )  # fmt: skip
        answer = await its.read()
        assert counted(answer) == {("live-migrate", "failed"): 1}
        assert answer.ended == (Ended("live-migrate", Outcome.FAILED, "a", "b", NOW + 190, 60.0),)


async def test_one_that_a_user_sends_back_was_completed_and_so_was_the_way_back() -> None:
    async with zone() as its:
        its.put(7, RUNNING, record(0, "a", began=-900))
        await its.read()
        its.put(
            7, RUNNING, record(0, "a", 1, began=-900, ended=140), record(1, "b", 48, began=130, ran=145),
            record(2, "a", began=150, copied=160),
        )  # fmt: skip
        answer = await its.read()
        assert counted(answer) == {("migrate", "completed"): 1, ("poff-migrate", "completed"): 1}
        assert [(one.source, one.target, one.seconds) for one in answer.ended] == [
            ("a", "b", 15.0),
            ("b", "a", 10.0),
        ]


async def test_one_whose_vm_is_in_a_state_of_failure_has_failed() -> None:
    async with zone() as its:
        both = record(0, "a", 1, began=-900, ended=150), record(1, "b", began=130)
        its.put(7, SAVING, *both)
        (one,) = (await its.read()).running
        assert (one.kind, one.state) == ("migrate", "SAVE_MIGRATE")
        its.put(7, FAILED, *both)
        answer = await its.read()
        assert (answer.running, counted(answer)) == ((), {("migrate", "failed"): 1})
        assert answer.ended[0].ended == its.now[0]  # oned does not tell when


@pytest.mark.parametrize("off", [-86_400, -3 * 3600, 0, 3 * 3600])
async def test_migrations_are_counted_whatever_oneds_clock_says(off: int) -> None:
    def one(seq: int, host: str, action: int = 0, **moments: int) -> str:
        return record(seq, host, action, **{name: moment + off for name, moment in moments.items()})

    async with zone() as its:
        its.put(6, RUNNING, one(0, "a", 2, began=-900, ended=-600), one(1, "b", began=-600, ran=-590))
        its.put(7, RUNNING, one(0, "a", began=-900))
        its.put(8, MOVING, one(0, "a", 2, began=-900), one(1, "b", began=-30))
        assert counted(await its.read()) == {}
        once = one(0, "a", 1, began=-900, ended=140), one(1, "b", began=130, ran=145)
        its.put(7, RUNNING, *once)
        its.put(8, RUNNING, one(0, "a", 2, began=-900, ended=150), one(1, "b", began=-30, ran=150))
        assert counted(await its.read()) == {("migrate", "completed"): 1, ("live-migrate", "completed"): 1}
        again = one(0, "a", 1, began=-900, ended=140), one(1, "b", 1, began=130, ran=145, ended=250)
        its.put(7, FAILED, *again, one(2, "c", began=250))
        for _ in range(2):
            assert counted(await its.read()) == {
                ("migrate", "completed"): 1, ("live-migrate", "completed"): 1, ("migrate", "failed"): 1
            }  # fmt: skip


async def test_hosts_that_a_vm_got_by_another_action_are_no_migration() -> None:
    async with zone() as its:
        its.put(7, RUNNING, record(0, "a", 9, began=-900, ended=-500), record(1, "b", began=-100, ran=-90))
        answer = await its.read()
        assert (answer.running, answer.ended) == ((), ())


async def test_a_vm_that_is_gone_has_no_outcome_and_one_that_comes_into_view_has_no_new_one() -> None:
    async with zone() as its:
        its.put(7, MOVING, record(0, "a", 2, began=-900), record(1, "b", began=-30))
        await its.read()
        its.drop(7)
        its.put(8, RUNNING, record(0, "a", 2, began=-900, ended=-700), record(1, "b", began=-710, ran=-700))
        answer = await its.read()
        assert (answer.running, counted(answer)) == ((), {})
        assert len(answer.ended) == 1


async def test_records_between_which_one_is_missing_are_no_migration() -> None:
    async with zone() as its:
        its.put(7, RUNNING, record(0, "a", 2, began=-900, ended=-700), record(2, "c", began=-100, ran=-90))
        answer = await its.read()
        assert (answer.running, answer.ended) == ((), ())


async def test_an_id_that_was_gone_is_a_vm_that_comes_into_view() -> None:
    first = record(0, "a", 2, began=-900, ended=-700), record(1, "b", 2, began=-710, ran=-700, ended=-600)
    async with zone() as its:
        its.put(7, RUNNING, first[0], record(1, "b", began=-710, ran=-700))
        await its.read()
        its.drop(7)
        await its.read()
        its.put(7, RUNNING, *first, record(2, "c", began=-610, ran=-600))
        assert counted(await its.read()) == {}


async def test_histories_are_read_again_only_where_a_vm_has_moved() -> None:
    async with zone() as its:
        its.put(7, OFF, record(0, "a", 2, began=-900, ended=-700), record(1, "b", began=-710, ran=-700))
        its.put(8, RUNNING, record(0, "a", began=-900))
        for _ in range(3):
            await its.read()
        assert its.calls["vmpool.infoset"] == 1


async def test_histories_of_many_are_read_over_several_refreshes_and_not_taken_for_new() -> None:
    async with zone() as its:
        moved = record(0, "a", 2, began=-900, ended=-700), record(1, "b", began=-710, ran=-700)
        number = MOST * AT_ONCE + 1
        for vm_id in range(number):
            its.put(vm_id, RUNNING, *moved)
        assert len((await its.read()).ended) == number - 1
        answer = await its.read()
        assert (len(answer.ended), counted(answer)) == (number, {})
        assert its.calls["vmpool.infoset"] == MOST + 1


@pytest.mark.parametrize("spoil", [lambda text: text.replace("<STIME>", "<X>").replace("</STIME>", "</X>")])
async def test_a_history_that_makes_no_sense_costs_its_vm_alone(spoil: Callable[[str], str]) -> None:
    async with zone() as its:
        its.put(7, RUNNING, spoil(record(0, "a", 2, began=-9)), record(1, "b", began=-7, ran=-5))
        its.put(8, RUNNING, record(0, "a", 2, began=-9, ended=-5), record(1, "b", began=-7, ran=-5))
        answer = await its.read()
        assert (len(answer.ended), answer.malformed) == (1, 1)


async def test_who_sees_no_vm_is_not_told_that_there_are_no_migrations() -> None:
    empty: dict[str, Any] = PLAIN | {"vmpool.info": "<VM_POOL/>"}
    with pytest.raises(LeftOutError, match="an empty pool"):
        await asked("migrations", empty)


async def test_an_oned_without_the_call_for_histories_leaves_them_out() -> None:
    without = {"vmpool.infoset": refused("unknown_method")}
    with pytest.raises(LeftOutError) as caught:
        await asked("migrations", without)
    assert caught.value.reason is LeftOut.ABSENT
