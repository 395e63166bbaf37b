"""Hosts: wanted apart from up, sizes with what is reserved or promised twice, never monitored ones."""

from collections import Counter
from collections.abc import Iterable

import pytest

from stratoscope.clouds.model import Resource
from stratoscope.clouds.opennebula import hosts as module
from stratoscope.core.errors import LeftOut, LeftOutError
from support.opennebula import PLAIN, asked, changed, cloud_of
from support.replayed_oned import recorded, refused, replayed

GIB = 1 << 30
A1 = "<NAME>dummy-a1</NAME><STATE>2</STATE>"


async def test_each_host_is_up_or_down_and_wanted_or_not() -> None:
    found = await asked("host_services")
    assert {one.host: (one.is_up, one.is_enabled) for one in found.services} == {
        "dummy-a1": (True, True), "dummy-a2": (True, True), "dummy-b1": (True, True),
        "dummy-dsbl": (True, False), "dummy-off": (False, False), "dummy-err": (False, True),
        "hx": (False, True),
    }  # fmt: skip
    assert all(one.runs_vms and not one.is_disabled_by_source for one in found.services)
    assert {one.host: one.zone for one in found.services}["dummy-b1"] == "zone-b"
    heartbeats = {one.host: one.heartbeat for one in found.services}
    assert (heartbeats["dummy-a1"], heartbeats["hx"]) == (1795305309.0, None)


async def test_a_host_has_its_sizes_and_one_that_was_never_monitored_none() -> None:
    found = await asked("hosts")
    hosts = {one.host: one for one in found.hosts}
    one = hosts["dummy-a1"]
    assert (one.state, one.kind, one.vms, one.is_enabled) == ("MONITORED", "dummy", 88, True)
    assert one.resources["vcpus"] == Resource(8.0, 0.0, 1.0, 4.4, 8.0)
    assert one.resources["memory"] == Resource(16 * GIB, 0, 1.0, 5767168 * 1024, 16 * GIB)
    assert hosts["hx"].resources["memory"] == Resource(None, None, None, None, None)
    assert (hosts["dummy-off"].state, hosts["dummy-off"].is_enabled) == ("OFFLINE", False)
    assert found.states == ("INIT", "MONITORED", "ERROR", "DISABLED", "OFFLINE")


async def test_a_host_s_probes_name_its_hypervisor_and_its_driver_does_without_them() -> None:
    probes = ("<HYPERVISOR><![CDATA[dummy]]></HYPERVISOR>", "<HYPERVISOR>kvm</HYPERVISOR>")
    found = await asked("hosts", changed("hostpool.info", probes))
    kinds = Counter(one.kind for one in found.hosts)
    assert (kinds["kvm"], kinds["nope"]) == (1, 1)


async def test_disks_of_hosts_are_in_bytes() -> None:
    used = ("<DISK_USAGE><![CDATA[0]]></DISK_USAGE>", "<DISK_USAGE>1024</DISK_USAGE>")
    text = recorded("hostpool.info").replace(*used)
    found = await asked("hosts", {"hostpool.info": text})
    (one,) = [one for one in found.hosts if one.host == "dummy-a1"]
    assert one.resources["disk"] == Resource(20 * GIB, 0, 1.0, 1 * GIB, 20 * GIB)


@pytest.mark.parametrize(
    ("most", "resource"),
    [("600", Resource(8.0, 2.0, 1.0, 4.4, 6.0)), ("1600", Resource(8.0, 0.0, 2.0, 4.4, 16.0))],
    ids=["reserved", "overcommitted"],
)
async def test_reserved_cpu_is_reserved_and_a_negative_one_is_promised(most: str, resource: Resource) -> None:
    memory = "<TOTAL_MEM>16777216</TOTAL_MEM><TOTAL_CPU>800</TOTAL_CPU><MAX_MEM>16777216</MAX_MEM>"
    host = f"<CPU_USAGE>440</CPU_USAGE>{memory}<MAX_CPU>"
    answers = changed("hostpool.info", (f"{host}800<", f"{host}{most}<"))
    found = await asked("inventories", answers)
    assert found.resources["dummy-a1"]["vcpus"] == resource


async def test_zones_are_those_of_hosts_that_take_vms() -> None:
    found = await asked("inventories")
    assert found.zones == {"dummy-a1": "zone-a", "dummy-a2": "zone-a", "dummy-b1": "zone-b"}
    assert found.spread is None


async def test_projects_have_their_part_of_their_hosts() -> None:
    async with replayed() as oned:
        cloud = cloud_of(oned)
        vms = await cloud.ask("vms")
        found = await cloud.ask("inventories")
        await cloud.close()
    vcpus, physical = found.by_project["100"]["vcpus"]
    on = Counter(one.host for one in vms.vms.values() if one.project_id == "100" and one.host)
    assert (on["dummy-a1"], on["dummy-a2"], on["dummy-b1"]) == (7, 7, 6)
    assert vcpus == 20
    assert physical == pytest.approx(7 / (4.4 / 8) + 7 / (4.1 / 8) + 6 / (3.9 / 8))


