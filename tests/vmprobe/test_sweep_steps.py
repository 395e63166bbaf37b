"""The sweep of what optional steps have created."""

import pytest

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.lifecycle import Object, RunReason
from stratoscope.vmprobe.sweep import Leaks
from support.ledgers import TAG, a_mark, a_run, intend
from support.probe_cloud import PORT, SERVER, VOLUME, Thing, as_metadata
from vmprobe.test_sweep import DEADLINE, PAST, Prober, prober  # noqa: F401 - a fixture


async def leave_volume(one: Prober, run_id: str, *, is_marked: bool = True) -> Object:
    """The volume of a run that was killed after it was created."""
    mark = a_mark(run_id, DEADLINE)
    intended = Object(VOLUME, "", mark.name)
    await one.ledger.intend(a_run(run_id), "", intended, DEADLINE, is_vm=False)
    raw = as_metadata(mark) if is_marked else {}
    volume = one.cloud.add(Thing(kind=VOLUME, id=f"volume-{run_id}", name=mark.name, raw=raw))
    await one.ledger.created(run_id, volume)
    return volume


@pytest.mark.asyncio
async def test_a_run_whose_only_object_is_a_volume_is_swept(prober: Prober) -> None:  # noqa: F811 - the fixture
    await leave_volume(prober, "r1")
    assert (await prober.once()).by_kind == {VOLUME: 1}
    await prober.until_clean()
    assert prober.cloud.ids() == []
    assert await prober.open_rows() == []


@pytest.mark.asyncio
async def test_a_volume_is_deleted_after_its_vm_is_gone(prober: Prober) -> None:  # noqa: F811 - the fixture
    await leave_volume(prober, "r1")
    await prober.leave("r1")
    await prober.once()
    assert [one.id for one in prober.cloud.deleted] == ["vm-r1"]
    await prober.until_clean()
    assert [one.id for one in prober.cloud.deleted] == ["vm-r1", "volume-r1"]
    assert prober.cloud.ids() == []


@pytest.mark.asyncio
async def test_an_intended_volume_is_found_by_its_mark_and_else_open_until_its_deadline(
    prober: Prober,  # noqa: F811 - the fixture
) -> None:
    for run_id in ("r1", "r2"):
        wanted = Object(VOLUME, "", f"stratoscope-{run_id}")
        await prober.ledger.intend(a_run(run_id), "", wanted, DEADLINE, is_vm=False)
    raw = as_metadata(a_mark("r1", DEADLINE))
    prober.cloud.add(Thing(kind=VOLUME, id="v1", name="stratoscope-r1", raw=raw))
    await prober.until_clean()
    assert prober.cloud.ids() == []
    assert await prober.open_rows() == [("r2", "")]
    prober.wheel.time_s = PAST
    await prober.once()
    assert await prober.open_rows() == []


@pytest.mark.asyncio
async def test_an_intended_volume_that_is_not_there_is_no_leak_though_its_run_had_a_vm(
    prober: Prober,  # noqa: F811 - the fixture
) -> None:
    await prober.leave("r1")
    wanted = Object(VOLUME, "", "stratoscope-r1")
    await prober.ledger.intend(a_run("r1"), "", wanted, DEADLINE, is_vm=False)
    assert (await prober.once()).by_kind == {"server": 1, "port": 1}
    await prober.until_clean()
    assert prober.wheel.time_s < DEADLINE
    assert await prober.open_rows() == [("r1", "")]
    requests = len(prober.cloud.requests)
    await prober.once()
    assert prober.cloud.requests[requests:] == ["owned"]
    prober.cloud.fails("owned", RunReason.API_UNREACHABLE)
    assert (await prober.once()).by_kind == {VOLUME: 1}


@pytest.mark.asyncio
async def test_a_kind_that_cannot_be_listed_keeps_its_intents_and_no_vm_waits_for_it(
    prober: Prober,  # noqa: F811 - the fixture
) -> None:
    await prober.leave("r1")
    for run_id in ("r1", "r2"):
        wanted = Object(VOLUME, "", f"stratoscope-{run_id}")
        await prober.ledger.intend(a_run(run_id), "", wanted, DEADLINE, is_vm=False)
    prober.cloud.down = {VOLUME}
    prober.wheel.time_s = PAST
    assert (await prober.once()).failures == {"": "api_unreachable: volumes: no answer"}
    prober.wheel.time_s += 60
    leaks = await prober.once()
    assert prober.cloud.ids() == []
    assert leaks.by_kind == {VOLUME: 2}
    assert await prober.open_rows() == [("r1", ""), ("r2", "")]
    prober.cloud.down = set()
    await prober.until_clean()
    assert await prober.open_rows() == []


@pytest.mark.asyncio
async def test_kinds_of_intended_objects_are_looked_for_by_whoever_is_to_find_them(
    prober: Prober,  # noqa: F811 - the fixture
) -> None:
    wanted = Object(VOLUME, "", "stratoscope-r1")
    await prober.ledger.intend(a_run("r1"), "former", wanted, DEADLINE, is_vm=False)
    await leave_volume(prober, "r2")
    await prober.once()
    assert prober.cloud.wanted == {VOLUME}
    lifecycles: dict[str, Lifecycle] = {
        "former": prober.cloud.lifecycle("former"),
        "": prober.cloud.lifecycle(),
    }
    await prober.sweep.once(lifecycles, ())
    assert prober.cloud.wanted == set()


