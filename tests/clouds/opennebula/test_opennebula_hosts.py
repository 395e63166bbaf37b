"""Hosts: wanted apart from up, sizes with what is reserved or promised twice, never monitored ones."""

from collections import Counter

import pytest

from stratoscope.clouds.model import Resource
from stratoscope.core.errors import LeftOut, LeftOutError
from support.opennebula import PLAIN, asked, changed, cloud_of
from support.replayed_oned import recorded, replayed

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


async def test_a_state_that_is_unknown_is_shown_as_it_is() -> None:
    found = await asked("hosts", changed("hostpool.info", (A1, A1.replace(">2<", ">9<"))))
    assert found.states[-1] == "STATE_9"
    assert {one.host: one.state for one in found.hosts}["dummy-a1"] == "STATE_9"


async def test_a_host_that_makes_no_sense_costs_itself_alone() -> None:
    found = await asked("hosts", changed("hostpool.info", ("<CPU_USAGE>440<", "<CPU_USAGE>-1<")))
    assert (len(found.hosts), found.malformed) == (6, 1)


@pytest.mark.parametrize("question", ["host_services", "hosts", "inventories", "room"])
async def test_an_empty_pool_is_not_believed_from_a_plain_user(question: str) -> None:
    with pytest.raises(LeftOutError, match="hostpool") as caught:
        await asked(question, PLAIN)
    assert caught.value.reason is LeftOut.UNAUTHORIZED
