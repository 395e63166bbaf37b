"""Storage that hangs under a guest, and storage that is only busy: the first alone is blamed."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from guests.definitions import Guest

from integration.conftest import RunningExporter
from integration.own_guest import FileSystem, OwnGuest, file_system, own_guest
from integration.scrapes import scrape
from integration.virsh import Page, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.full, pytest.mark.timeout(900)]

OTHER_ID = "57a70000-0000-4000-8000-000000000002"
CHECKS = ("host", "vm", "storage", "network")
FROZEN_S = 75
BUSY_S = 60


@pytest.fixture(scope="module")
def storage() -> Iterator[FileSystem]:
    with file_system("strato-storage") as storage:
        yield storage


def failed(page: Page, vm_id: str) -> set[str]:
    return {check for check in CHECKS if page.value("vm_status_check_failed", vm_id=vm_id, check=check)}


def blocked_s(page: Page, guest: OwnGuest) -> float:
    value = page.value("vm_storage_blocked_seconds", vm_id=guest.vm_id)
    assert value is not None
    return value


@pytest.mark.parametrize(
    ("number", "driver"),
    [
        (71, "type='raw'"),  # a worker of QEMU's waits
        (
            72,
            "type='raw' cache='none' io='native'",
        ),  # QEMU's main thread itself waits, and its monitor with it
        (73, "type='raw' cache='none' io='io_uring'"),  # a worker of the kernel's
    ],
    ids=["threads", "native", "io_uring"],
)
def test_storage_that_hangs_is_blamed_alone_until_it_goes_on(
    exporter: RunningExporter, storage: FileSystem, number: int, driver: str
) -> None:
    with own_guest(Guest(f"strato-{number}", number), storage.folder / f"{number}", driver) as guest:
        guest.wait_until_at_work()
        ours, _ = scrape(exporter)
        assert failed(ours, guest.vm_id) == set()
        with storage.frozen():
            until = time.monotonic() + FROZEN_S
            while time.monotonic() < until:
                time.sleep(2)
                for _ in range(2):  # as if two scraped it
                    ours, took_s = scrape(exporter)
                    assert took_s < 10
                    expected = {"storage"} if blocked_s(ours, guest) >= 10 else set()
                    assert failed(ours, guest.vm_id) == expected
                    assert failed(ours, OTHER_ID) == set()
            assert blocked_s(ours, guest) > FROZEN_S - 20
            assert ours.value("vm_cpu_seconds_total", vm_id=guest.vm_id) is not None
        wait_for(lambda: blocked_s(scrape(exporter)[0], guest) == 0)
        wait_for(lambda: failed(scrape(exporter)[0], guest.vm_id) == set())


def keep_busy(storage: FileSystem, number: int) -> None:
    """Write to the file system as fast as it takes it, and wait for each piece to be on the disk."""
    path = storage.folder / f"busy-{number}"
    until = time.monotonic() + BUSY_S
    while time.monotonic() < until:
        command = [
            "dd",
            "if=/dev/zero",
            f"of={path}",
            "bs=1M",
            "count=16",
            "conv=fsync,notrunc",
            "status=none",
        ]
        subprocess.run(command, check=True)
    path.unlink()


def test_disk_that_is_kept_busy_is_not_blamed(exporter: RunningExporter, storage: FileSystem) -> None:
    with own_guest(Guest("strato-74", 74), storage.folder / "74") as guest, ThreadPoolExecutor(4) as pool:
        guest.wait_until_at_work()
        busy = [pool.submit(keep_busy, storage, number) for number in range(4)]
        while not all(one.done() for one in busy):
            time.sleep(0.5)
            ours, _ = scrape(exporter)
            assert failed(ours, guest.vm_id) == set()
            assert blocked_s(ours, guest) < 10
        for one in busy:
            one.result()
