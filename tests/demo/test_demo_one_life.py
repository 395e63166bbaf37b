"""VMs of the embedded OpenNebula live as oned's do, and what is theirs comes and goes with them."""

from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element, fromstring

import pytest

from demo.worlds import assert_consistent, live
from stratoscope.demo.opennebula import states
from stratoscope.demo.opennebula.app import OpenNebula
from stratoscope.demo.opennebula.seed import Size, build
from stratoscope.demo.world.operations import Operations
from support.demo_cloud import DemoClock
from support.demo_one import ADMIN, DemoOne, demo_one_in_thread

BEGAN = 1_790_000_000.0


@pytest.fixture
def one() -> Iterator[DemoOne]:
    with demo_one_in_thread(now=BEGAN) as found:
        yield found


def shown(one: DemoOne, method: str, *args: object, session: str = ADMIN) -> Element:
    done, text, _ = one.ask(method, *args, session=session)[:3]
    assert done, text
    return fromstring(text)  # noqa: S314 - of our own cloud


def created(one: DemoOne, text: str = "", *, is_held: bool = False, session: str = ADMIN) -> int:
    done, number, _ = one.ask("template.instantiate", 0, "mine", is_held, text, False, session=session)[:3]
    assert done, number
    return int(number)


def state(one: DemoOne, number: int) -> tuple[int, int]:
    vm = shown(one, "vm.info", number)
    return int(vm.findtext("STATE", "")), int(vm.findtext("LCM_STATE", ""))


def passes(one: DemoOne, number: int, seconds: float) -> list[tuple[int, int]]:
    """The states of a VM meanwhile, each once."""
    seen: dict[tuple[int, int], None] = {}
    for _ in range(int(seconds / 0.25)):
        one.after(0.25)
        seen[state(one, number)] = None
    return list(seen)


def do(one: DemoOne, action: str, number: int) -> None:
    assert one.ask("vm.action", action, number) == [True, number, 0]


def test_vm_is_pending_then_copied_then_booted_then_running(one: DemoOne) -> None:
    assert passes(one, created(one), 14.0) == [(1, 0), (3, 1), (3, 2), (3, 3)]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("poweroff", [(3, 18), (8, 0)]),
        ("poweroff-hard", [(3, 18), (8, 0)]),
        ("terminate", [(3, 12), (6, 0)]),
    ],
)
def test_action_takes_a_running_vm_to_its_state_and_resume_back(
    one: DemoOne, action: str, expected: list[tuple[int, int]]
) -> None:
    number = created(one)
    one.after(20.0)
    do(one, action, number)
    assert passes(one, number, 5.0) == expected
    if expected[-1][0] == states.POWEROFF:
        do(one, "resume", number)
        assert passes(one, number, 20.0)[-1] == (3, 3)


def test_vm_on_hold_waits_until_it_is_released_or_deployed(one: DemoOne) -> None:
    released, deployed = created(one, is_held=True), created(one, is_held=True)
    assert passes(one, released, 30.0) == [(2, 0)]
    do(one, "release", released)
    assert passes(one, released, 20.0)[-1] == (3, 3)
    host = next(one for one in one.world.hosts.values() if one.daemon.is_enabled)
    assert one.ask("vm.deploy", deployed, host.number - 1, False, -1, "")[0]
    assert passes(one, deployed, 20.0)[-1] == (3, 3)
    assert shown(one, "vm.info", deployed).findtext("HISTORY_RECORDS/HISTORY/HOSTNAME") == host.name


@pytest.mark.parametrize("vm_state", ["suspended", "shelved_offloaded"])
def test_vm_that_was_suspended_or_undeployed_is_resumed(one: DemoOne, vm_state: str) -> None:
    number = created(one)
    one.after(20.0)
    vm = next(vm for vm in one.world.vms if vm.serial == number)
    vm.vm_state = vm_state
    if vm_state == "shelved_offloaded" and vm.host is not None:
        one.world.release(vm.host, vm.id)
        one.world.displace(vm)
    do(one, "resume", number)
    assert passes(one, number, 20.0)[-1] == (3, 3)


def test_administrator_deploys_to_a_host_that_is_disabled(one: DemoOne) -> None:
    disabled = next(host for host in one.world.hosts.values() if not host.daemon.is_enabled)
    waiting = created(one, is_held=True)
    assert one.ask("vm.deploy", waiting, disabled.number - 1)[0]
    one.after(20.0)
    assert state(one, waiting) == (3, 3)
    assert shown(one, "vm.info", waiting).findtext("HISTORY_RECORDS/HISTORY/HOSTNAME") == disabled.name


