"""What an operator sees when a guest hangs, the daemon dies or hangs, guests come and go."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from guests import host

from integration.conftest import RunningExporter
from integration.scrapes import TIMEOUT_S, scrape
from integration.virsh import Page, page, pid_of, stopped, virsh, wait_for
from stratoscope.core.web.server import MOST_SCRAPES

pytestmark = pytest.mark.integration

STUCK, STUCK_ID = "strato-1", "57a70000-0000-4000-8000-000000000001"
OTHER_ID = "57a70000-0000-4000-8000-000000000002"
DOMAINS = frozenset({"cloud": "lab", "collector": "domains"}.items())
LIBVIRTD = Path("/run/libvirtd.pid")


def files_and_threads(exporter: RunningExporter) -> tuple[int, int]:
    process = Path(f"/proc/{exporter.process.pid}")
    return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


@pytest.fixture
def restarted() -> Iterator[None]:
    """Whatever the test did to libvirtd, it runs again afterwards."""
    yield
    host.start_daemon()


def kill_daemon() -> None:
    os.kill(int(LIBVIRTD.read_text()), signal.SIGKILL)
    wait_for(lambda: not host.daemon_answers())


def test_a_hung_guest_costs_itself_alone_and_comes_back(exporter: RunningExporter) -> None:
    first, _ = scrape(exporter)
    with stopped(pid_of(STUCK)):
        for number in range(3):
            time.sleep(1)
            ours, took_s = scrape(exporter)
            assert took_s < TIMEOUT_S
            if number:
                assert took_s < 2, "only the scrape that meets the hung guest first waits for it"
            assert ours.success("domains") == 1
        fresh = [labels["vm_id"] for labels, _ in ours.all("vm_disk_read_bytes_total", device="vda")]
        assert STUCK_ID not in fresh
        assert {labels["vm_id"] for labels, _ in first.all("vm_disk_read_bytes_total")} - {STUCK_ID} <= set(
            fresh
        )
        assert ours.value("vm_state", vm_id=STUCK_ID, state="running") == 1
        assert ours.value("vm_cpu_seconds_total", vm_id=STUCK_ID) is not None
        assert ours.value("vm_network_receive_bytes_total", vm_id=STUCK_ID) is not None
        blocked = ours.value("vm_monitor_blocked_seconds", vm_id=STUCK_ID)
        assert blocked is not None
        assert blocked > 1
        age = ours.value("vm_monitor_last_answer_age_seconds", vm_id=STUCK_ID)
        assert age is not None
        assert age > blocked
        assert ours.value("vm_monitor_blocked_seconds", vm_id=OTHER_ID) == 0
        assert ours.value("vm_status_check_failed", vm_id=STUCK_ID, check="host") == 1
        assert ours.value("vm_status_check_failed", vm_id=OTHER_ID, check="host") == 0
        assert ours.success("jobs") == 1
    wait_for(lambda: scrape(exporter)[0].value("vm_monitor_blocked_seconds", vm_id=STUCK_ID) == 0)
    ours, _ = scrape(exporter)
    assert ours.value("vm_disk_read_bytes_total", vm_id=STUCK_ID, device="vda") is not None


def test_two_hung_guests_cost_themselves_alone(exporter: RunningExporter) -> None:
    scrape(exporter)
    with stopped(pid_of(STUCK)), stopped(pid_of("strato-2")):
        for _ in range(3):
            ours, took_s = scrape(exporter)
            assert took_s < TIMEOUT_S
        fresh = {labels["vm_id"] for labels, _ in ours.all("vm_disk_read_bytes_total", device="vda")}
        running = {labels["vm_id"] for labels, _ in ours.all("vm_state", state="running")}
        assert running - fresh == {STUCK_ID, OTHER_ID}
    wait_for(lambda: scrape(exporter)[0].value("vm_monitor_blocked_seconds", vm_id=OTHER_ID) == 0)


@pytest.mark.usefixtures("restarted")
def test_a_daemon_that_dies_is_said_and_its_return_is_noticed(exporter: RunningExporter) -> None:
    scrape(exporter)
    files, _ = files_and_threads(exporter)
    kill_daemon()
    ours, took_s = scrape(exporter)
    assert took_s < TIMEOUT_S
    assert ours.success("domains") == 0
    assert ours.errors("domains", "unavailable") >= 1
    assert ours.value("libvirt_reachable") == 0
    assert ours.value("vm_status_check_failed", vm_id=STUCK_ID, check="host") == 0, "the VM is well"
    assert ours.value("vm_cpu_seconds_total", vm_id=STUCK_ID) is not None, "the kernel goes on to tell"
    assert ours.all("vm_disk_read_bytes_total") == [], "old data must not be repeated"
    host.start_daemon()
    ours, _ = scrape(exporter)
    assert ours.success("domains") == 1
    assert ours.value("libvirt_reachable") == 1
    assert ours.value("vm_cpu_seconds_total", vm_id=STUCK_ID) is not None
    wait_for(lambda: scrape(exporter)[0].value("libvirt_events_connected") == 1)
    assert files_and_threads(exporter)[0] <= files + 6, "connections of the daemon before are closed"


@pytest.mark.usefixtures("restarted")
def test_a_daemon_killed_in_the_middle_of_scrapes_breaks_no_page(exporter: RunningExporter) -> None:
    stop = threading.Event()
    pages: list[tuple[Page, float]] = []

    def keep_scraping() -> None:
        while not stop.is_set():
            pages.append(scrape(exporter))

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(keep_scraping) for _ in range(4)]
        try:
            time.sleep(1)
            kill_daemon()
            time.sleep(1)
            host.start_daemon()
            time.sleep(2)
        finally:
            stop.set()
        for one in running:
            one.result()
    assert max(took_s for _, took_s in pages) < TIMEOUT_S
    assert {ours.success("domains") for ours, _ in pages} == {0.0, 1.0}
    assert pages[-1][0].success("domains") == 1


def test_a_daemon_that_hangs_is_a_timeout_and_the_host_still_shows(exporter: RunningExporter) -> None:
    scrape(exporter)
    with stopped(int(LIBVIRTD.read_text())):
        _, threads = files_and_threads(exporter)
        for _ in range(3):
            ours, took_s = scrape(exporter, timeout_s=3)
            assert took_s < 3
            assert ours.success("domains") == 0
            assert ours.value("libvirt_reachable") == 0
            assert ours.value("host_cpus") is not None
            assert ours.value("vm_status_check_failed", vm_id=STUCK_ID, check="host") == 0
            assert ours.value("vm_cpu_seconds_total", vm_id=STUCK_ID) is not None
        assert files_and_threads(exporter)[1] <= threads + 6, "a hung daemon costs no thread per scrape"
    wait_for(lambda: scrape(exporter)[0].success("domains") == 1, 60)


def test_sigterm_ends_the_exporter_within_2_s_while_the_daemon_hangs(exporter: RunningExporter) -> None:
    with stopped(int(LIBVIRTD.read_text())), ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(scrape, exporter)
        time.sleep(0.5)
        assert not hanging.done()
        began = time.monotonic()
        exporter.process.send_signal(signal.SIGTERM)
        assert exporter.process.wait(10) == 0
        assert time.monotonic() - began < 2
        hanging.exception(5)  # whatever the scrape got: the connection ended


def test_guests_that_come_and_go_break_no_page_and_are_counted(exporter: RunningExporter) -> None:
    stop = threading.Event()
    pages: list[Page] = []

    def keep_scraping() -> None:
        while not stop.is_set():
            pages.append(scrape(exporter)[0])

    saved = host.FOLDER / "saved"
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(keep_scraping) for _ in range(2)]
        try:
            for _ in range(3):
                virsh("start", "strato-off")
                virsh("destroy", "strato-off")
            virsh("start", "strato-off")
            virsh("save", "strato-off", str(saved))
            virsh("restore", str(saved))
            virsh("suspend", "strato-off")
            virsh("resume", "strato-off")
            virsh("destroy", "strato-off")
        finally:
            stop.set()
        for one in running:
            one.result()
    saved.unlink()
    assert {ours.success("domains") for ours in pages} == {1.0}
    off = "57a70000-0000-4000-8000-000000009999"
    ours, _ = scrape(exporter)
    events = {
        (labels["event"], labels["detail"]): value for labels, value in ours.all("vm_events_total", vm_id=off)
    }
    assert events["started", "booted"] == 4
    assert events["stopped", "destroyed"] == 4
    assert events["stopped", "saved"] == 1
    assert events["started", "restored"] == 1
    assert events["suspended", "paused"] >= 1
    counted = ours.value("host_events_total", event="stopped", detail="crashed")
    assert counted == 0, "what has not happened is counted from 0"


def test_a_guest_killed_from_outside_fails_its_own_check_alone(exporter: RunningExporter) -> None:
    off = "57a70000-0000-4000-8000-000000009999"
    virsh("start", "strato-off")
    scrape(exporter)
    os.kill(pid_of("strato-off"), signal.SIGKILL)
    wait_for(lambda: scrape(exporter)[0].value("vm_status_check_failed", vm_id=off, check="vm") == 1)
    ours, _ = scrape(exporter)
    assert ours.value("vm_events_total", vm_id=off, event="stopped", detail="failed") == 1
    assert ours.value("vm_status_check_failed", vm_id=STUCK_ID, check="vm") == 0


def test_a_job_shows_while_it_runs(exporter: RunningExporter) -> None:
    """A save through a slow pipe: its progress is seen, and it is gone afterwards."""
    config = Path(exporter.log.parent, "stratoscope.yml")
    faster = "hypervisor: {collectors: {jobs: {interval: 1s, timeout: 1s, max_age: 4s}}}\n"
    config.write_text(config.read_text() + faster)
    exporter.process.send_signal(signal.SIGHUP)
    slow = host.FOLDER / "slow"
    os.mkfifo(slow)
    done = threading.Event()

    def read_slowly() -> None:
        with slow.open("rb") as pipe:
            while pipe.read(1 << 20):
                done.wait(0.2)

    with ThreadPoolExecutor(2) as pool:
        reading, dumping = pool.submit(read_slowly), pool.submit(virsh, "dump", STUCK, str(slow), "--live")
        try:
            wait_for(lambda: scrape(exporter)[0].all("vm_job_elapsed_seconds", vm_id=STUCK_ID))
            ((labels, _),) = scrape(exporter)[0].all("vm_job_elapsed_seconds", vm_id=STUCK_ID)
            assert labels["operation"] == "dump"
        finally:
            done.set()
            reading.result(60)
            dumping.result(60)
            slow.unlink()
    wait_for(lambda: not scrape(exporter)[0].all("vm_job_elapsed_seconds"))


def test_200_scrapes_as_many_at_once_as_are_served_share_collections(exporter: RunningExporter) -> None:
    scrape(exporter)
    with ThreadPoolExecutor(MOST_SCRAPES) as pool:
        texts = list(pool.map(lambda _: exporter.get(timeout_s=60), range(200)))
    pages = [page(text) for text in texts]
    assert all(ours.success("domains") == 1 for ours in pages)
    success = "stratoscope_collector_last_success_timestamp_seconds"
    ends = {ours.samples[success, DOMAINS] for ours in pages}
    assert len(ends) < 100, "200 scrapes must not be 200 collections"