@pytest.mark.asyncio
async def test_what_its_run_deleted_while_it_was_listed_is_no_leak(
    prober: Prober,  # noqa: F811 - the fixture
) -> None:
    vm_id, volume = await prober.leave("r1"), await leave_volume(prober, "r1")
    for one in (Object(SERVER, vm_id), volume):
        await prober.ledger.gone("r1", one)
    prober.cloud.listed = prober.cloud.things.clear
    assert await prober.once() == Leaks(is_known=True)
    assert prober.cloud.deleted == []
    assert await prober.open_rows() == []


@pytest.mark.asyncio
async def test_a_volume_without_its_mark_is_left_alone_and_its_vm_is_deleted(
    prober: Prober,  # noqa: F811 - the fixture
) -> None:
    await leave_volume(prober, "r1", is_marked=False)
    await prober.leave("r1")
    for _ in range(3):
        leaks = await prober.once()
        prober.wheel.time_s += 60
    assert prober.cloud.ids() == ["volume-r1"]
    assert leaks.by_kind == {VOLUME: 1}
    assert leaks.failures == {"": "volume volume-r1 does not carry its mark: it is left alone"}


@pytest.mark.asyncio
async def test_free_ports_are_of_others_when_a_run_has_no_vm(prober: Prober) -> None:  # noqa: F811 - the fixture
    prober.cloud.add(Thing(kind="port", id="a-port"))
    await leave_volume(prober, "r1")
    await prober.until_clean()
    assert prober.cloud.ids() == ["a-port"]


@pytest.mark.asyncio
async def test_a_volume_of_another_tag_is_left_alone(prober: Prober) -> None:  # noqa: F811 - the fixture
    raw = as_metadata(a_mark("r9", 0.0, tag="theirs"))
    prober.cloud.add(Thing(kind=VOLUME, id="theirs", raw=raw))
    await intend(prober.ledger, "r1", DEADLINE)
    prober.wheel.time_s = PAST
    await prober.once()
    assert prober.cloud.ids() == ["theirs"]
    assert TAG == "ours"


@pytest.mark.asyncio
async def test_an_intent_whose_object_was_found_counts_though_no_more_is_known_of_it(
    prober: Prober,  # noqa: F811 - the fixture
) -> None:
    await intend(prober.ledger, "r1", DEADLINE)
    prober.cloud.add_vm("vm-7", a_mark("r1", DEADLINE))
    prober.cloud.fails("left vm-7", RunReason.API_ERROR)
    assert (await prober.once()).by_kind == {SERVER: 1}


@pytest.mark.asyncio
async def test_each_deletion_is_counted_once_and_forgotten_with_its_object(
    prober: Prober,  # noqa: F811 - the fixture
) -> None:
    volume = await leave_volume(prober, "r1")
    prober.cloud.undeletable.add(volume.id)
    failed = []
    for moment in (1000.0, 1030.0, 1090.0):
        prober.wheel.time_s = moment
        if moment == 1030.0:
            prober.cloud.fails("delete", RunReason.API_ERROR)
        failed.append((await prober.once()).failed_deletions.get(VOLUME, 0))
    assert failed == [0, 2, 2]
    prober.cloud.repaired()
    prober.wheel.time_s = 1300.0
    await prober.until_clean()
    assert prober.sweep._deletions == {}


@pytest.mark.asyncio
async def test_volume_of_a_run_is_deleted_after_its_vm(prober: Prober) -> None:  # noqa: F811 - the fixture
    volume = Object("volume", "", "stratoscope-r1")
    await intend(prober.ledger, "r1", DEADLINE)
    await prober.ledger.intend(a_run("r1"), "", volume, DEADLINE, is_vm=False)
    prober.cloud.add_vm("vm-r1", a_mark("r1", DEADLINE))
    prober.cloud.add(
        Thing(kind="volume", id="volume-1", name="stratoscope-r1", raw=as_metadata(a_mark("r1", DEADLINE)))
    )
    await prober.until_clean()
    assert [one.id for one in prober.cloud.deleted] == ["vm-r1", "volume-1"]
    assert await prober.open_rows() == []


@pytest.mark.asyncio
async def test_object_beside_our_vm_with_the_mark_of_another_run_is_left_alone(prober: Prober) -> None:  # noqa: F811 - the fixture
    vm_id = await prober.leave("r1")
    prober.cloud.things[PORT, f"{vm_id}-port"].raw = as_metadata(a_mark("r1", 0.0, tag="theirs"))
    leaks = await prober.once()
    assert leaks.failures == {
        "": "cleanup: port vm-r1-port does not carry the mark of run r1: it is left alone"
    }
    assert prober.cloud.deleted == []


@pytest.mark.asyncio
async def test_a_run_costs_one_look_at_what_is_left_and_an_intent_alone_none(
    prober: Prober,  # noqa: F811 - the fixture
) -> None:
    await prober.leave("r1")
    await leave_volume(prober, "r1")
    await intend(prober.ledger, "r2", DEADLINE)
    prober.wheel.time_s = PAST
    await prober.once()
    assert prober.cloud.requests.count("left") == 1
    assert {run for run, _ in await prober.open_rows()} == {"r1"}


@pytest.mark.asyncio
async def test_cloud_that_does_not_answer_a_deletion_is_asked_no_more_in_that_sweep(
    prober: Prober,  # noqa: F811 - the fixture
) -> None:
    for run_id in ("r1", "r2"):
        await prober.leave(run_id)
    prober.cloud.fails("delete vm-r1", RunReason.API_UNREACHABLE)
    assert (await prober.once()).failed_deletions == {SERVER: 1}
    assert prober.cloud.deleted == []
    await prober.once()
    assert [one.id for one in prober.cloud.deleted] == ["vm-r2"], "r1 waits for its turn"
