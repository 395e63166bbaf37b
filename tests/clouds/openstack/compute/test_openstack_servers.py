"""The servers of a cloud over many refreshes: what is asked, and that what is known is what is there."""

import time
from collections.abc import Iterator

import pytest

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.condition import Condition, FaultReason
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.model import VMs
from stratoscope.clouds.openstack.compute.servers import Servers
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, LeftOutError, Reason
from support.fake_api import PROJECT, FakeApi
from support.fake_nova import START, FakeNova, text
from support.openstack_answers import answer
from support.owners import owners
from support.refreshes import after, counted, known, readers_of

DOWN = CollectError(Reason.UNAVAILABLE, "503")
NO_HOST = {"status": "ERROR", "fault": {"message": "No valid host was found. ", "code": 500}}
ALL = {"all_tenants": "1", "limit": "1000"}


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    token = DEADLINE.set(time.monotonic() + 50)
    yield
    DEADLINE.reset(token)


async def test_states_that_matter_are_counted_even_where_nobody_was_ever_in_them() -> None:
    nova, servers = await known("a")
    nova.now += 10
    nova.put("a", status="PAUSED")
    assert (await after(nova, servers)).by_state == {
        "ACTIVE": 0, "BUILD": 0, "ERROR": 0, "SHUTOFF": 0, "PAUSED": 1,
    }  # fmt: skip


async def test_conditions_are_counted_by_zone() -> None:
    nova = FakeNova()
    nova.put("a")
    nova.put("b", status="SHUTOFF")
    nova.put("c", **{"OS-EXT-STS:task_state": "rebooting"})
    nova.put("d", **NO_HOST | {"OS-EXT-STS:task_state": "deleting"})
    answer = await readers_of(nova).read()
    zones = {one.vm_id: one.zone for one in answer.vms.values()}
    assert answer.by_condition == {
        (zones["a"], Condition.RUNNING): 1,
        (zones["b"], Condition.STOPPED): 1,
        (zones["c"], Condition.CHANGING): 1,
        (zones["d"], Condition.ERROR): 1,
    }


async def test_first_refresh_lists_the_servers_of_all_projects() -> None:
    nova = FakeNova()
    nova.put("a")
    nova.put("b", **NO_HOST)
    answered = await readers_of(nova).read()
    assert nova.queries == [ALL]
    assert answered.vms.keys() == {"a", "b"}
    assert answered.by_fault == {FaultReason.NO_VALID_HOST: 1}
    assert (answered.is_whole, answered.malformed) == (True, 0)
    assert (answered.projects, answered.users) == ({"p1": "physics"}, {"u1": "ada"})


async def test_next_refresh_asks_only_for_what_changed() -> None:
    nova, servers = await known("a", "b", "c")
    before = (await after(nova, servers)).vms
    nova.now += 90
    nova.put("a", status="SHUTOFF")
    nova.put("d")
    nova.delete("c")
    answered = await after(nova, servers, 10)
    assert nova.queries == [{**ALL, "changes-since": text(START - 60)}]
    assert {one.vm_id: one.state for one in answered.vms.values()} == {
        "a": "SHUTOFF", "b": "ACTIVE", "d": "ACTIVE",
    }  # fmt: skip
    assert answered.vms["b"] is before["b"]


@pytest.mark.parametrize("status", ["DELETED", "SOFT_DELETED"])
async def test_deleted_server_vanishes_at_once(status: str) -> None:
    nova, servers = await known("a", "b")
    nova.now += 10
    nova.delete("a", status)
    assert (await after(nova, servers)).vms.keys() == {"b"}


async def test_no_servers_are_none_and_what_comes_is_seen() -> None:
    nova, servers = await known()
    nova.now += 30
    nova.put("a")
    assert (await after(nova, servers)).vms.keys() == {"a"}


async def test_changes_are_asked_for_from_before_the_last_one_that_the_cloud_tells_of() -> None:
    nova, servers = await known("a")
    nova.put("a", updated=text(nova.now - 1000))
    await after(nova, servers, 1801)  # lists all
    await after(nova, servers)
    assert nova.queries[0]["changes-since"] == text(START - 60)


@pytest.mark.parametrize(("clock", "since"), [(5000.0, 5000 - 3600 - 60), (-5000.0, -5000 - 60)])
async def test_clock_that_is_off_costs_no_changes(clock: float, since: float) -> None:
    nova = FakeNova()
    nova.put("a")
    servers = Servers(nova, owners(), Clock(monotonic=lambda: nova.now, now=lambda: nova.now + clock))
    await servers.read()
    await after(nova, servers, 0)
    assert nova.queries[0]["changes-since"] == text(START + since)


