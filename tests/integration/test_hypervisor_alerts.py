"""Each alert on hosts and their VMs fires by a real fault, and ends when the fault is over."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from guests import host
from guests.definitions import Guest

from integration.alerting import FACTOR, HOST, JOB, WATCHED, Alert, Watch, watching, watching_as_usual
from integration.bare_guest import IDLES, WRITES, Bare, bare_guest
from integration.conftest import started
from integration.own_guest import OwnGuest, file_system, own_guest, run
from integration.virsh import domstats, stopped, virsh, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.full, pytest.mark.timeout(900)]

CONFIG = """
clouds: [{name: lab, kind: libvirt, uri: "qemu:///system"}]
hypervisor: {collectors: {pools: {interval: 1s, timeout: 1s, max_age: 3s}}}
"""
LIBVIRTD = Path("/run/libvirtd.pid")
MEMORY_KIB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
POOL = "stratoscope_hypervisor_host_pool_available_bytes"
FOLDER = Path(__file__).parent
STOPPED = "the QEMU of a VM is stopped (SIGSTOP)"


def faster(minutes: float) -> float:
    """Seconds."""
    return minutes * 60 / FACTOR


def of(own: OwnGuest) -> dict[str, str]:
    """Labels of an alert on a VM."""
    number = own.guest.number
    return {**HOST, "vm_id": own.vm_id, "vm_name": f"vm-{number}", "project_id": f"project-{number % 3}"}


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    folder = tmp_path_factory.mktemp("exporter")
    with (
        started("hypervisor", folder, CONFIG) as exporter,
        watching(exporter, tmp_path_factory.mktemp("hypervisor")) as watch,
    ):
        yield watch


@pytest.fixture
def guest(watch: Watch) -> Iterator[OwnGuest]:
    """One that writes to its disk each second."""
    with bare_guest(Bare(101, WRITES)) as own:
        watch.wait_until_known(own)
        yield own


def test_nothing_fires_about_a_vm_that_is_well(watch: Watch, guest: OwnGuest) -> None:
    time.sleep(faster(10))
    assert watch.about(guest) == set()


def test_process_of_a_vm_is_stopped(watch: Watch, guest: OwnGuest) -> None:
    alert = Alert("StratoscopeVMStuck", of(guest), faster(2))
    with ExitStack() as stack, watch.fault(STOPPED, alert):
        stack.enter_context(stopped(guest.pid))
    watch.wait_until_over(alert)


def test_vm_that_is_stuck_is_an_alert_in_time(
    watch: Watch, guest: OwnGuest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Beyond the `for` and the interval of scrapes it takes no longer than what is always allowed."""
    alert = Alert("StratoscopeVMStuck", of(guest), after_s=120 + 60)
    with watching_as_usual(watch.exporter, tmp_path_factory.mktemp("usual")) as usual, ExitStack() as stack:
        usual.wait_until_known(guest)
        with usual.fault(STOPPED, alert):
            stack.enter_context(stopped(guest.pid))


def test_process_of_a_vm_is_killed(watch: Watch, guest: OwnGuest) -> None:
    alert = Alert("StratoscopeVMCrashed", of(guest), faster(5))
    with watch.fault("the QEMU of a VM is killed (SIGKILL)", alert):
        os.kill(guest.pid, signal.SIGKILL)
    virsh("start", guest.name)
    watch.wait_until_over(alert)


def test_interface_of_a_vm_is_down(watch: Watch, guest: OwnGuest) -> None:
    alert = Alert("StratoscopeVMNetworkDown", of(guest), faster(5))
    tap = domstats(guest.name)[guest.name]["net.0.name"]
    with watch.fault("the tap of a VM is set down", alert):
        run("ip", "link", "set", tap, "down")
    run("ip", "link", "set", tap, "up")
    watch.wait_until_over(alert)


def test_file_system_of_a_vm_hangs(watch: Watch) -> None:
    with file_system("strato-alerts") as storage, bare_guest(Bare(102, WRITES), storage.folder) as guest:
        watch.wait_until_known(guest)
        # The check fails when a request has hung for 10 s.
        alert = Alert("StratoscopeVMStorageFailing", of(guest), 10 + faster(2))
        with ExitStack() as stack, watch.fault("the file system below a VM's disk is frozen", alert):
            stack.enter_context(storage.frozen())
        watch.wait_until_over(alert)


