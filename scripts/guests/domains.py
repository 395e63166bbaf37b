"""How the guests come and go."""

import shutil
import subprocess
import time

from guests import images
from guests.definitions import OURS, Guest, domain_xml
from guests.host import FOLDER, virsh

DISK_BYTES, SECOND_DISK_BYTES, TINY_DISK_BYTES = 16 << 20, 8 << 20, 1 << 20


def add(guests: list[Guest], memory_mib: int) -> None:
    """Define and start what is not there or does not run."""
    for source in images.linux_guest():
        shutil.copy(source, FOLDER)
    defined, active = virsh("list", "--all", "--name").split(), virsh("list", "--name").split()
    for guest in guests:
        if guest.name not in defined:
            make_disks(guest)
            definition = FOLDER / f"{guest.name}.xml"
            definition.write_text(domain_xml(guest, memory_mib if guest.is_linux else 2))
            virsh("define", definition)
        if guest.start != "off" and guest.name not in active:
            virsh("start", guest.name, *(["--paused"] if guest.start == "paused" else []))


def make_disks(guest: Guest) -> None:
    first = guest.disk("vda")
    if guest.is_linux:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", first, str(DISK_BYTES)], check=True)
    else:
        first.write_bytes(images.boot_sector().ljust(TINY_DISK_BYTES, b"\0"))
    if guest.has_second_disk:
        guest.disk("vdb").write_bytes(bytes(SECOND_DISK_BYTES))


def wait_until_working(guests: list[Guest], timeout_s: float) -> None:
    """Until the balloon driver of each running Linux guest reports, which is when its kernel is up."""
    waiting = {guest.name for guest in guests if guest.is_linux and guest.start == "running"}
    deadline = time.monotonic() + timeout_s
    while waiting:
        waiting = {name for name in waiting if "unused " not in virsh("dommemstat", name)}
        if waiting and time.monotonic() > deadline:
            raise SystemExit(f"no sign of life within {timeout_s:.0f} s from {', '.join(sorted(waiting))}")
        time.sleep(0.5)


def remove_all() -> None:
    """Destroy and undefine every domain of ours, hung ones too."""
    active = virsh("list", "--uuid").split()
    for uuid in virsh("list", "--all", "--uuid").split():
        if not uuid.startswith(OURS):
            continue
        if uuid in active:
            virsh("destroy", uuid)
        virsh("undefine", "--managed-save", "--snapshots-metadata", uuid)