def test_owner_acts_on_its_vms_and_neither_deploys_nor_recovers_them(one: DemoOne) -> None:
    user = "user1:demo"
    number, other = created(one, is_held=True, session=user), created(one, is_held=True)
    account = next(one for one in one.cloud.directory.accounts.values() if one.name == "user1")
    for method, args in (("vm.deploy", (number, 0)), ("vm.recover", (number, 3))):
        text = f"[one.{method}] User [{account.number}] : Not authorized to perform ADMIN VM [{number}]."
        assert one.ask(method, *args, session=user)[:3] == [False, text, 0x200]
    assert one.ask("vm.action", "terminate-hard", number, session=user)[0]
    denied = f"User [{account.number}] : Not authorized to perform MANAGE VM [{other}]."
    answer = one.ask("vm.action", "terminate-hard", other, session=user)
    assert answer[:3] == [False, f"[one.vm.action] {denied}", 0x200]


def test_vm_for_which_no_host_has_room_stays_pending_with_the_schedulers_words(one: DemoOne) -> None:
    done, number, _ = one.ask("vm.allocate", "CPU=64\nMEMORY=1048576", False)
    assert done
    one.after(120.0)
    vm = shown(one, "vm.info", number)
    assert (vm.findtext("STATE"), vm.find("HISTORY_RECORDS/HISTORY")) == ("1", None)
    words = vm.findtext("USER_TEMPLATE/SCHED_MESSAGE", "")
    assert words.endswith("Cannot dispatch VM: No host meets SCHED_REQUIREMENTS")
    do(one, "terminate-hard", number)
    assert state(one, number) == (6, 0)


def test_vm_that_is_done_leaves_pools_at_once_and_answers_for_itself(one: DemoOne) -> None:
    number = created(one)
    one.after(20.0)
    do(one, "terminate-hard", number)
    one.after(5.0)

    def listed(which: int) -> list[str]:
        return [vm.findtext("ID", "") for vm in shown(one, "vmpool.info", -2, -1, -1, which)]

    assert str(number) not in listed(-1)
    assert str(number) in listed(-2)
    assert str(number) in listed(states.DONE)
    assert state(one, number) == (6, 0)
    text = 'Error performing action "terminate-hard": This action is not available for state DONE'
    assert one.ask("vm.action", "terminate-hard", number)[:3] == [False, f"[one.vm.action] {text}", 0x800]


def test_lease_is_taken_at_once_and_given_back_in_the_end(one: DemoOne) -> None:
    def leases() -> dict[str, str]:
        found = shown(one, "vn.info", 1).iterfind("AR_POOL/AR/LEASES/LEASE")
        return {lease.findtext("VM", ""): lease.findtext("IP", "") for lease in found}

    number = created(one, is_held=True)
    nic = shown(one, "vm.info", number).find("TEMPLATE/NIC")
    assert nic is not None
    assert leases()[str(number)] == nic.findtext("IP")
    assert nic.findtext("NETWORK_ID") == "1"
    do(one, "terminate-hard", number)
    one.after(5.0)
    assert str(number) not in leases()


@pytest.mark.parametrize(
    ("refusal", "lcm_state", "words"),
    [
        ("boot_failure", states.BOOT_FAILURE, "DEPLOY: ERROR"),
        ("network_failed", states.BOOT_FAILURE, "DEPLOY: Error executing network driver"),
        ("prolog_failure", states.PROLOG_FAILURE, "Error executing image transfer script"),
    ],
)
def test_boot_that_fails_stays_on_its_host_until_it_is_deleted(
    one: DemoOne, refusal: str, lcm_state: int, words: str
) -> None:
    one.cloud.faults.add({"fault": "refuse_boot", "refusal": refusal})
    number = created(one)
    one.after(30.0)
    vm = shown(one, "vm.info", number)
    assert state(one, number) == (3, lcm_state)
    assert words in vm.findtext("USER_TEMPLATE/ERROR", "")
    assert vm.findtext("HISTORY_RECORDS/HISTORY/HOSTNAME") in one.world.hosts
    assert one.ask("vm.recover", number, 3) == [True, number, 0]
    one.after(5.0)
    assert state(one, number) == (6, 0)


def test_boot_may_hang_for_ever(one: DemoOne) -> None:
    one.cloud.faults.add({"fault": "refuse_boot", "refusal": "stuck"})
    number = created(one)
    one.after(600.0)
    assert state(one, number) == (3, 2)
    assert one.ask("vm.action", "terminate-hard", number)[2] == 0x800
    assert one.ask("vm.recover", number, 3)[0]
    one.after(5.0)
    assert state(one, number) == (6, 0)


