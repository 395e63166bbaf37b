"""The collection of a URI's VMs: what is asked of whom, and what is left out."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from stratoscope.clouds.libvirt.model import DiskSizes, Monitor
from stratoscope.core.collector import Collection, OnScrape
from stratoscope.core.errors import LeftOut, Reason
from stratoscope.core.runner import Runner
from stratoscope.hypervisor.collectors.killed import Killed
from stratoscope.hypervisor.kernel.oom import Kills
from stratoscope.hypervisor.kernel.processes import NotFound
from stratoscope.hypervisor.kernel.qdisc import Qdisc, Queues
from stratoscope.hypervisor.kernel_reader import Reading
from support.collected import BY_DEFAULT, SUBJECTS, a_tap, checks, domains, page, reading, told
from support.golden import assert_golden
from support.libvirt_hosts import FakeHost, fetched, listed
from support.pages import promtool_findings, rendered
from support.source import until
from support.vms import answer, identity, kernel, nic, of_vm, uuid, volume

MONITOR_GROUPS = frozenset({"balloon", "block"})
ALL_GROUPS = MONITOR_GROUPS | {"cpu", "vcpu"}


async def test_golden_page_of_a_host_with_a_running_a_hung_and_an_inactive_vm() -> None:
    silent = {"net.0.name": "vnet1"}
    host = FakeHost(
        domains=[
            listed(1),
            listed(2, **silent),
            listed(3, is_active=False, **{"state.state": 5, "net.count": 0}),
        ],
        known={uuid(number): identity(vm_id=uuid(number)) for number in (1, 2, 3)},
        answers={uuid(2): {}},
    )
    host.monitors.states[uuid(2)] = Monitor(42.0, 50.0)
    taps = told(vnet0=a_tap(), vnet1=a_tap(ifindex=8))
    collector, _ = domains(host, reading(1, 2, taps=taps))
    shown = await page(collector)
    assert_golden("hypervisor_domains.prom", shown)
    assert promtool_findings(shown) == ""
    assert checks(shown, 1) == dict.fromkeys(("host", "vm", "storage", "network"), "0")
    assert checks(shown, 2)["host"] == "1"


async def test_host_without_domains_shows_its_totals_alone() -> None:
    collector, _ = domains(FakeHost(), Reading())
    shown = await page(collector)
    assert "vm_id" not in shown
    assert "stratoscope_hypervisor_host_vms{" in shown


async def test_kernel_is_asked_for_active_vms_and_their_taps() -> None:
    host = FakeHost(domains=[listed(1), listed(2, is_active=False), listed(3, **{"net.0.name": ""})])
    collector, kernel = domains(host, Reading())
    await fetched(collector)
    assert kernel.running == {uuid(1): ("instance-00000001", 1), uuid(3): ("instance-00000003", 3)}
    assert kernel.taps == ["vnet0"]


@pytest.mark.parametrize(
    ("name", "taps"), [("taps", ["vnet0"]), ("checks", ["vnet0"]), ("network", []), ("disks", [])]
)
async def test_taps_are_read_only_for_what_shows_or_judges_them(name: str, taps: Sequence[str]) -> None:
    collector, kernel = domains(FakeHost(domains=[listed(1)]), Reading(), chosen=[SUBJECTS[name]])
    await fetched(collector)
    assert kernel.taps == taps


async def test_monitors_are_asked_only_for_what_nothing_else_knows() -> None:
    host = FakeHost(domains=[listed(1), listed(2, is_active=False)])
    collector, _ = domains(host, reading(1))
    await fetched(collector)
    assert host.asked == {uuid(1): MONITOR_GROUPS}
    assert host.listed_groups == ALL_GROUPS


async def test_cpu_of_a_vm_whose_process_is_not_readable_is_asked_of_libvirt() -> None:
    host = FakeHost(domains=[listed(1), listed(2)], answers={uuid(2): answer(**{"cpu.time": 3_000_000_000})})
    collector, _ = domains(host, reading(1, missing={uuid(2): NotFound.UNAUTHORIZED}))
    shown = await page(collector)
    assert host.asked == {uuid(1): MONITOR_GROUPS, uuid(2): ALL_GROUPS}
    assert f'vm_cpu_seconds_total{{cloud="uni",vm_id="{uuid(2)}"}} 3.0\n' in shown
    assert (
        'host_vms_unreadable{cloud="uni",host="node1",uri="qemu:///system",reason="unauthorized"} 1' in shown
    )


@pytest.mark.parametrize("told", [kernel(cpu=None, refused=("cpu",)), kernel(vcpus={})])
async def test_cpu_that_the_kernel_tells_in_part_is_asked_of_libvirt(told: Any) -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, Reading(vms={uuid(1): told}))
    await fetched(collector)
    assert host.asked == {uuid(1): ALL_GROUPS}


async def test_vm_whose_cpu_the_kernel_told_once_keeps_to_it_so_that_no_counter_goes_back() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, reading(1), Reading(missing={uuid(1): Reason.TIMEOUT}))
    await fetched(collector)
    shown = await page(collector)
    assert host.asked == {uuid(1): MONITOR_GROUPS}
    assert "vm_cpu_seconds_total" not in shown


async def test_monitors_are_asked_while_the_kernel_is_read() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, kernel = domains(host, reading(1))
    await fetched(collector)
    host.asked = {}
    kernel.gate.clear()
    again = asyncio.create_task(fetched(collector))
    await until(lambda: host.asked == {uuid(1): MONITOR_GROUPS})
    assert not again.done()
    kernel.gate.set()
    assert [vm.kernel for vm in (await again).vms] == [reading(1).vms[uuid(1)]]


async def test_monitors_wait_for_the_kernel_while_it_is_to_say_who_tells_a_new_vms_cpu() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, kernel = domains(host, reading(1), reading(1, 2))
    await fetched(collector)
    host.domains, host.asked = [listed(1), listed(2)], {}
    kernel.gate.clear()
    again = asyncio.create_task(fetched(collector))
    await until(lambda: len(kernel.running) == 2)
    assert host.asked == {}
    kernel.gate.set()
    await again
    assert host.asked == {uuid(1): MONITOR_GROUPS, uuid(2): MONITOR_GROUPS}


async def test_monitors_do_not_wait_for_the_kernel_where_nobody_wants_cpu_times() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, kernel = domains(host, Reading(), chosen=[SUBJECTS["disks"]])
    kernel.gate.clear()
    first = asyncio.create_task(fetched(collector))
    await until(lambda: host.asked == {uuid(1): frozenset({"block"})})
    kernel.gate.set()
    await first


async def test_vm_that_was_started_anew_may_have_another_source_of_cpu() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, reading(1), Reading())
    await fetched(collector)
    host.domains = [replace(listed(1), domain_id=9)]
    await fetched(collector)
    assert host.asked == {uuid(1): ALL_GROUPS}


async def test_driver_that_is_read_per_domain_has_no_monitors_to_ask() -> None:
    stats = {"cpu.time": 2_000_000_000, "vcpu.current": 2, "balloon.maximum": 1024}
    host = FakeHost(domains=[listed(1, **stats)], complete=True)
    collector, _ = domains(host)
    shown = await page(collector)
    assert host.asked == {}
    assert "vm_monitor_blocked_seconds" not in shown
    assert f'vm_cpu_seconds_total{{cloud="uni",vm_id="{uuid(1)}"}} 2.0\n' in shown
    assert 'host_vcpus_promised{cloud="uni",host="node1",uri="qemu:///system"} 2\n' in shown


async def test_host_elsewhere_says_nothing_of_a_kernel_that_is_not_its_own() -> None:
    collector, _ = domains(FakeHost(domains=[listed(1)]))
    shown = await page(collector)
    assert "host_vms_unreadable" not in shown
    assert set(checks(shown, 1)) == {"host", "vm", "storage"}


async def test_nothing_is_asked_of_monitors_when_no_subject_needs_them() -> None:
    host = FakeHost(domains=[listed(1)])
    chosen = [SUBJECTS[name] for name in ("state", "network", "monitor")]
    collector, _ = domains(host, reading(1), chosen=chosen)
    shown = await page(collector)
    assert (host.asked, host.listed_groups) == ({}, frozenset())
    assert "vm_monitor_blocked_seconds" not in shown


async def test_item_that_makes_no_sense_is_counted_and_the_others_stay() -> None:
    host = FakeHost(domains=[listed(1), listed(2, **{"state.state": "up"})], malformed_identities=3, failed=2)
    host.known = {uuid(1): identity()}
    collector, _ = domains(host, reading(1, malformed=4))
    data = await fetched(collector)
    shown = rendered(collector.samples(data), collector.families)
    assert [vm.vm_id for vm in data.vms] == [uuid(1)]
    assert collector.malformed(data) == 10
    assert "host_vcpus_promised{" not in shown


async def test_opennebulas_vm_is_shown_by_its_number() -> None:
    collector, _ = domains(FakeHost(domains=[listed(6, name="one-77")]), reading(6))
    assert 'vm_state{cloud="uni",vm_id="77",state="running"} 1\n' in await page(collector)


@pytest.mark.parametrize(
    ("reading", "identity", "expected"),
    [
        (reading(1), None, 1),
        (reading(), identity(vcpus=4), 4),
        (reading(), None, None),
    ],
)
async def test_number_of_vcpus_is_that_of_the_source_which_notices_a_change_first(
    reading: Reading, identity: Any, expected: int | None
) -> None:
    known = {} if identity is None else {uuid(1): identity}
    collector, _ = domains(FakeHost(domains=[listed(1)], known=known), reading)
    (vm,) = (await fetched(collector)).vms
    assert vm.vcpus == expected


async def test_number_of_vcpus_that_libvirt_tells_goes_before_the_definitions() -> None:
    host = FakeHost(
        domains=[listed(1, **{"vcpu.current": 3})], known={uuid(1): identity(vcpus=4)}, complete=True
    )
    (vm,) = (await fetched(domains(host)[0])).vms
    assert vm.vcpus == 3


async def test_vm_that_is_off_has_no_online_vcpus() -> None:
    off = listed(1, is_active=False, **{"state.state": 5, "vcpu.current": 2})
    (vm,) = (await fetched(domains(FakeHost(domains=[off], known={uuid(1): identity()}))[0])).vms
    assert vm.vcpus is None


@pytest.mark.parametrize(
    ("reading", "link", "is_up"),
    [
        (reading(1, taps=told(vnet0=a_tap())), True, "1"),
        (reading(1, taps=told(vnet0=a_tap(carrier=None))), True, "1"),
        (reading(1, taps=told(vnet0=a_tap(is_up=False, carrier=None))), True, "0"),
        (reading(1, taps=told(vnet0=a_tap(carrier=False))), True, "0"),
        (reading(1, taps=told(vnet0=a_tap())), False, "0"),
        (reading(1, taps=told(vnet0=None)), True, "0"),
    ],
)
async def test_link_is_up_only_where_nothing_speaks_against_it(
    reading: Reading, link: bool, is_up: str
) -> None:
    known = {uuid(1): identity(nics=(nic(link=link),))}
    shown = await page(domains(FakeHost(domains=[listed(1)], known=known), reading)[0])
    assert f'vm_network_up{{cloud="uni",vm_id="{uuid(1)}",device="vnet0"}} {is_up}\n' in shown
    assert checks(shown, 1)["network"] == ("0" if is_up == "1" else "1")


@pytest.mark.parametrize("reading", [reading(taps=told(vnet0=None)), reading(1)])
async def test_tap_of_a_vm_that_is_ending_or_of_another_kind_is_not_called_down(reading: Reading) -> None:
    shown = await page(domains(FakeHost(domains=[listed(1)]), reading)[0])
    assert "vm_network_up" not in shown
    assert "network" not in checks(shown, 1)


async def test_queue_and_changed_flag_of_a_tap_are_shown() -> None:
    queues = {"vnet0": Queues(Qdisc("htb", 7, 3000), None)}
    full = reading(1, taps=told(vnet0=a_tap(), promiscuous={"vnet0": True}), queues=queues)
    shown = await page(domains(FakeHost(domains=[listed(1)]), full)[0])
    device = f'{{cloud="uni",vm_id="{uuid(1)}",device="vnet0"}}'
    for line in ("promiscuous_changed", 1), ("queue_drops_total", 7), ("queue_backlog_bytes", 3000):
        assert f"stratoscope_hypervisor_vm_network_{line[0]}{device} {line[1]}\n" in shown


async def test_stuck_process_and_io_error_reach_the_verdict() -> None:
    host = FakeHost(domains=[listed(1)])
    await host.listing(frozenset())
    host.events.count(uuid(1), 1, "io_error", "report")
    shown = await page(domains(host, reading(1, stuck_s={uuid(1): 15.0}))[0])
    assert checks(shown, 1) == {"host": "1", "vm": "0", "storage": "1"}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Reading(vms={uuid(1): kernel(blocked_s=10.0)}), {"host": "0", "vm": "0", "storage": "1"}),
        (Reading(vms={uuid(1): kernel(blocked_s=None)}), {"host": "0", "vm": "0", "storage": "0"}),
        (reading(1, dead_s={uuid(1): 5.0}), {"host": "0", "vm": "1", "storage": "0"}),
        (Reading(dead_s={uuid(1): 1.0}), {"host": "0", "vm": "0", "storage": "0"}),
    ],
)
async def test_what_the_kernel_saw_of_a_process_reaches_the_verdict(
    told: Reading, expected: dict[str, str]
) -> None:
    shown = await page(domains(FakeHost(domains=[listed(1)]), told)[0])
    assert checks(shown, 1) == expected


async def test_kills_for_want_of_memory_are_shown_of_vms_that_died_of_them_too() -> None:
    off = listed(2, is_active=False, **{"state.state": 5, "state.reason": 3, "net.count": 0})
    kills = Kills({uuid(1): 0, uuid(2): 1}, {"machine.slice": 4})
    shown = await page(domains(FakeHost(domains=[listed(1), off]), reading(1, kills=kills))[0])
    for number, count in ((1, 0), (2, 1)):
        assert f'vm_oom_kills_total{{cloud="uni",vm_id="{uuid(number)}"}} {count}\n' in shown
    slice_ = 'cloud="uni",host="node1",uri="qemu:///system",slice="machine.slice"'
    assert f"stratoscope_hypervisor_host_slice_oom_kills_total{{{slice_}}} 4\n" in shown


async def test_kill_of_a_vm_that_is_listed_no_more_is_shown_by_its_id() -> None:
    host = FakeHost(domains=[listed(1), listed(6, name="one-77")])
    before = reading(1, 6)
    after = reading(1, kills=Kills({uuid(1): 0, uuid(6): 1, uuid(9): 4}))
    collector, _ = domains(host, before, after)
    assert 'vm_oom_kills_total{cloud="uni",vm_id="77"} 0\n' in await page(collector)
    host.domains = [listed(1)]
    for _ in range(2):
        shown = [line for line in (await page(collector)).splitlines() if "vm_oom_kills_total{" in line]
        assert [line.partition("vm_id=")[2] for line in shown] == [f'"{uuid(1)}"}} 0', '"77"} 1']


def test_kill_of_a_vm_that_is_listed_no_more_is_shown_for_an_hour() -> None:
    killed = Killed()
    assert killed.gone({"a": 0, "b": 0}, {"a": "1", "b": "2"}, 100.0) == {}
    assert killed.gone({"a": 1, "b": 0}, {"b": "2"}, 110.0) == {"1": 1}
    assert killed.gone({"a": 1}, {}, 3690.0) == {"1": 1}
    assert killed.gone({"a": 1}, {}, 3710.0) == {}
    assert killed.gone({"a": 1}, {"a": "1"}, 3720.0) == {}, "it is listed again, and shown with the others"


async def test_kills_are_not_shown_where_the_subject_is_switched_off() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, reading(1), reading(kills=Kills({uuid(1): 1})), chosen=[SUBJECTS["state"]])
    await page(collector)
    host.domains = []
    assert "oom_kills" not in (await page(collector)).replace("slice_oom_kills", "")


@pytest.mark.parametrize(("tag", "collector"), [("", "pressure"), ("lxc", "pressure_lxc")])
async def test_subject_that_the_kernel_lacks_is_said_to_be_left_out(tag: str, collector: str) -> None:
    host = FakeHost(domains=[listed(1)], tag=tag)
    lacking = {"pressure": LeftOut.ABSENT, "queues": LeftOut.UNAUTHORIZED}
    shown = await page(domains(host, reading(1, lacking=lacking))[0])
    left_out = [line for line in shown.splitlines() if line.startswith("stratoscope_collector_left_out{")]
    assert len(left_out) == 2
    assert f'{{cloud="uni",collector="{collector}",reason="absent"}} 1' in left_out[0]


async def test_subject_that_is_switched_off_is_not_called_lacking() -> None:
    lacking = {"pressure": LeftOut.ABSENT, "queues": LeftOut.UNAUTHORIZED}
    collector, _ = domains(
        FakeHost(domains=[listed(1)]), reading(1, lacking=lacking), chosen=[SUBJECTS["state"]]
    )
    assert "left_out" not in await page(collector)


async def test_collection_that_has_no_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, reading(1))

    async def hanging(_: object) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(host, "listing", hanging)
    runner = Runner(Collection(collector, OnScrape(0.05)), grace_s=0.05)
    lines, status = await runner.lines(1)
    assert (lines, status.reason) == (None, Reason.TIMEOUT)


def test_subjects_can_be_chosen_and_so_can_the_totals() -> None:
    collector, _ = domains(FakeHost(), chosen=[SUBJECTS["cpu"]])
    assert set(collector.subjects) == {"cpu", "vms"}
    tagged, _ = domains(FakeHost(tag="lxc"), chosen=[SUBJECTS["cpu"]])
    assert set(tagged.subjects) == {"cpu", "vms", "domains"}
    assert tagged.name == "domains_lxc"


@pytest.mark.parametrize(
    ("master", "of_nic", "before", "shown_as"),
    [
        ("brq1", {}, "brq1", "1"),
        (None, {}, "brq1", "0"),
        (None, {}, None, "0"),  # taken off before the exporter started: the definition knows its bridge
        ("br9", {}, "br9", "0"),
        ("brq1", {}, "br9", "1"),  # moved, and the definition with it
        ("virbr0", {"kind": "network", "bridge": "virbr0", "network": "lab"}, None, "1"),
        (None, {"kind": "network", "bridge": "virbr0", "network": "lab"}, None, "0"),
        ("ovs-system", {"bridge": "br-int", "switch": "openvswitch"}, "ovs-system", "1"),
        (None, {"bridge": "br-int", "switch": "openvswitch"}, "ovs-system", "0"),
        (None, {"bridge": "br-int", "switch": "openvswitch"}, None, None),  # a data path outside the kernel
        (None, {"kind": "ethernet", "bridge": ""}, None, None),
        (None, {"kind": "direct", "bridge": "eth0"}, None, None),
        (None, {"kind": "network", "bridge": ""}, None, None),
    ],
)
async def test_tap_is_on_the_bridge_of_its_definition_or_where_it_was_first_seen(
    master: str | None, of_nic: dict[str, str], before: str | None, shown_as: str | None
) -> None:
    taps = told(vnet0=a_tap(master=master), masters={"vnet0": before} if before else {})
    known = {uuid(1): identity(nics=(nic(**of_nic),))}
    shown = await page(domains(FakeHost(domains=[listed(1)], known=known), reading(1, taps=taps))[0])
    line = f'vm_network_attached{{cloud="uni",vm_id="{uuid(1)}",device="vnet0"}} '
    assert (f"{line}{shown_as}\n" if shown_as else "vm_network_attached") in shown + (
        "" if shown_as else line
    )
    assert (line in shown) is (shown_as is not None)
    assert checks(shown, 1)["network"] == ("1" if shown_as == "0" else "0")


@pytest.mark.parametrize(("known", "shown_as"), [(True, "1"), (False, "0"), (None, None)])
async def test_link_that_the_operator_set_down_has_a_series_of_its_own(
    known: bool | None, shown_as: str | None
) -> None:
    identities = {} if known is None else {uuid(1): identity(nics=(nic(link=known),))}
    host = FakeHost(domains=[listed(1)], known=identities)
    shown = await page(domains(host, reading(1, taps=told(vnet0=a_tap())))[0])
    lines = [line.rpartition(" ")[2] for line in of_vm(shown, uuid(1)) if "vm_network_link_up{" in line]
    assert lines == ([] if shown_as is None else [shown_as])


async def test_vm_that_is_off_keeps_its_sizes_and_one_that_runs_has_none_of_these() -> None:
    sizes = (DiskSizes("vda", 30, 10, 20),)
    host = FakeHost(
        domains=[listed(1), listed(2, is_active=False, **{"state.state": 5, "net.count": 0})],
        known={uuid(number): identity(vm_id=uuid(number)) for number in (1, 2)},
        its_off_disks={uuid(2): sizes},
    )
    shown = await page(domains(host, reading(1))[0])
    assert host.asked_off == {uuid(2): (volume(),)}
    of_off = [
        line.partition("{")[0].rpartition("_vm_")[2] for line in of_vm(shown, uuid(2)) if "_off_" in line
    ]
    assert sorted(of_off) == [
        "off_disk_allocation_bytes", "off_disk_capacity_bytes", "off_disk_physical_bytes", "off_memory_bytes",
        "off_vcpus",
    ]  # fmt: skip
    assert not any("_off_" in line for line in of_vm(shown, uuid(1)))


async def test_storage_of_vms_that_are_off_is_not_asked_where_nobody_wants_their_sizes() -> None:
    host = FakeHost(domains=[listed(1, is_active=False)], known={uuid(1): identity()})
    chosen = [subject for subject in BY_DEFAULT if subject.name != "off"]
    await fetched(domains(host, chosen=chosen)[0])
    assert host.asked_off == {}


async def test_device_with_an_endless_name_costs_itself_and_is_counted() -> None:
    host = FakeHost(domains=[listed(1, **{"net.0.name": "x" * 1025})])
    collector, _ = domains(host, reading(1))
    data = await fetched(collector)
    assert collector.malformed(data) == 1
    assert "x" * 1025 not in rendered(collector.samples(data), collector.families)


@pytest.mark.parametrize(("link", "verdict"), [(True, None), (False, "1")])
async def test_link_set_down_blames_the_network_though_the_hosts_end_is_not_known(
    link: bool, verdict: str | None
) -> None:
    host = FakeHost(domains=[listed(1)], known={uuid(1): identity(nics=(nic(link=link),))})
    for readings in ((reading(1),), ()):  # a vhost-user interface of this host; a VM of another machine
        shown = await page(domains(host, *readings)[0])
        assert checks(shown, 1).get("network") == verdict
        assert f'vm_network_link_up{{cloud="uni",vm_id="{uuid(1)}",device="vnet0"}} {int(link)}\n' in shown
        assert "vm_network_up{" not in shown
