"""What is shown of a URI's VMs while its daemon does not answer: what the kernel tells, whom it blames."""

import asyncio
import time

import pytest

from stratoscope.clouds.libvirt.model import Interface, Vcpu
from stratoscope.core.collector import Collection, OnScrape
from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.runner import Runner
from stratoscope.hypervisor.collectors import left_over
from stratoscope.hypervisor.collectors.domains import Domains
from stratoscope.hypervisor.collectors.vm_ownership import VMOwnership
from stratoscope.hypervisor.kernel.oom import Kills
from stratoscope.hypervisor.kernel.processes import NotFound
from stratoscope.hypervisor.kernel_reader import Reading
from support.collected import BY_DEFAULT, SUBJECTS, a_tap, checks, domains, page, reading, told
from support.libvirt_hosts import FakeHost, FakeKernel, fetched, listed, unavailable
from support.pages import promtool_findings, rendered
from support.patience import FAR_S
from support.vms import NO_BALLOON, PLAIN, answer, domain, identity, kernel, kvm, uuid


async def failure_after(collector: Domains, host: FakeHost, error: CollectError, within_s: float = 5) -> str:
    """What is shown when a collection that succeeded once fails so, given so much time."""
    await fetched(collector)
    host.down = error
    with pytest.raises(CollectError):
        await fetched(collector, within_s)
    return rendered(collector.failure(), collector.families)


def names(shown: str) -> set[str]:
    """Of the metrics, without what they all begin with."""
    lines = [line for line in shown.splitlines() if not line.startswith("#")]
    return {line.partition("{")[0].removeprefix("stratoscope_hypervisor_") for line in lines}


LATER = reading(
    1, taps=told(vnet0=a_tap(), promiscuous={"vnet0": False}), kills=Kills({uuid(1): 0}, {"machine.slice": 4})
)
GIVEN_WITHOUT_DAEMON = {
    "vm_info",
    "vm_vcpus",
    "vm_cpu_seconds_total",
    "vm_cpu_user_seconds_total",
    "vm_cpu_system_seconds_total",
    "vm_vcpu_seconds_total",
    "vm_vcpu_delay_seconds_total",
    "vm_memory_current_bytes",
    "vm_memory_maximum_bytes",
    "vm_memory_rss_bytes",
    "vm_storage_blocked_seconds",
    "vm_network_up",
    "vm_network_mtu_bytes",
    "vm_network_promiscuous_changed",
    "vm_network_attached",
    "vm_network_link_up",
    "vm_vcpu_state",
    "vm_pressure_some_seconds_total",
    "vm_pressure_full_seconds_total",
    "vm_oom_kills_total",
    "vm_status_check_failed",
    "host_slice_oom_kills_total",
}
"""What the kernel and the definition tell of a VM; nothing that only libvirt knows."""


@pytest.mark.parametrize("reason", [Reason.UNAVAILABLE, Reason.TIMEOUT, Reason.BUSY, Reason.UNAUTHORIZED])
async def test_daemon_that_does_not_answer_leaves_what_the_kernel_tells_and_blames_no_vm(
    reason: Reason,
) -> None:
    known = {uuid(1): identity()}
    host = FakeHost(domains=[listed(1), listed(2, is_active=False)], known=known)
    collector, kernel_ = domains(host, reading(1), LATER)
    shown = await failure_after(collector, host, CollectError(reason, "gone"))
    assert names(shown) == GIVEN_WITHOUT_DAEMON
    assert checks(shown, 1) == dict.fromkeys(("host", "vm", "storage", "network"), "0")
    assert f'vm_cpu_seconds_total{{cloud="uni",vm_id="{uuid(1)}"}} 12.5\n' in shown
    assert uuid(2) not in shown
    assert (kernel_.known, kernel_.taps) == ({uuid(1): 1}, ["vnet0"])
    assert promtool_findings(shown) == ""


@pytest.mark.parametrize(
    ("by_kernel", "failed"),
    [
        (Reading(dead_s={uuid(1): 0.0}), "vm"),
        (reading(1, dead_s={uuid(1): 0.0}), "vm"),
        (Reading(vms={uuid(1): kernel(state="T")}), "host"),
        (reading(1, stuck_s={uuid(1): 5.0}), "host"),
        (Reading(vms={uuid(1): kernel(state="D", blocked_s=75.0)}), "storage"),
        (reading(1, taps=told(vnet0=None)), "network"),
    ],
)
async def test_without_the_daemon_a_vm_is_blamed_by_the_kernel(by_kernel: Reading, failed: str) -> None:
    host = FakeHost(domains=[listed(1)], known={uuid(1): identity()})
    collector, _ = domains(host, LATER, by_kernel)
    shown = await failure_after(collector, host, unavailable())
    assert {check for check, value in checks(shown, 1).items() if value == "1"} == {failed}


async def test_without_the_daemon_a_vm_whose_process_is_gone_shows_who_it_was_and_its_checks() -> None:
    host = FakeHost(domains=[listed(1)], known={uuid(1): identity()})
    collector, _ = domains(host, LATER, Reading(dead_s={uuid(1): 0.0}, kills=Kills({uuid(1): 1})))
    shown = await failure_after(collector, host, unavailable())
    assert names(shown) == {"vm_failed_check_info", "vm_info", "vm_oom_kills_total", "vm_status_check_failed"}


