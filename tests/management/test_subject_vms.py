"""VMs on the page: counted, summed up, and each of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stratoscope.clouds.condition import Condition, FaultReason
from stratoscope.clouds.model import VM
from stratoscope.clouds.model import VMs as Answer
from stratoscope.clouds.vm_index import VMIndex
from stratoscope.core.errors import Dropped
from stratoscope.core.exposition import Lines, render
from stratoscope.core.line_cache import together
from stratoscope.management.subjects.vms import VMs
from support.cloud_vms import vm
from support.golden import assert_golden
from support.pages import promtool_findings, text

PROJECTS, USERS = {"p1": "physics"}, {"u1": "ada"}
ENOUGH = 1_000_000
CONDITIONS = {"ACTIVE": Condition.RUNNING, "BUILD": Condition.CHANGING, "ERROR": Condition.ERROR}


def index(*vms: VM) -> VMIndex:
    found = VMIndex((), CONDITIONS)
    for one in vms:
        found.put(one)
    return found


def told(of: VMIndex, *, is_whole: bool = True) -> Answer:
    return of.vms(PROJECTS, USERS, is_whole=is_whole)


SOME = (
    vm("vm-1"),
    vm("vm-2", name='bad "name"\n', image="", addresses=3, user_id="u2", project_id="p2", disk=0),
    vm("vm-3", state="ERROR", fault=FaultReason.NO_VALID_HOST, host="", zone=""),
    vm("vm-4", state="BUILD", transition="spawning", changed=1795305000.0),
    vm("vm-5", state="BUILD", transition="spawning", changed=1795306000.0),
)


def lines_of(subject: VMs, answer: Answer, most: int = ENOUGH) -> Lines:
    return together(render(subject.samples(answer), subject.families, most), subject.cached(answer), most)


def shown(answer: Answer) -> str:
    return text([lines_of(VMs("uni"), answer)])


def as_set(lines: Lines) -> set[bytes]:
    return {line for blocks in lines.by_family.values() for block in blocks for line in block.splitlines()}


def anew(answer: Answer) -> set[bytes]:
    return as_set(lines_of(VMs("uni"), answer))


def test_vms_are_shown_as_the_golden_page_has_it() -> None:
    page = shown(told(index(*SOME)))
    assert_golden("management_vms.prom", page)
    assert promtool_findings(page) == ""


def test_no_vms_show_zeros_where_there_is_nothing_to_name() -> None:
    page = shown(told(VMIndex(), is_whole=False))
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    assert len(lines) == 1 + len(FaultReason) + 7
    assert 'stratoscope_management_vms_whole{cloud="uni"} 0' in lines
    assert 'stratoscope_management_vms_in_error{cloud="uni",reason="quota"} 0' in lines


def test_list_that_lacks_a_vm_says_so_whoever_may_see_it() -> None:
    page = shown(index(*SOME).vms(PROJECTS, USERS, is_whole=True, malformed=1, is_complete=False))
    assert 'stratoscope_management_vms_whole{cloud="uni"} 1\n' in page
    assert 'stratoscope_management_vms_complete{cloud="uni"} 0\n' in page


def test_state_that_nobody_is_in_is_zero_where_the_answer_tells_it() -> None:
    found = VMIndex(("ERROR",))
    found.put(vm("vm-1", state="PAUSED"))
    found.drop("vm-1")
    page = shown(told(found))
    assert 'stratoscope_management_vms{cloud="uni",state="ERROR"} 0\n' in page
    assert 'stratoscope_management_vms{cloud="uni",state="PAUSED"} 0\n' in page


def test_every_family_is_shown_by_some_vm() -> None:
    page = shown(told(index(*SOME)))
    assert [family.name for family in VMs.families if f"# TYPE {family.name} " not in page] == []


@pytest.mark.parametrize(
    ("hosts", "is_whole", "expected"),
    [
        (("", ""), False, []),
        (("", ""), True, ['host=""} 2']),
        (("", "fake1"), False, ['host=""} 1', 'host="fake1"} 1']),
    ],
)
def test_vms_whose_hosts_are_not_told_are_not_nowhere(
    hosts: tuple[str, str], *, is_whole: bool, expected: list[str]
) -> None:
    page = shown(told(index(*(vm(f"vm-{n}", host=host) for n, host in enumerate(hosts))), is_whole=is_whole))
    metric = "stratoscope_management_host_vms{"
    lines = [line for line in page.splitlines() if line.startswith(metric)]
    assert sorted(lines) == [f'{metric}cloud="uni",{rest}' for rest in expected]


def test_names_that_are_not_known_are_empty() -> None:
    page = shown(told(index(vm(project_id="p9", user_id="u9"))))
    assert 'project_id="p9",project_name="",user_id="u9",user_name=""' in page


IDS = st.sampled_from([one.vm_id for one in SOME])
CHANGE = st.one_of(
    st.builds(
        lambda vm_id, state, name, fault: vm(vm_id, state=state, name=name, fault=fault),
        IDS,
        st.sampled_from(("ACTIVE", "ERROR")),
        st.sampled_from(("a", "b")),
        st.sampled_from((None, FaultReason.IMAGE, FaultReason.VOLUME)),
    ),
    IDS,
)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.lists(CHANGE, max_size=4), st.booleans()), max_size=6))
def test_kept_lines_follow_every_change(refreshes: list[tuple[list[VM | str], bool]]) -> None:
    """Some changes at each refresh, whose answer may never be shown."""
    found, subject = index(*SOME), VMs("uni")
    for changes, is_shown in refreshes:
        for change in changes:
            if isinstance(change, str):
                found.drop(change)
            else:
                found.put(change)
        answer = told(found)
        if is_shown:
            assert as_set(lines_of(subject, answer)) == anew(answer)


def test_new_names_of_projects_and_users_are_shown_at_once() -> None:
    found, subject = index(*SOME), VMs("uni")
    lines_of(subject, told(found))
    for names in ({"p1": "chemistry"}, {}, {"p2": "biology", "u2": "grace"}):
        answer = replace(told(found), projects=names, users=names)
        assert as_set(lines_of(subject, answer)) == anew(answer)


def test_another_index_is_another_cloud() -> None:
    subject = VMs("uni")
    lines_of(subject, told(index(*SOME)))
    answer = told(index(vm("vm-9")))
    assert as_set(lines_of(subject, answer)) == anew(answer)


@pytest.mark.parametrize("room", [0, 5, 30, 40])
def test_series_beyond_the_bound_are_counted(room: int) -> None:
    answer = told(index(*SOME))
    lines = lines_of(VMs("uni"), answer, room)
    assert lines.samples == room == len(as_set(lines))
    assert lines.dropped == {Dropped.MAX_SERIES: len(anew(answer)) - room}
