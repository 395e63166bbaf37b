"""Huge pages and NUMA nodes of the host.

Source: /sys/kernel/mm/hugepages/hugepages-*kB/ and /sys/devices/system/node/node*/; no right needed.
"""

import re
from typing import Final

import msgspec

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.files import KIB, Read, listed, or_left_out, read_integer, sizes
from stratoscope.hypervisor.kernel.paths import Paths

_SIZE: Final = re.compile(r"hugepages-(\d+)kB")
_NODE: Final = re.compile(r"node(\d+)")


class HugePages(msgspec.Struct, frozen=True, gc=False):
    """Bytes in huge pages of one size.

    Attributes:
        reserved: Reserved, but not yet allocated from `free`; the kernel does not report it per node.
    """

    page_bytes: int
    total: int | None
    free: int | None
    reserved: int | None


class Node(msgspec.Struct, frozen=True, gc=False):
    """One NUMA node: bytes, and the numbers of its CPUs that are online; a node may have none."""

    number: int
    total: int | None
    free: int | None
    cpus: tuple[int, ...]
    hugepages: tuple[HugePages, ...]


@or_left_out
def read_hugepages(paths: Paths, reader: Read = files.read) -> tuple[HugePages, ...] | None:
    """Huge pages by size, smallest first; absent if the kernel has none.

    Raises:
        ValueError: A file is malformed.
    """
    return _read_sizes(f"{paths.sysfs}/kernel/mm/hugepages", reader) or None


@or_left_out
def read_nodes(paths: Paths, reader: Read = files.read) -> tuple[Node, ...] | None:
    """NUMA nodes by number; absent if the kernel is built without NUMA.

    Raises:
        ValueError: A file is malformed.
    """
    directory = f"{paths.sysfs}/devices/system/node"
    numbers = sorted(int(match[1]) for name in listed(directory) if (match := _NODE.fullmatch(name)))
    return tuple(_read_node(number, f"{directory}/node{number}", reader) for number in numbers) or None


def cpus_of(path: str, text: bytes) -> tuple[int, ...]:
    """CPU numbers of a list such as `0-3,8`.

    Raises:
        ValueError: It is no such list; the message names the file.
    """
    found: list[int] = []
    try:
        for part in filter(None, text.decode().strip().split(",")):
            first, _, last = part.partition("-")
            found.extend(range(int(first), int(last or first) + 1))
    except ValueError:
        raise ValueError(f"{path}: not a list of CPUs: {text[:40]!r}") from None
    return tuple(found)


def _read_node(number: int, directory: str, reader: Read) -> Node:
    meminfo, cpulist = f"{directory}/meminfo", f"{directory}/cpulist"
    total, free = sizes(meminfo, reader(meminfo) or b"", (b"MemTotal", b"MemFree"))
    cpus = cpus_of(cpulist, reader(cpulist) or b"")
    return Node(number, total, free, cpus, _read_sizes(f"{directory}/hugepages", reader))


def _read_sizes(directory: str, reader: Read) -> tuple[HugePages, ...]:
    found = sorted(int(match[1]) for name in listed(directory) if (match := _SIZE.fullmatch(name)))
    return tuple(_read_size(kib * KIB, f"{directory}/hugepages-{kib}kB", reader) for kib in found)


def _read_size(page_bytes: int, directory: str, reader: Read) -> HugePages:
    def in_bytes(name: str) -> int | None:
        pages = read_integer(f"{directory}/{name}", reader)
        return None if pages is None else pages * page_bytes

    return HugePages(page_bytes, *map(in_bytes, ("nr_hugepages", "free_hugepages", "resv_hugepages")))