@pytest.mark.parametrize("ahead", [-86400.0, 86400.0])
async def test_clock_that_is_set_makes_no_whole_list_earlier_or_later(ahead: float) -> None:
    nova, ahead_s = FakeNova(), [0.0]
    nova.put("a")
    servers = Servers(nova, owners(), Clock(monotonic=lambda: nova.now, now=lambda: nova.now + ahead_s[0]))
    await servers.read()
    ahead_s[0] = ahead
    for seconds, is_whole in ((1799, False), (1, True), (1799, False)):
        await after(nova, servers, seconds)
        assert (ALL in nova.queries) is is_whole


async def test_all_are_listed_anew_every_half_hour() -> None:
    nova, servers = await known("a")
    await after(nova, servers, 1799)
    assert "changes-since" in nova.queries[0]
    nova.put("b")
    answered = await after(nova, servers, 1)
    assert nova.queries[1:] == [ALL]
    assert answered.vms.keys() == {"a", "b"}


@pytest.mark.parametrize(
    ("interval", "before"), [(60, 58), (90, 80), (120, 50), (120, 110), (300, 50), (300, 290)]
)
async def test_server_deleted_before_a_whole_list_is_gone_with_it_whatever_else_changed(
    interval: int, before: int
) -> None:
    nova, servers = await known("a", "b", "c")
    for _ in range(1800 // interval - 1):
        await after(nova, servers, interval)
    nova.now += interval - before
    nova.delete("a")
    nova.now += before - 5
    nova.put("c")
    assert counted(await after(nova, servers, 5)) == {"ACTIVE": 2}
    assert ALL in nova.queries


async def test_after_an_hour_without_an_answer_all_are_listed_as_at_the_start() -> None:
    nova, servers = await known("a", "b")
    nova.now += 1800
    nova.delete("a")
    answered = await after(nova, servers, 1801)
    assert (nova.queries, counted(answered)) == ([ALL], {"ACTIVE": 1})


async def test_server_that_vanished_without_a_word_is_unknown_until_the_next_whole_list() -> None:
    nova, servers = await known("a", "b")
    nova.hidden = {"a"}
    answered = await after(nova, servers, 1801)
    changes = sorted({**ALL, "changes-since": ""})
    assert [sorted(query) for query in nova.queries] == [changes, sorted(ALL), changes]
    assert (answered.vms["a"].state, answered.vms["a"].flavor) == ("UNKNOWN", "probe.tiny")
    assert counted(await after(nova, servers)) == {"UNKNOWN": 1, "ACTIVE": 1}
    assert (await after(nova, servers, 1801)).vms.keys() == {"b"}


async def test_server_whose_cell_answers_again_is_known_again() -> None:
    nova, servers = await known("a", "b")
    nova.hidden = {"a"}
    await after(nova, servers, 1801)
    nova.hidden = set()
    assert counted(await after(nova, servers, 1801)) == {"ACTIVE": 2}
    nova.hidden = {"a"}
    assert counted(await after(nova, servers, 1801)) == {"UNKNOWN": 1, "ACTIVE": 1}


async def test_server_deleted_since_the_last_changes_is_gone_with_the_whole_list() -> None:
    nova, servers = await known("a", "b")
    nova.now += 1790
    nova.delete("a")
    assert (await after(nova, servers, 30)).vms.keys() == {"b"}


async def test_build_that_vanished_without_a_word_is_gone_with_the_whole_list() -> None:
    nova, servers = await known("b")
    nova.put("a", status="BUILD")
    await after(nova, servers)
    nova.forget("a")
    assert (await after(nova, servers, 1801)).vms.keys() == {"b"}


async def test_build_of_which_no_list_makes_sense_any_more_does_not_vanish_nor_cost_the_others() -> None:
    nova, servers = await known("a")
    nova.put("b", status="BUILD")
    for _ in range(3):
        nova.now += 100
        nova.put("a")
        await after(nova, servers)
    nova.put("b", id=7, updated=text(START))
    nova.put("a", status="SHUTOFF")
    answered = await after(nova, servers)
    assert {"status": "BUILD", **ALL} in nova.queries
    assert counted(answered) == {"BUILD": 1, "SHUTOFF": 1}


async def test_build_deleted_before_it_came_into_a_cell_is_gone_soon() -> None:
    nova, servers = await known("a")
    nova.put("b", status="BUILD")
    nova.now += 100
    assert (await after(nova, servers)).in_transition["BUILD"][0] == 1
    nova.forget("b")
    assert (await after(nova, servers)).vms.keys() == {"a", "b"}
    assert (await after(nova, servers)).vms.keys() == {"a"}
    assert nova.queries[0] == {**ALL, "status": "BUILD"}


async def test_build_that_does_not_move_stays() -> None:
    nova, servers = await known("a")
    nova.put("b", status="BUILD")
    made = nova.now
    for _ in range(5):
        answered = await after(nova, servers, 100)
    assert answered.in_transition == {"BUILD": (1, made)}
    nova.put("b", status="ACTIVE")
    assert counted(await after(nova, servers)) == {"ACTIVE": 2}
    await after(nova, servers)
    assert len(nova.queries) == 1


async def test_plain_credential_sees_its_own_projects_servers() -> None:
    nova = FakeNova()
    nova.is_admin = False
    nova.put("mine", tenant_id=PROJECT)
    nova.put("other")
    servers = readers_of(nova)
    answered = await servers.read()
    assert nova.queries == [ALL, {"limit": "1000"}]
    assert (answered.vms.keys(), answered.is_whole) == ({"mine"}, False)
    await after(nova, servers)
    assert nova.queries == [{"limit": "1000", "changes-since": text(START - 60)}]


async def test_right_that_is_given_shows_all_at_the_next_whole_list() -> None:
    nova = FakeNova()
    nova.is_admin = False
    nova.put("mine", tenant_id=PROJECT)
    nova.put("other")
    servers = readers_of(nova)
    await servers.read()
    nova.is_admin = True
    assert (await after(nova, servers)).is_whole is False
    answered = await after(nova, servers, 1801)
    assert (answered.vms.keys(), answered.is_whole) == ({"mine", "other"}, True)


async def test_right_that_is_taken_away_shows_nothing_of_others_any_more() -> None:
    nova, servers = await known("a")
    nova.put("mine", tenant_id=PROJECT)
    nova.is_admin = False
    with pytest.raises(LeftOutError):
        await after(nova, servers)
    answered = await after(nova, servers)
    assert (answered.vms.keys(), answered.is_whole) == ({"mine"}, False)
    assert "UNKNOWN" not in counted(answered)


async def test_credential_that_may_not_list_its_own_servers_is_left_out() -> None:
    nova = FakeNova()
    nova.is_admin = False
    nova.fails = {1: ForbiddenError("403")}
    servers = readers_of(nova)
    with pytest.raises(ForbiddenError):
        await servers.read()
    await after(nova, servers)
    assert nova.queries == [ALL, {"limit": "1000"}]


async def test_source_that_is_down_fails_the_refresh_and_costs_nothing_known() -> None:
    nova, servers = await known("a")
    nova.now += 10
    nova.delete("a")
    nova.put("b")
    nova.fails = {0: DOWN}
    with pytest.raises(CollectError, match="503"):
        await after(nova, servers)
    assert (await after(nova, servers, 300)).vms.keys() == {"b"}


async def test_long_list_goes_on_at_the_next_refresh() -> None:
    nova = FakeNova()
    nova.page = 2
    for vm_id in "abcde":
        nova.put(vm_id)
    servers = readers_of(nova)
    DEADLINE.set(time.monotonic())  # there is time for one page
    for so_far in ("2", "4"):
        with pytest.raises(CollectError, match=f"{so_far} servers so far") as caught:
            await after(nova, servers)
        assert caught.value.reason is Reason.BUSY
    assert len((await after(nova, servers)).vms) == 5
    assert nova.queries == [{**ALL, "marker": "d"}]


async def test_while_a_long_list_goes_on_changes_are_seen() -> None:
    nova, servers = await known("a", "b", "c", "e")
    nova.page = 2
    DEADLINE.set(time.monotonic())
    nova.hidden = {"c"}
    nova.now += 1801
    nova.put("a", status="SHUTOFF")
    assert counted(await after(nova, servers, 0)) == {"SHUTOFF": 1, "ACTIVE": 3}
    nova.put("d")
    nova.delete("b")
    answered = await after(nova, servers)
    assert {one.vm_id: one.state for one in answered.vms.values()} == {
        "a": "SHUTOFF", "c": "UNKNOWN", "e": "ACTIVE", "d": "ACTIVE",
    }  # fmt: skip


async def test_long_list_goes_on_though_all_servers_of_its_last_page_are_gone() -> None:
    nova = FakeNova()
    nova.page = 1
    for vm_id in "abc":
        nova.put(vm_id)
    servers = readers_of(nova)
    DEADLINE.set(time.monotonic())
    with pytest.raises(CollectError, match="1 servers so far"):
        await servers.read()
    nova.forget("a")
    for _ in range(3):
        with pytest.raises(CollectError, match="marker"):
            await after(nova, servers)
    for _ in "bc":
        DEADLINE.set(time.monotonic() + 50)
    assert (await after(nova, servers)).vms.keys() == {"a", "b", "c"}


async def test_list_whose_next_page_cannot_be_read_begins_anew() -> None:
    nova = FakeNova()
    nova.page = 1
    for vm_id in "abc":
        nova.put(vm_id)
    servers = readers_of(nova)
    for fails in ({1: DOWN}, {0: DOWN}, {0: DOWN}):
        nova.fails = fails
        with pytest.raises(CollectError):
            await after(nova, servers)
    assert len((await after(nova, servers)).vms) == 3
    assert "marker" not in nova.queries[0]


async def test_list_that_ran_out_of_time_is_not_given_up() -> None:
    nova = FakeNova()
    nova.page = 1
    for vm_id in "ab":
        nova.put(vm_id)
    servers = readers_of(nova)
    for fails in ({1: CollectError(Reason.TIMEOUT, "late")}, *[{0: CollectError(Reason.BUSY, "429")}] * 5):
        nova.fails = fails
        with pytest.raises(CollectError):
            await after(nova, servers)
    assert len((await after(nova, servers)).vms) == 2
    assert "marker" in nova.queries[0]


async def test_server_of_a_cell_that_does_not_answer_keeps_what_was_known() -> None:
    nova, servers = await known("a")
    nova.put("a", status="UNKNOWN", updated=None, flavor=None, name="", user_id="")
    answered = await after(nova, servers, 1801)
    assert (answered.vms["a"].state, answered.vms["a"].flavor) == ("UNKNOWN", "probe.tiny")


async def test_server_that_makes_no_sense_is_counted_and_costs_itself_alone() -> None:
    nova, servers = await known("a", "b")
    nova.now += 10
    nova.put("a", tenant_id="x" * 10_000_000)
    nova.put("b", status="SHUTOFF")
    answered = await after(nova, servers)
    assert (answered.malformed, counted(answered)) == (1, {"ACTIVE": 1, "SHUTOFF": 1})
    answered = await after(nova, servers, 1801)
    assert (answered.malformed, answered.vms["a"].state) == (2, "UNKNOWN")  # in both lists
    assert (await after(nova, servers, 1801)).vms.keys() == {"b"}


async def test_server_that_loses_its_flavor_is_counted_and_keeps_what_was_known() -> None:
    nova, servers = await known("a", "b")
    nova.now += 10
    nova.put("a", flavor=None, status="SHUTOFF")
    answered = await after(nova, servers)
    assert (answered.malformed, counted(answered), answered.by_flavor) == (
        1,
        {"ACTIVE": 2},
        {"probe.tiny": 2},
    )
    nova.delete("a")
    assert (await after(nova, servers)).vms.keys() == {"b"}


async def test_recorded_servers_are_understood_one_and_all() -> None:
    api = FakeApi({("compute", "/servers/detail"): answer("servers")})
    api.answers["compute", "/servers/acd28af1-17ff-4430-98f0-f7b30ad0008f"] = answer("server_nowhere")
    servers = Servers(api, owners(), Clock(monotonic=lambda: 7.0, now=lambda: 1795422700.0))
    answered = await servers.read()
    assert answered.malformed == 0
    assert counted(answered) == {"BUILD": 1, "ERROR": 2, "ACTIVE": 2, "VERIFY_RESIZE": 1}
    assert answered.by_fault == {FaultReason.NO_VALID_HOST: 1, FaultReason.HYPERVISOR: 1}
    api.answers["compute", "/servers/detail"] = answer("servers_changed")
    assert (await servers.read()).vms.keys() == answered.vms.keys()
    assert [call.operation for call in api.calls] == ["servers", "server", "servers"]
    assert {call.version for call in api.calls} == {"2.96"}


def test_question_says_what_it_costs() -> None:
    (question,) = Servers.questions()
    assert (question.name, question.answer, question.every.interval_s) == ("servers", VMs, 60)
    assert "1,000 servers that changed" in question.cost