def test_file_system_of_a_vm_is_full(watch: Watch) -> None:
    with file_system("strato-alerts") as storage:
        with bare_guest(Bare(103, WRITES), storage.folder, start=False) as guest:
            watch.wait_until_known(guest)
            alert = Alert("StratoscopeVMStorageFailing", of(guest), faster(2))
            with suppress(OSError):
                (storage.folder / "rest").write_bytes(bytes(128 << 20))
            with watch.fault("the file system below a VM's thin disk is full", alert):
                virsh("resume", guest.name)
        watch.wait_until_over(alert)


def test_monitors_of_many_vms_hang(watch: Watch) -> None:
    alert = Alert("StratoscopeLibvirtCallsHung", {**HOST, "uri": "qemu:///system"}, faster(5))
    with ExitStack() as stack:
        guests = [stack.enter_context(bare_guest(Bare(number, IDLES))) for number in range(104, 112)]
        watch.wait_until_known(*guests)
        with watch.fault("the QEMUs of eight VMs are stopped (SIGSTOP)", alert):
            held = [stack.enter_context(stopped(guest.pid)) for guest in guests]
        assert held
        for guest in guests:
            os.kill(guest.pid, signal.SIGCONT)
        watch.wait_until_over(alert)


@pytest.mark.parametrize(
    ("what", "how"),
    [("libvirtd is killed (SIGKILL)", signal.SIGKILL), ("libvirtd is stopped (SIGSTOP)", signal.SIGSTOP)],
)
def test_daemon_does_not_answer(watch: Watch, guest: OwnGuest, what: str, how: signal.Signals) -> None:
    exporter = {"cloud": "lab", "job": JOB}
    alerts = [
        Alert("StratoscopeLibvirtUnreachable", {**HOST, "uri": "qemu:///system"}, faster(5)),
        Alert("StratoscopeCollectorFailing", {**exporter, "collector": "domains"}, faster(10)),
        Alert("StratoscopeCollectorStale", {**exporter, "collector": "pools"}, 3 + faster(2)),
    ]
    pid = int(LIBVIRTD.read_text())
    try:
        with watch.fault(what, *alerts):
            os.kill(pid, how)
        assert watch.about(guest) == set(), "the VM is well"
    finally:
        if how is signal.SIGSTOP:
            os.kill(pid, signal.SIGCONT)
        host.start_daemon()
    watch.wait_until_over(*alerts)


