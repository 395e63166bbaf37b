"""What the guests boot: the distribution's kernel with a busybox initrd, or one boot sector."""

import gzip
import lzma
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from guests.host import ROOT

CACHE = ROOT / "build" / "guest"
INIT = Path(__file__).with_name("init")
# Debian's and Ubuntu's names for the small kernel of virtual machines.
KERNELS = ("linux-image-cloud-amd64", "linux-image-virtual")
SSH = ("/usr/sbin/dropbear", "/usr/bin/dropbearkey")
DRIVERS = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_balloon", "af_packet")

# A whole guest in one boot sector: it writes and reads a sector of its disk each second and halts in between.
# fmt: off
SETTING_UP = bytes.fromhex(
    "31c0" "8ed8" "8ec0" "8ed0" "bc007c"  # xor ax, ax; mov ds, ax; mov es, ax; mov ss, ax; mov sp, 0x7c00
    "fb"                                  # sti: the clock's interrupt ends each hlt
)
ONE_ROUND = bytes.fromhex(
    "b80103" "b90200" "ba8000" "bb007c"   # write one sector: the second, of the first disk, from 0:7c00
    "cd13"                                # int 13h
    "b80102" "b90200" "ba8000" "bb0080"   # read it back to 0:8000
    "cd13"
    "b91200" "f4" "e2fd"                  # mov cx, 18; hlt; loop to the hlt: 18 ticks are one second
)
# fmt: on
SECTOR = 512


def boot_sector() -> bytes:
    """The 512 bytes that the BIOS loads."""
    length = len(ONE_ROUND) + 2
    code = SETTING_UP + ONE_ROUND + bytes([0xEB, 0x100 - length])  # jmp short back to the round
    return code.ljust(SECTOR - 2, b"\0") + b"\x55\xaa"


def linux_guest() -> tuple[Path, Path]:
    """The kernel and the initrd, made once and kept under build/."""
    kernel, initrd = CACHE / "vmlinuz", CACHE / "initrd"
    if not initrd.exists() or initrd.stat().st_mtime < INIT.stat().st_mtime:
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            work = Path(name)
            unpack_kernel(work)
            shutil.copy(next(work.glob("boot/vmlinuz-*")), kernel)
            initrd.write_bytes(pack_initrd(work))
    return kernel, initrd


def dependencies(package: str) -> list[str]:
    told = subprocess.run(
        ["apt-cache", "depends", package], check=False, capture_output=True, text=True
    ).stdout
    return re.findall(r"^ +Depends: (\S+)", told, re.MULTILINE)


def kernel_packages() -> list[str]:
    """The package of the newest kernel, and of its modules where they are in one of their own."""
    for meta in KERNELS:
        for image in (name for name in dependencies(meta) if name.startswith("linux-image-")):
            return [image, *(name for name in dependencies(image) if name.startswith("linux-modules-"))]
    return []


def unpack_kernel(work: Path) -> None:
    names = kernel_packages()
    if not names:  # no package lists yet
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        names = kernel_packages()
    if not names:
        raise SystemExit(f"no kernel for the guests: apt knows none of {', '.join(KERNELS)}")
    subprocess.run(
        ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *names], cwd=work, check=True
    )
    for package in work.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, work], check=True)


def pack_initrd(work: Path) -> bytes:
    """A cpio archive of busybox, dropbear, the init script and the drivers, with their order."""
    root = work / "initrd"
    for folder in ("bin", "dev", "drivers", "proc", "sys"):
        (root / folder).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin" / "busybox")
    shutil.copy(INIT, root / "init")
    for program in SSH:
        add_program(program, root)
    modules = {file.name.partition(".")[0]: file for file in work.glob("**/modules/**/*.ko*")}
    order: dict[str, bytes] = {}
    for driver in DRIVERS:
        add_driver(driver, modules, order)
    for name, content in order.items():
        (root / "drivers" / name).write_bytes(content)
    (root / "drivers" / "order").write_text("".join(f"{name}\n" for name in order))
    files = "".join(f"{file.relative_to(root)}\n" for file in sorted(root.rglob("*")))
    command = ["cpio", "--create", "--format=newc", "--quiet"]
    return gzip.compress(
        subprocess.run(command, input=files.encode(), cwd=root, check=True, capture_output=True).stdout
    )


def add_program(program: str, root: Path) -> None:
    """Put a program and its libraries where they are on this machine."""
    told = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for path in [program, *re.findall(r"(/\S+) \(0x", told)]:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def add_driver(name: str, modules: dict[str, Path], order: dict[str, bytes]) -> None:
    """Put a driver behind those it depends on. One that has no file is built into the kernel."""
    if name in order or name not in modules:
        return
    content = module_content(modules[name])
    found = re.search(rb"\0depends=([^\0]*)\0", content)
    for needed in found[1].decode().split(",") if found else []:
        add_driver(needed.replace("-", "_"), modules, order)
    order[name] = content


def module_content(file: Path) -> bytes:
    match file.suffix:
        case ".xz":
            return lzma.decompress(file.read_bytes())
        case ".zst":
            return subprocess.run(["zstd", "-dc", file], check=True, capture_output=True).stdout
        case _:
            return file.read_bytes()