@pytest.mark.parametrize(
    ("refusal", "code", "words"),
    [
        ("quota", 0x200, "User [0] : group [0] limit of 0 reached for RUNNING_VMS quota in VM."),
        ("leases", 0x2000, "Cannot get IP/MAC lease from virtual network 1."),
        ("image", 0x2000, "DISK 0: Image with ID: 3 does not exist"),
    ],
)
def test_creation_is_refused_on_demand_and_leaves_nothing(
    one: DemoOne, refusal: str, code: int, words: str
) -> None:
    before = len(one.world.vms), len(one.world.ports)
    one.cloud.faults.add({"fault": "refuse_boot", "refusal": refusal, "image": "cirros"})
    answer = one.ask("template.instantiate", 0, "mine", False, "", False)
    assert answer[:3] == [False, f"[one.template.instantiate] {words}", code]
    assert (len(one.world.vms), len(one.world.ports)) == before


def test_host_whose_probes_fall_silent_is_in_error_and_its_vms_are_unknown(one: DemoOne) -> None:
    host = next(one for one in one.world.hosts.values() if one.daemon.is_up(BEGAN) and one.daemon.is_enabled)
    vm = next(vm for vm in host.vms.values() if states.of_vm(vm, one.world.now) == (3, 3))
    one.cloud.faults.add({"fault": "down", "service": "oned", "host": host.name, "seconds": 30})
    one.after(60.0)
    found = shown(one, "host.info", host.number - 1)
    assert found.findtext("STATE") == "3"
    assert state(one, vm.serial) == (3, 16)
    pool = {vm.findtext("ID"): vm.findtext("LCM_STATE") for vm in shown(one, "vmpool.info", -2, -1, -1, -1)}
    assert pool[str(vm.serial)] == "16"
    moments = {
        found.findtext("ID"): int(found.findtext("TIMESTAMP", ""))
        for found in shown(one, "hostpool.monitoring", 0)
    }
    assert moments[str(host.number - 1)] < BEGAN + 10 < max(moments.values())
    one.cloud.faults.clear()
    one.after(1.0)
    assert state(one, vm.serial) == (3, 3)


def test_vm_for_a_host_that_has_just_fallen_silent_is_tried_again(one: DemoOne) -> None:
    host = next(one for one in one.world.hosts.values() if one.daemon.is_up(BEGAN) and one.daemon.is_enabled)
    one.cloud.faults.add({"fault": "down", "service": "oned", "host": host.name})
    for other in one.world.hosts.values():
        other.daemon.is_enabled = other is host
    number = created(one)
    one.after(30.0)
    assert state(one, number) == (1, 0)
    one.cloud.faults.clear()
    one.after(40.0)
    assert state(one, number) == (3, 3)


@pytest.mark.parametrize(("status", "expected"), [(1, "4"), (2, "8"), (0, "2")])
def test_host_is_taken_out_of_service(one: DemoOne, status: int, expected: str) -> None:
    assert one.ask("host.status", 0, status) == [True, 0, 0]
    assert shown(one, "host.info", 0).findtext("STATE") == expected


def test_live_migration_names_the_new_host_from_its_beginning(one: DemoOne) -> None:
    moves = Operations(one.world)
    for vm in one.world.vms:
        source, number = vm.host, vm.serial
        if source is not None and vm.vm_state == "active" and vm.id not in one.world.migrations:
            moves.migrate(vm)
            if vm.id in one.world.migrations:
                break
    target = one.world.migrations[vm.id].target
    assert source is not None
    for _ in range(2):  # under way, and over
        records = shown(one, "vm.info", number).findall("HISTORY_RECORDS/HISTORY")
        assert [record.findtext("HOSTNAME") for record in records] == [source.name, target.name]
        assert [record.findtext("ACTION") for record in records] == ["2", "0"]
        assert records[0].findtext("ETIME") == records[1].findtext("STIME")
        one.after(20.0)
    assert state(one, number) == (3, 3)


def test_number_of_vms_and_all_sums_hold_while_they_live() -> None:
    clock = DemoClock(BEGAN)
    cloud = OpenNebula(build(Size(200, 12, 20), seed=1, now=BEGAN), clock)
    seen: Counter[tuple[int, int]] = Counter()
    for _ in range(180):
        clock.goes_on(20.0)
        cloud.advance()
        assert_consistent(cloud.world)
        assert 198 <= cloud.world.live <= 202
        seen.update(states.of_vm(vm, clock.now) for vm in live(cloud.world))
    assert {(1, 0), (3, 1), (3, 2), (3, 3), (3, 4), (3, 36), (3, 39), (8, 0)} <= set(seen)


def test_same_seed_is_the_same_cloud() -> None:
    def picture(seed: int) -> str:
        clock = DemoClock(BEGAN)
        cloud = OpenNebula(build(Size(60, 6, 5), seed=seed, now=BEGAN), clock)
        clock.goes_on(600.0)
        cloud.advance()
        return "".join(f"{vm.serial} {vm.name} {states.of_vm(vm, clock.now)}" for vm in cloud.world.vms)

    assert picture(1) == picture(1)
    assert picture(1) != picture(2)