def test_idle_vms_are_promised_more_than_the_host_has(watch: Watch) -> None:
    alerts = [
        Alert("StratoscopeHostVCPUsOvercommitted", HOST, faster(60)),
        Alert("StratoscopeHostMemoryOvercommitted", HOST, faster(60)),
        Alert("StratoscopePayloadStuck", {"cloud": "lab", "project_id": WATCHED}, faster(120)),
    ]
    cpus, memory_mib = len(os.sched_getaffinity(0)), MEMORY_KIB // 1024
    with ExitStack() as stack:
        what = "VMs with 9 virtual CPUs per CPU and 1.8 times the memory start, and do nothing"
        with watch.fault(what, *alerts):
            for number in range(112, 115):
                bare = Bare(number, IDLES, vcpus=3 * cpus, memory_mib=memory_mib * 6 // 10)
                stack.enter_context(bare_guest(bare))
    watch.wait_until_over(*alerts)


def test_storage_pool_fills_up(watch: Watch) -> None:
    alert = Alert("StratoscopePoolNearlyFull", {**HOST, "pool": "strato-alerts"}, faster(30))
    with file_system("strato-alerts") as storage:
        virsh("pool-create-as", "strato-alerts", "dir", "--target", str(storage.folder))
        try:
            wait_for(lambda: watch.prometheus.ask(f'{POOL}{{pool="strato-alerts"}}'))
            with watch.fault("a storage pool of 128 MiB gets a volume of 100 MiB", alert):
                (storage.folder / "volume").write_bytes(bytes(100 << 20))
                virsh("pool-refresh", "strato-alerts")
        finally:
            virsh("pool-destroy", "strato-alerts")
    watch.wait_until_over(alert)


@contextmanager
def connection_table(most: int) -> Iterator[None]:
    """The kernel keeps connections of this host, and as many at most."""
    limit = Path("/proc/sys/net/netfilter/nf_conntrack_max")
    before = limit.read_text()
    rule = "INPUT -i lo -p udp --dport 9 -m conntrack --ctstate INVALID -j ACCEPT"
    run("iptables", "-A", *rule.split())
    limit.write_text(str(most))
    try:
        yield
    finally:
        limit.write_text(before)
        run("iptables", "-D", *rule.split())


def test_connection_table_is_nearly_full(watch: Watch) -> None:
    alert = Alert("StratoscopeConntrackNearlyFull", HOST, faster(5))
    with (
        connection_table(20_000),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
        watch.fault("17,000 connections in a table for 20,000", alert),
    ):
        for port in range(10_000, 27_000):
            out.sendto(b"", ("127.0.0.77", port))
    watch.wait_until_over(alert)


def test_flood_of_packets(watch: Watch) -> None:
    project = {"cloud": "lab", "project_id": WATCHED}
    names = ("StratoscopePacketRateHigh", "StratoscopeTinyPacketFlood", "StratoscopePacketsDropped")
    alerts = [Alert(name, project, faster(10)) for name in names]
    with bare_guest(
        Bare(121, IDLES, nic="rtl8139")
    ) as guest:  # QEMU takes what comes, without a driver in the guest
        watch.wait_until_known(guest)
        tap = domstats(guest.name)[guest.name]["net.0.name"]
        fault = watch.fault("a watched VM gets more of the smallest packets than it can take", *alerts)
        with ExitStack() as stack, fault:
            flood = stack.enter_context(subprocess.Popen([sys.executable, FOLDER / "flood.py", tap]))
            stack.callback(flood.terminate)
        watch.wait_until_over(*alerts)


def test_vms_of_a_host_are_off_and_still_there(watch: Watch) -> None:
    """As after a reboot of the host: more than half of those that ran."""
    running = virsh("list", "--name").split()
    alert = Alert("StratoscopeHostVMsOff", HOST, faster(12))
    with ExitStack() as stack:
        numbers = range(130, 132 + len(running))
        guests = [stack.enter_context(bare_guest(Bare(number, IDLES))) for number in numbers]
        watch.wait_until_known(*guests)
        with watch.fault("most VMs of a host are switched off, and stay", alert):
            for guest in guests:
                virsh("destroy", guest.name)
        for guest in guests:
            virsh("start", guest.name)
        watch.wait_until_over(alert)


@contextmanager
def memory_taken(ratio: float) -> Iterator[None]:
    """Only this share of the host's memory is available."""
    with subprocess.Popen([sys.executable, FOLDER / "hog.py", str(ratio)], stdout=subprocess.PIPE) as hog:
        try:
            assert hog.stdout is not None
            assert hog.stdout.readline() == b"taken\n"
            yield
        finally:
            hog.kill()


def test_host_has_little_memory_left_and_the_kernel_kills_a_vm(watch: Watch) -> None:
    """It kills it at a limit of its own: a host that truly has no memory answers nobody for a minute."""
    low = Alert("StratoscopeHostMemoryLow", HOST, faster(15))
    out = Alert("StratoscopeHostOutOfMemory", HOST)
    with own_guest(Guest("strato-122", 122), host.FOLDER / "disks" / "122", start=False) as guest:
        virsh("memtune", guest.name, "--hard-limit", "40000", "--live")
        with ExitStack() as stack:
            with watch.fault("a process takes all memory but 2.8 %", low):
                stack.enter_context(memory_taken(0.028))
            with watch.fault("then the kernel kills a VM that reaches a limit of its memory", out):
                virsh("resume", guest.name)
    watch.wait_until_over(low, out)


def test_exporter_is_killed(watch: Watch) -> None:
    alert = Alert("StratoscopeExporterDown", {**HOST, "job": JOB}, faster(5))
    with watch.fault("the exporter is killed (SIGKILL)", alert):
        watch.exporter.process.kill()
