"""States by number, as oned 7.4 has them, and numbers that no table has."""

import pytest

from stratoscope.clouds.condition import Condition, FaultReason
from stratoscope.clouds.opennebula import states


@pytest.mark.parametrize(
    ("numbers", "state", "transition"),
    [
        ((3, 3), "RUNNING", ""),
        ((8, 0), "POWEROFF", ""),
        ((8, 3), "POWEROFF", ""),
        ((1, 0), "PENDING", "PENDING"),
        ((10, 0), "CLONING", "CLONING"),
        ((3, 1), "PROLOG", "PROLOG"),
        ((3, 69), "BACKUP", "BACKUP"),
        ((3, 71), "RESTORE", "RESTORE"),
        ((3, 16), "UNKNOWN", ""),
        ((3, 36), "BOOT_FAILURE", ""),
        ((3, 72), "LCM_STATE_72", ""),
        ((12, 0), "STATE_12", ""),
    ],
)
def test_a_vm_has_the_state_of_its_numbers(numbers: tuple[int, int], state: str, transition: str) -> None:
    assert states.vm(*numbers) == state
    assert states.transition(state) == transition


@pytest.mark.parametrize(
    ("state", "condition", "fault"),
    [
        ("RUNNING", Condition.RUNNING, None),
        ("HOLD", Condition.STOPPED, None),
        ("UNDEPLOYED", Condition.STOPPED, None),
        ("UNKNOWN", Condition.UNKNOWN, None),
        ("CLONING_FAILURE", Condition.ERROR, FaultReason.IMAGE),
        ("PROLOG_MIGRATE_FAILURE", Condition.ERROR, FaultReason.IMAGE),
        ("BOOT_MIGRATE_FAILURE", Condition.ERROR, FaultReason.HYPERVISOR),
        ("FAILED", Condition.ERROR, FaultReason.UNKNOWN),
        ("PENDING", None, None),
        ("LCM_STATE_72", None, None),
    ],
)
def test_a_state_has_a_condition_and_a_failure_a_reason(
    state: str, condition: Condition | None, fault: FaultReason | None
) -> None:
    assert states.CONDITIONS.get(state) == condition
    assert states.fault(state) == fault


def test_every_failure_is_an_error() -> None:
    failures = {states.vm(3, number) for number in (*range(36, 43), 44, *range(46, 51), 61)}
    assert {states.CONDITIONS[name] for name in failures} == {Condition.ERROR}
    assert all(name.endswith("_FAILURE") for name in failures)


NAMES = {
    "host": "INIT MONITORING_MONITORED MONITORED ERROR DISABLED MONITORING_ERROR MONITORING_INIT "
    "MONITORING_DISABLED OFFLINE",
    "image": "INIT READY USED DISABLED LOCKED ERROR CLONE DELETE USED_PERS LOCKED_USED LOCKED_USED_PERS",
    "raft": "SOLO CANDIDATE FOLLOWER LEADER",
    "zone": "ENABLED DISABLED",
}
"""By function: the names of oned, from 0 on."""


@pytest.mark.parametrize("function", NAMES)
def test_numbers_have_the_names_of_oned(function: str) -> None:
    names = NAMES[function].split()
    assert [getattr(states, function)(number) for number in range(len(names))] == names


def test_numbers_that_no_table_has_are_shown_as_they_are() -> None:
    assert (states.host(8), states.host(9)) == ("OFFLINE", "STATE_9")
    assert (states.image(8), states.image(11)) == ("USED_PERS", "STATE_11")
    assert (states.raft(3), states.raft(4)) == ("LEADER", "STATE_4")
    assert (states.zone(1), states.zone(2)) == ("DISABLED", "STATE_2")


@pytest.mark.parametrize("number", [-7, 256, 10**60])
def test_numbers_that_no_release_has_are_no_states(number: int) -> None:
    for name in (states.host, states.image, states.raft, states.zone):
        with pytest.raises(ValueError, match="no state"):
            name(number)
    for numbers in ((number, 0), (states.ACTIVE, number)):
        with pytest.raises(ValueError, match="no state"):
            states.vm(*numbers)
