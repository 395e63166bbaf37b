"""While the daemon is away, or has no time for the exporter, the kernel tells of its VMs; none is blamed."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import libvirt
import pytest
from guests import host
from guests.definitions import Guest

from integration.conftest import RunningExporter
from integration.own_guest import own_guest
from integration.scrapes import scrape
from integration.virsh import URI, Page, pid_of, stopped, virsh, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.full, pytest.mark.timeout(900)]

ONE, ONE_ID = "strato-1", "57a70000-0000-4000-8000-000000000001"
OTHER_ID = "57a70000-0000-4000-8000-000000000002"
LIBVIRTD = host.Path("/run/libvirtd.pid")
AWAY_S = 40
"""Longer than a monitor may be silent before the host is blamed for it."""


def failed(page: Page, vm_id: str) -> set[str]:
    lines = page.all("vm_status_check_failed", vm_id=vm_id)
    assert lines, f"nothing is told of {vm_id}"
    return {labels["check"] for labels, value in lines if value}


def cpu_s(page: Page, vm_id: str) -> float:
    value = page.value("vm_cpu_seconds_total", vm_id=vm_id)
    assert value is not None
    return value


def running() -> set[str]:
    return set(virsh("list", "--uuid").split())


@contextmanager
def killed() -> Iterator[None]:
    """The daemon is dead; it is started again at the end."""
    os.kill(int(LIBVIRTD.read_text()), signal.SIGKILL)
    try:
        wait_for(lambda: not host.daemon_answers())
        yield
    finally:
        host.start_daemon()


def hung() -> stopped:
    return stopped(int(LIBVIRTD.read_text()))


@pytest.mark.parametrize("away", [killed, hung])
def test_vms_go_on_by_the_kernel_and_none_is_blamed(
    exporter: RunningExporter, away: Callable[[], "stopped"]
) -> None:
    vms = running()
    before, _ = scrape(exporter)
    with away():
        until = time.monotonic() + AWAY_S
        while time.monotonic() < until:
            ours, took_s = scrape(exporter, timeout_s=5)
            assert took_s < 5
            assert ours.success("domains") == 0
            assert ours.value("libvirt_reachable") == 0
            assert {labels["vm_id"] for labels, _ in ours.all("vm_info", host=os.uname().nodename)} >= {
                vm for vm in vms if before.all("vm_info", vm_id=vm)
            }
            for vm_id in vms & {ONE_ID, OTHER_ID}:
                assert failed(ours, vm_id) == set()
            assert ours.all("vm_state") == [], "what only libvirt tells is not repeated"
            assert ours.all("vm_disk_read_bytes_total") == []
            time.sleep(1)
        assert cpu_s(ours, ONE_ID) > cpu_s(before, ONE_ID)
        assert ours.value("vm_network_up", vm_id=ONE_ID) == 1
    wait_for(lambda: scrape(exporter)[0].success("domains") == 1)
    after, _ = scrape(exporter)
    assert cpu_s(after, ONE_ID) >= cpu_s(ours, ONE_ID)
    assert failed(after, ONE_ID) == set()
    assert after.value("vm_state", vm_id=ONE_ID, state="running") == 1


def test_vms_that_stop_or_die_meanwhile_are_blamed_by_the_kernel(exporter: RunningExporter) -> None:
    guest = Guest("strato-75", 75, is_linux=False)
    with own_guest(guest, host.FOLDER / "disks" / "75") as own:
        wait_for(lambda: scrape(exporter)[0].value("vm_state", vm_id=own.vm_id, state="running"))
        pid = own.pid
        with killed():
            with stopped(pid_of(ONE)):
                ours, _ = scrape(exporter)
                assert failed(ours, ONE_ID) == {"host"}
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: failed(scrape(exporter)[0], own.vm_id) == {"vm"})
            ours, _ = scrape(exporter)
            assert ours.value("vm_cpu_seconds_total", vm_id=own.vm_id) is None
            assert failed(ours, ONE_ID) == failed(ours, OTHER_ID) == set()
        wait_for(
            lambda: scrape(exporter)[0].value("vm_status_check_failed", vm_id=own.vm_id, check="vm") == 1
        )


def test_vms_are_not_blamed_while_others_use_up_the_daemons_workers(exporter: RunningExporter) -> None:
    """Twenty calls of others wait for a guest that hangs: the daemon has no worker left."""
    scrape(exporter)
    command = ["virsh", "--quiet", "--connect", URI, "domblkinfo", ONE, "vda"]
    with stopped(pid_of(ONE)), ExitStack() as stack:
        for _ in range(30):
            other = stack.enter_context(subprocess.Popen(command, stdout=-3, stderr=-3))
            stack.callback(other.kill)
        until = time.monotonic() + AWAY_S
        seen = []
        while time.monotonic() < until:
            ours, took_s = scrape(exporter, timeout_s=5)
            seen.append(ours.success("domains"))
            assert took_s < 5
            assert failed(ours, OTHER_ID) == set()
            assert failed(ours, ONE_ID) == {"host"}, "it is stopped, and the kernel says so"
            time.sleep(1)
        assert 0 in seen, "the daemon had no worker left"
    wait_for(lambda: scrape(exporter)[0].success("domains") == 1, 60)
    wait_for(lambda: failed(scrape(exporter)[0], ONE_ID) == set())


@contextmanager
def full_house() -> Iterator[None]:
    """The daemon takes no more clients than are there, and these stay."""
    most, now = clients("nclients_max"), clients("nclients")
    held = [libvirt.openReadOnly(URI) for _ in range(20)]
    admin("srv-clients-set", "--max-clients", str(now + len(held)))
    try:
        yield
    finally:
        admin("srv-clients-set", "--max-clients", str(most))
        for connection in held:
            connection.close()


def clients(key: str) -> int:
    pairs = (line.split(":") for line in admin("srv-clients-info").splitlines() if ":" in line)
    return next(int(value) for name, value in pairs if name.strip() == key)


def admin(command: str, *arguments: str) -> str:
    words = ["virt-admin", "--quiet", command, "libvirtd", *arguments]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("is_connected", [True, False])
def test_vms_are_not_blamed_while_the_daemon_takes_no_more_clients(
    exporter: RunningExporter, is_connected: bool
) -> None:
    scrape(exporter)
    with ExitStack() as stack:
        if is_connected:
            stack.enter_context(full_house())
        else:
            with stopped(exporter.process.pid):  # it loses its connections, and gets no new ones
                with killed():
                    pass
                stack.enter_context(full_house())
        until = time.monotonic() + AWAY_S
        while time.monotonic() < until:
            ours, took_s = scrape(exporter, timeout_s=5)
            assert took_s < 5
            for vm_id in (ONE_ID, OTHER_ID):
                assert failed(ours, vm_id) == set()
                assert cpu_s(ours, vm_id) > 0
            time.sleep(1)
        if not is_connected:
            assert ours.success("domains") == 0
            waiting = ours.value("libvirt_waiting_connections")
            assert waiting is not None
            assert waiting > 0
    wait_for(lambda: scrape(exporter)[0].success("domains") == 1, 60)
    wait_for(lambda: scrape(exporter)[0].value("libvirt_waiting_connections") == 0, 60)
