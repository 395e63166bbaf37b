"""The index: what it has kept up to date is what counting anew would find."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stratoscope.clouds.condition import Condition, FaultReason
from stratoscope.clouds.model import VM, Sums, VMs
from stratoscope.clouds.vm_index import VMIndex
from support.cloud_vms import vm

IDS = st.sampled_from("abcd")
CONDITIONS = {"x": Condition.RUNNING, "y": Condition.ERROR}
VALUES = st.sampled_from(("", "x", "y"))
NAMES = ("vcpus", "memory", "disk")
SIZES = st.one_of(
    st.fixed_dictionaries({name: st.integers(0, 3) for name in NAMES}), st.just(dict.fromkeys(NAMES))
)
"""A VM tells all of its sizes or, where its cell does not answer, none."""


@st.composite
def some_vm(draw: st.DrawFn) -> VM:
    return vm(
        draw(IDS),
        state=draw(VALUES),
        transition=draw(VALUES),
        project_id=draw(VALUES),
        user_id=draw(VALUES),
        flavor=draw(VALUES),
        image=draw(VALUES),
        host=draw(VALUES),
        zone=draw(VALUES),
        changed=draw(st.sampled_from((1.0, 2.0, 3.0))),
        **draw(SIZES),
        addresses=draw(st.one_of(st.integers(0, 3), st.none())),
        fault=draw(st.sampled_from((None, *FaultReason))),
    )


STEPS = st.lists(st.one_of(some_vm(), IDS), max_size=30)
"""A VM is put, an id is dropped."""


def kept(index: VMIndex) -> VMs:
    return index.vms({"x": "X"}, {}, is_whole=True)


def after(steps: list[VM | str]) -> VMIndex:
    index = VMIndex((), CONDITIONS)
    play(steps, index)
    return index


def play(steps: list[VM | str], index: VMIndex) -> None:
    for step in steps:
        if isinstance(step, str):
            index.drop(step)
        else:
            index.put(step)


@given(STEPS)
def test_what_is_kept_is_what_counting_anew_finds(steps: list[VM | str]) -> None:
    index = after(steps)
    answer = kept(index)
    vms = list(answer.vms.values())
    for name in ("flavor", "image", "host", "zone"):
        assert getattr(answer, f"by_{name}") == Counter(getattr(one, name) for one in vms)
    assert Counter(answer.by_state) == Counter(one.state for one in vms)
    assert answer.by_condition == Counter((one.zone, condition(one)) for one in vms)
    assert answer.by_project == {
        key: summed(vms, "project_id", key) for key in {one.project_id for one in vms}
    }
    assert answer.by_user == {key: summed(vms, "user_id", key) for key in {one.user_id for one in vms}}
    assert answer.by_fault == Counter(one.fault for one in vms if one.fault)
    assert answer.in_transition == {
        key: (len(since), min(since))
        for key in {one.transition for one in vms} - {""}
        for since in [[one.changed for one in vms if one.transition == key]]
    }
    assert index.sees_hosts == any(one.host for one in vms)
    assert len(index) == len(vms)


def condition(one: VM) -> Condition:
    if one.state == "y":
        return Condition.ERROR
    if one.transition:
        return Condition.CHANGING
    return Condition.RUNNING if one.state == "x" else Condition.UNKNOWN


@given(STEPS)
def test_pairs_of_project_and_host_are_what_counting_anew_finds(steps: list[VM | str]) -> None:
    index = after(steps)
    vms = [one for one in kept(index).vms.values() if one.host]
    pairs = {(one.project_id, one.host) for one in vms}
    assert dict(index.placed()) == {
        (project_id, host): known([one for one in vms if (one.project_id, one.host) == (project_id, host)])
        for project_id, host in pairs
    }


@given(STEPS, STEPS)
def test_vm_that_did_not_change_is_the_same_object(first: list[VM | str], then: list[VM | str]) -> None:
    index = after(first)
    before = kept(index)
    play(then, index)
    touched = {step if isinstance(step, str) else step.vm_id for step in then}
    for vm_id in before.vms.keys() - touched:
        assert kept(index).vms[vm_id] is before.vms[vm_id]


def summed(vms: list[VM], label: str, key: str) -> Sums:
    of_key = [one for one in vms if getattr(one, label) == key]
    is_told = [all(getattr(one, name) is not None for one in of_key) for name in (*NAMES, "addresses")]
    numbers = zip(known(of_key)[1:], is_told, strict=True)
    return Sums(len(of_key), *(number if told else None for number, told in numbers))


def known(vms: list[VM]) -> tuple[int, ...]:
    """How many, and the sums of what they tell."""
    return len(vms), *(sum(getattr(one, name) or 0 for one in vms) for name in (*NAMES, "addresses"))


def test_vm_that_equals_the_known_one_is_no_change() -> None:
    index = VMIndex()
    index.put(vm("a"))
    first = kept(index)
    index.put(vm("a"))
    again = kept(index)
    assert again.vms["a"] is first.vms["a"]


def test_answer_does_not_change_with_the_index() -> None:
    index = VMIndex()
    index.put(vm("a"))
    answer = kept(index)
    index.put(replace(vm("a"), state="SHUTOFF"))
    index.drop("a")
    assert (answer.vms["a"].state, answer.by_state) == ("ACTIVE", {"ACTIVE": 1})


def test_states_that_are_always_told_and_those_once_seen_stay_at_zero() -> None:
    index = VMIndex(("ACTIVE", "ERROR"))
    assert kept(index).by_state == {"ACTIVE": 0, "ERROR": 0}
    index.put(vm("a", state="PAUSED"))
    index.put(vm("b", state="ERROR"))
    assert kept(index).by_state == {"ACTIVE": 0, "ERROR": 1, "PAUSED": 1}
    index.put(vm("a", state="ACTIVE"))
    index.drop("b")
    answer = kept(index)
    assert answer.by_state == {"ACTIVE": 1, "ERROR": 0, "PAUSED": 0}
    assert answer.by_flavor.keys() == {vm("a").flavor}


def test_those_known_now_are_a_copy() -> None:
    index = VMIndex()
    index.put(vm("a"))
    known = index.known()
    index.put(vm("b"))
    assert known == {"a": vm("a")}
    assert index.get("a") == vm("a")
    assert index.get("x") is None


def test_vm_whose_end_was_reported_is_named_until_a_list_has_it_or_lacks_it() -> None:
    index = VMIndex()
    for one in "abc":
        index.put(vm(one))
    for one in "abcd":
        index.end(one)
    assert kept(index).ended == {"a", "b", "c"}
    assert kept(index).vms == {}
    index.put(vm("a"))
    index.drop("b")
    assert (kept(index).ended, [*kept(index).vms]) == ({"c"}, ["a"])