async def test_the_pool_is_read_once_for_several_questions() -> None:
    async with replayed() as oned:
        cloud = cloud_of(oned)
        for question in ("host_services", "hosts", "inventories", "room"):
            await cloud.ask(question)
        await cloud.close()
    assert oned.calls["hostpool.info"] == 1


@pytest.mark.parametrize(
    ("state", "is_up", "is_enabled"),
    [(0, False, True), (1, True, True), (5, False, True), (6, False, True), (7, True, False)],
)
async def test_a_host_that_is_being_monitored_is_as_before_it(
    state: int, *, is_up: bool, is_enabled: bool
) -> None:
    """The states 1, 5, 6 and 7 are of releases before 5.12."""
    answers = changed("hostpool.info", (A1, A1.replace(">2<", f">{state}<")))
    (one,) = [one for one in (await asked("host_services", answers)).services if one.host == "dummy-a1"]
    assert (one.is_up, one.is_enabled) == (is_up, is_enabled)
    takes = "dummy-a1" in (await asked("inventories", answers)).zones
    assert takes is (state == 1)


async def test_a_state_that_is_unknown_is_shown_as_it_is() -> None:
    found = await asked("hosts", changed("hostpool.info", (A1, A1.replace(">2<", ">9<"))))
    assert found.states[-1] == "STATE_9"
    assert {one.host: one.state for one in found.hosts}["dummy-a1"] == "STATE_9"


async def test_a_host_that_makes_no_sense_costs_itself_alone() -> None:
    found = await asked("hosts", changed("hostpool.info", ("<STATE>2<", "<STATE>x<")))
    assert (len(found.hosts), found.malformed) == (6, 1)


@pytest.mark.parametrize("question", ["host_services", "hosts", "inventories", "room"])
async def test_an_empty_pool_is_not_believed_from_a_plain_user(question: str) -> None:
    with pytest.raises(LeftOutError, match="hostpool") as caught:
        await asked(question, PLAIN)
    assert caught.value.reason is LeftOut.UNAUTHORIZED


OFFLINE = "<NAME>dummy-a1</NAME><STATE>8</STATE>"
STATES = {
    "RUNNING": (3, 3), "MIGRATE": (3, 4), "UNKNOWN": (3, 16), "BOOT_FAILURE": (3, 36), "POWEROFF": (8, 0),
}  # fmt: skip
ON_A1 = ["8", "11"]
"""The VMs that the fixture lists on dummy-a1."""


def set_of(states: Iterable[str]) -> str:
    """The answer to `infoset`, of VMs in these states, for the VMs of dummy-a1."""
    vms = [
        f"<VM><ID>{vm_id}</ID><STATE>{STATES[state][0]}</STATE><LCM_STATE>{STATES[state][1]}</LCM_STATE></VM>"
        for vm_id, state in zip(ON_A1, states, strict=True)
    ]
    return f"<VM_POOL>{''.join(vms)}</VM_POOL>"


async def left(answers: dict[str, str | bytes]) -> int | None:
    found = await asked("host_services", changed("hostpool.info", (A1, OFFLINE)) | answers)
    return {one.host: one.vms_left for one in found.services}["dummy-a1"]


async def test_only_of_offline_hosts_vms_that_are_left_are_looked_up() -> None:
    found = await asked("host_services")
    assert {one.host: one.vms_left for one in found.services if one.vms_left is not None} == {"dummy-off": 0}


@pytest.mark.parametrize(
    ("states", "number"),
    [(("RUNNING", "POWEROFF"), 1), (("MIGRATE", "UNKNOWN"), 2), (("BOOT_FAILURE", "POWEROFF"), 0)],
)
async def test_of_an_offline_host_the_vms_that_may_go_on_are_counted(
    states: tuple[str, str], number: int
) -> None:
    assert await left({"vmpool.infoset": set_of(states)}) == number


@pytest.mark.parametrize("answer", ["<VM_POOL/>", refused("unknown_method")], ids=["unseen", "no_call"])
async def test_a_vm_of_which_nothing_is_known_may_go_on(answer: str | bytes) -> None:
    assert await left({"vmpool.infoset": answer}) == 2


async def test_vms_of_offline_hosts_are_looked_up_in_several_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 1)  # 500 otherwise
    ended = {"vmpool.infoset": set_of(("POWEROFF", "POWEROFF"))}
    assert await left(ended) == 0
    monkeypatch.setattr(module, "_MOST", 1)  # 20 otherwise
    assert await left(ended) == 1


async def test_a_partial_view_of_hosts_says_so() -> None:
    assert (await asked("host_services")).is_whole is True
    some = PLAIN | {"hostpool.info": recorded("hostpool.info")}
    assert (await asked("host_services", some)).is_whole is False