async def test_vm_that_the_kernel_does_not_tell_of_is_absent_without_the_daemon() -> None:
    host = FakeHost(domains=[listed(1), listed(2)])
    later = reading(2, missing={uuid(1): NotFound.TIMEOUT})
    collector, _ = domains(host, reading(1, 2), later)
    shown = await failure_after(collector, host, unavailable())
    assert uuid(1) not in shown
    assert uuid(2) in shown


@pytest.mark.parametrize(
    ("detail", "is_shown"), [("shutdown", False), ("destroyed", False), ("migrated", False), ("failed", True)]
)
async def test_vm_that_somebody_ended_before_the_daemon_went_is_not_blamed(
    detail: str, is_shown: bool
) -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, reading(1), Reading(dead_s={uuid(1): 0.0}))
    await fetched(collector)
    host.events.count(uuid(1), -1, "stopped", detail)
    host.down = unavailable()
    with pytest.raises(CollectError):
        await fetched(collector)
    assert bool(rendered(collector.failure(), collector.families)) is is_shown


async def test_vm_that_was_started_again_unheard_is_shown_when_the_daemon_goes() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, reading(1))
    await fetched(collector)
    host.events.count(uuid(1), -1, "stopped", "shutdown")
    host.domains = [listed(1, is_active=False)]
    await fetched(collector)
    host.domains = [listed(1)]
    assert checks(await failure_after(collector, host, unavailable()), 1)["vm"] == "0"


async def test_pause_by_an_io_error_still_holds_without_the_daemon() -> None:
    reasons = {"state.state": 3, "state.reason": 5}
    host = FakeHost(domains=[listed(1, **reasons)])
    collector, _ = domains(host, reading(1))
    assert checks(await failure_after(collector, host, unavailable()), 1)["storage"] == "1"


async def test_cpu_that_only_libvirt_told_is_not_repeated_without_it() -> None:
    stats = answer(**{"cpu.time": 3_000_000_000, "vcpu.current": 1, "vcpu.maximum": 1, "vcpu.0.time": 5})
    host = FakeHost(domains=[listed(1)], answers={uuid(1): stats})
    untold = Reading(vms={uuid(1): kernel(cpu=None, vcpus={}, refused=("cpu",))})
    collector, _ = domains(host, untold)
    assert "vm_cpu_seconds_total" in await page(collector)
    shown = await failure_after(collector, host, unavailable())
    assert not {name for name in names(shown) if "cpu_seconds" in name}


async def test_vcpus_that_only_libvirt_told_are_not_repeated_without_it() -> None:
    stats = {"vcpu.current": 2, "vcpu.maximum": 2, "vcpu.0.state": 2, "vcpu.1.state": 1}
    host = FakeHost(domains=[listed(1)], answers={uuid(1): answer(**stats)})
    collector, _ = domains(host, Reading(vms={uuid(1): kernel(vcpus={})}))
    shown = await page(collector)
    assert f'vm_vcpu_state{{cloud="uni",vm_id="{uuid(1)}",vcpu="0",state="blocked"}} 1\n' in shown
    assert f'vm_vcpus{{cloud="uni",vm_id="{uuid(1)}"}} 2\n' in shown
    assert not {"vm_vcpu_state", "vm_vcpus"} & names(await failure_after(collector, host, unavailable()))


async def test_without_the_daemon_vcpus_are_those_of_the_definition() -> None:
    stats = {"vcpu.current": 2, "vcpu.maximum": 2, "vcpu.0.state": 2, "vcpu.1.state": 2}
    host = FakeHost(domains=[listed(1)], answers={uuid(1): answer(**stats)}, known={uuid(1): identity()})
    collector, _ = domains(host, Reading(vms={uuid(1): kernel(vcpus={})}))
    shown = await failure_after(collector, host, unavailable())
    assert f'vm_vcpu_state{{cloud="uni",vm_id="{uuid(1)}",vcpu="0",state="running"}} 1\n' in shown
    assert f'vm_vcpus{{cloud="uni",vm_id="{uuid(1)}"}} 1\n' in shown


def test_of_what_libvirt_told_of_a_domain_only_who_it_is_its_state_and_its_interfaces_hold() -> None:
    one = domain(
        cpu_s=1.0, user_s=1.0, system_s=1.0, current_vcpus=1,
        vcpus=(Vcpu(0, 1.0, 1.0, 1.0),), vcpu_states=((0, "blocked"),), nameless=3,
    )  # fmt: skip
    before = kvm(domain=one)
    shown = left_over.vm(before, Reading(vms={PLAIN: kernel()}), None)
    assert shown is not None
    interfaces = (
        Interface(
            name="vnet0",
            rx_bytes=None,
            rx_packets=None,
            rx_errors=None,
            rx_drops=None,
            tx_bytes=None,
            tx_packets=None,
            tx_errors=None,
            tx_drops=None,
        ),
    )
    unknown = domain(balloon=NO_BALLOON, disks=(), interfaces=interfaces)
    assert shown.domain == unknown


