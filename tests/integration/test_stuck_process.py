"""A QEMU whose files in /proc hang, since its memory lies on storage that does."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from integration.conftest import RunningExporter
from integration.own_guest import file_system, run
from integration.scrapes import scrape
from integration.virsh import virsh, wait_for

pytestmark = pytest.mark.integration


def is_readable(pid: int) -> bool:
    """Whether its command line can be read within a second; a thread that cannot is left alone."""

    def read() -> None:
        with suppress(OSError):  # it may end while this hangs
            Path(f"/proc/{pid}/cmdline").read_bytes()

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(1)
    return not reading.is_alive()


@pytest.fixture
def stuck() -> Iterator[int]:
    """The id of such a process, which bears QEMU's name."""
    program = Path(__file__).with_name("stuck_process.py")
    with file_system("strato-stuck") as storage:
        command = [sys.executable, program, "qemu-system-x86", storage.folder / "memory"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            run("sync", "--file-system", storage.folder)
            with storage.frozen():
                process.stdin.write("\n")
                process.stdin.flush()
                wait_for(lambda: not is_readable(process.pid))
                yield process.pid
            process.wait(30)


def test_process_whose_command_line_hangs_takes_no_vm_of_another(
    stuck: int, exporter: RunningExporter
) -> None:
    assert not is_readable(stuck)
    running = set(virsh("list", "--uuid").split())
    for _ in range(3):
        ours, took_s = scrape(exporter)
        assert took_s < 5
        assert ours.value("host_vms_unreadable", reason="timeout") == 0
        told = [labels["vm_id"] for labels, _ in ours.all("vm_storage_blocked_seconds")]
        assert len(told) >= len(running) > 0
        assert ours.success("domains") == 1
