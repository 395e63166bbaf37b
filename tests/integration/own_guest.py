"""A guest of a test's own, and a file system of its own for the guest's image that can be frozen."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from guests import host, images
from guests.definitions import Guest, domain_xml

from integration.virsh import domstats, pid_of, virsh, wait_for

MEMORY_MIB = 96
IMAGE_BYTES = 16 << 20
BOOTS_WITHIN_S = 300


def run(*words: str | Path) -> None:
    subprocess.run(words, check=True)


@dataclass(frozen=True, slots=True)
class OwnGuest:
    guest: Guest

    @property
    def name(self) -> str:
        return self.guest.name

    @property
    def vm_id(self) -> str:
        return self.guest.uuid

    @property
    def pid(self) -> int:
        return pid_of(self.name)

    def wait_until_at_work(self) -> None:
        """Until it writes to its disk, which it does every few seconds from then on."""
        wait_for(lambda: int(domstats(self.name)[self.name]["block.0.wr.reqs"]), BOOTS_WITHIN_S)


@contextmanager
def own_guest(
    guest: Guest, disk: Path, driver: str = "type='raw'", *, start: bool = True
) -> Iterator[OwnGuest]:
    """A guest with its image in this file; it is gone at the end, whatever became of it."""
    for source in images.linux_guest():
        if not (host.FOLDER / source.name).exists():
            shutil.copy(source, host.FOLDER)
    disk.write_bytes(b"")
    run("truncate", "-s", str(IMAGE_BYTES), disk)
    definition = domain_xml(guest, MEMORY_MIB).replace("type='qcow2'", driver)
    with defined(guest, disk, definition, start=start) as own:
        yield own


@contextmanager
def defined(guest: Guest, disk: Path, definition: str, *, start: bool = True) -> Iterator[OwnGuest]:
    """A guest by this definition with its image in this file; both are gone at the end."""
    shutil.chown(disk, "libvirt-qemu", "libvirt-qemu")
    path = host.FOLDER / f"{guest.name}.xml"
    path.write_text(definition.replace(str(guest.disk("vda")), str(disk)))
    virsh("define", str(path))
    try:
        virsh("start", guest.name, *([] if start else ["--paused"]))
        yield OwnGuest(guest)
    finally:
        if guest.name in virsh("list", "--name").split():
            virsh("destroy", guest.name)
        virsh("undefine", guest.name)
        path.unlink()
        disk.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class FileSystem:
    """Attributes: folder: Where it is mounted."""

    folder: Path

    @contextmanager
    def frozen(self) -> Iterator[None]:
        run("fsfreeze", "--freeze", self.folder)
        try:
            yield
        finally:
            run("fsfreeze", "--unfreeze", self.folder)


@contextmanager
def file_system(name: str) -> Iterator[FileSystem]:
    """An ext4 on a loop device, which QEMU may enter."""
    image, folder = Path(f"/var/tmp/{name}.img"), Path(f"/var/tmp/{name}")  # noqa: S108 - QEMU must get there
    folder.mkdir(exist_ok=True)
    run("truncate", "-s", "128M", image)
    try:
        run("mkfs.ext4", "-q", "-F", image)
        run("mount", "-o", "loop", image, folder)
        try:
            yield FileSystem(folder)
        finally:
            run("umount", folder)
    finally:
        image.unlink()
        folder.rmdir()