async def test_vms_are_shown_without_the_daemon_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, reading(1))
    await fetched(collector)
    for age_s, is_shown in ((3590.0, True), (3610.0, False)):
        monkeypatch.setattr(collector, "_before_at", time.monotonic() - age_s)
        host.down = unavailable()
        with pytest.raises(CollectError):
            await fetched(collector)
        assert bool(rendered(collector.failure(), collector.families)) is is_shown


async def test_vms_of_another_machine_are_not_blamed_for_its_daemon() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host)
    assert await failure_after(collector, host, unavailable()) == ""


async def test_vm_that_another_uri_shows_by_now_is_not_shown_without_the_daemon() -> None:
    host = FakeHost(domains=[listed(1), listed(2)])
    kernel_ = FakeKernel([reading(1, 2)])
    ownership = VMOwnership()
    collector = Domains(host.as_host, kernel_.as_kernel, BY_DEFAULT, ownership)
    await fetched(collector)
    ownership.released(collector.name)
    ownership.granted("domains_lxc", {uuid(1): True})
    shown = await failure_after(collector, host, unavailable())
    assert uuid(1) not in shown
    assert uuid(2) in shown


@pytest.mark.parametrize(("within_s", "granted"), [(5, {uuid(1)}), (0.1, set())])
async def test_vm_of_a_daemon_that_does_not_answer_may_be_shown_by_another_uri(
    within_s: float, granted: set[str]
) -> None:
    host, kernel_, ownership = FakeHost(domains=[listed(1)]), FakeKernel([reading(1)]), VMOwnership()
    collector = Domains(host.as_host, kernel_.as_kernel, BY_DEFAULT, ownership)
    await failure_after(collector, host, unavailable(), within_s)
    assert ownership.granted("domains_lxc", {uuid(1): True}) == granted


async def test_failure_shows_nothing_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_groups: frozenset[str]) -> None:
        await asyncio.Event().wait()

    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, reading(1))
    assert await failure_after(collector, host, unavailable())
    monkeypatch.setattr(host, "listing", hang)  # the fake host answers or fails, it never hangs
    with pytest.raises(TimeoutError):
        await fetched(collector, 0.05)
    assert list(collector.failure()) == []


async def test_kernel_is_never_read_twice_at_once() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, kernel_ = domains(host, reading(1))
    await fetched(collector)
    host.down_for_monitors = unavailable()
    kernel_.gate.clear()
    failing = asyncio.create_task(fetched(collector, FAR_S))
    for _ in range(20):
        await asyncio.sleep(0)
    assert kernel_.known == {}
    assert not failing.done()
    kernel_.gate.set()
    with pytest.raises(CollectError):
        await failing
    assert kernel_.known == {uuid(1): 1}


async def test_exporter_that_never_reached_the_daemon_knows_no_vms() -> None:
    host = FakeHost(domains=[listed(1)], down=unavailable())
    collector, _ = domains(host, reading(1))
    with pytest.raises(CollectError):
        await fetched(collector)
    assert rendered(collector.failure(), collector.families) == ""


@pytest.mark.parametrize(("within_s", "begun"), [(5, 1), (0.1, 0)])
async def test_silence_of_monitors_counts_anew_after_the_daemons_own(within_s: float, begun: int) -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, reading(1))
    await failure_after(collector, host, CollectError(Reason.TIMEOUT, "late"), within_s)
    assert host.monitors.begun == begun, "too little time proves nothing"


async def test_without_the_daemon_only_subjects_that_are_switched_on_go_on() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, LATER, chosen=[SUBJECTS["state"]])
    assert names(await failure_after(collector, host, unavailable())) == {"host_slice_oom_kills_total"}


async def test_daemon_that_goes_between_list_and_monitors_leaves_what_the_kernel_tells() -> None:
    host = FakeHost(domains=[listed(1)])
    collector, _ = domains(host, reading(1))
    await fetched(collector)
    host.down_for_monitors = unavailable()
    with pytest.raises(CollectError):
        await fetched(collector)
    assert checks(rendered(collector.failure(), collector.families), 1)["host"] == "0"


async def test_runner_shows_what_the_kernel_tells_on_the_page_of_a_scrape_that_failed() -> None:
    host = FakeHost(domains=[listed(1)], known={uuid(1): identity()})
    collector, _ = domains(host, LATER)
    runner = Runner(Collection(collector, OnScrape()))
    await runner.lines(5)
    host.down = unavailable()
    lines, status = await runner.lines(5)
    assert lines is not None
    assert status.reason is Reason.UNAVAILABLE
    shown = {family.name.removeprefix("stratoscope_hypervisor_") for family in lines.by_family}
    assert shown == GIVEN_WITHOUT_DAEMON
    host.down = None
    lines, status = await runner.lines(5)
    assert status.success
    assert lines is not None
    assert "stratoscope_hypervisor_vm_state" in {family.name for family in lines.by_family}
