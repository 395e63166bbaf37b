"""A guest that is one boot sector: it boots at once, and does one thing for ever."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from guests import host, images
from guests.definitions import Guest, domain_xml

from integration.own_guest import OwnGuest, defined

BURNS = bytes.fromhex("ebfe")  # jmp to itself
IDLES = bytes.fromhex("b030e643faf4ebfd")  # mov al, 0x30; out 0x43, al: no clock; cli; hlt; jmp to the hlt
WRITES = images.boot_sector().replace(
    bytes.fromhex("b90200"), bytes.fromhex("b90900")
)  # into a hole of its image
"""Code that needs a CPU all the time, none at all, or its disk each second."""

DISK_BYTES = 1 << 20


def boot_sector(code: bytes) -> bytes:
    return code[: images.SECTOR - 2].ljust(images.SECTOR - 2, b"\0") + b"\x55\xaa"


@dataclass(frozen=True, slots=True)
class Bare:
    """What a guest is to be.

    Attributes:
        number: Makes its name, its id and its project.
        cpus: CPUs of the host to which it is pinned, as libvirt spells them; all where it is empty.
        shares: Its weight against others.
        quota_us: Of each 100 ms, for the whole guest; 0 is no limit.
        nic: The model of its interface.
    """

    number: int
    code: bytes
    vcpus: int = 1
    cpus: str = ""
    shares: int = 1024
    quota_us: int = 0
    memory_mib: int = 2
    nic: str = "virtio"

    @property
    def guest(self) -> Guest:
        return Guest(f"strato-{self.number}", self.number, is_linux=False, cpu_quota_us=self.quota_us)

    @property
    def definition(self) -> str:
        pinned = f" cpuset='{self.cpus}'" if self.cpus else ""
        return (
            domain_xml(self.guest, self.memory_mib)
            .replace("<vcpu>1</vcpu>", f"<vcpu{pinned}>{self.vcpus}</vcpu>")
            .replace("<cputune>", f"<cputune><shares>{self.shares}</shares>")
            .replace("<model type='virtio'/>", f"<model type='{self.nic}'/>")
        )


@contextmanager
def bare_guest(bare: Bare, folder: Path = host.FOLDER / "disks", *, start: bool = True) -> Iterator[OwnGuest]:
    """It runs, or is paused, with its thin image in this folder; it is gone at the end."""
    disk = folder / f"{bare.number}"
    disk.write_bytes(boot_sector(bare.code))
    os.truncate(disk, DISK_BYTES)
    with defined(bare.guest, disk, bare.definition, start=start) as own:
        yield own
