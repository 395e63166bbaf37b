"""Files of a host's kernel that do not change while the VMs live: path below the root, and text."""

import os
from collections.abc import Iterator
from typing import Final

from stratoscope.demo.openstack.hypervisors.definitions import SOCKETS
from stratoscope.demo.openstack.hypervisors.guests import Guest, ShownHost

CGROUPS: Final = "sys/fs/cgroup"
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_SLICE: Final = f"{CGROUPS}/machine.slice"
_MTU_BYTES: Final = 1450
_UP: Final = "0x1003"
_UNLIMITED: Final = "max 100000\n"
_MERGED: Final = 0.02
"""The share of the memory that KSM saves."""


def cgroup(guest: Guest) -> str:
    """The directory of a VM's cgroup below the root, as systemd spells it."""
    domain = guest.domain.replace("-", "\\x2d")
    return f"{_SLICE}/machine-qemu\\x2d{guest.number}\\x2d{domain}.scope"


def stat(pid: int, command: str, *, user: int = 0, system: int = 0, rss_bytes: int = 0) -> str:
    """/proc/PID/stat of a process that sleeps; times in clock ticks."""
    before = f"{pid} ({command}) S 1 {pid} {pid} 0 -1 138412416 15791 0 0 0"
    pages = rss_bytes // PAGE_BYTES
    return f"{before} {user} {system} 0 0 20 0 9 0 {4000 + pid} 975249408 {pages} 18446744073709551615\n"


def still_files(shown_host: ShownHost) -> Iterator[tuple[str, str]]:
    """Of the host and all its VMs."""
    yield from _of_host(shown_host)
    for guest in shown_host.running:
        yield from _of_process(guest)
        yield from _of_cgroup(guest)
        for number, tap in enumerate(guest.taps):
            yield from _of_tap(tap, guest.pid + number)


def _of_host(shown_host: ShownHost) -> Iterator[tuple[str, str]]:
    yield "proc/1/comm", "systemd\n"
    yield "proc/1/cmdline", "/sbin/init\0"
    yield "proc/1/stat", stat(1, "systemd")
    yield "proc/sys/kernel/sched_schedstats", "0\n"
    yield "proc/sys/net/netfilter/nf_conntrack_max", "262144\n"
    yield "proc/vmstat", "nr_free_pages 812345\noom_kill 0\n"
    yield f"{CGROUPS}/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n"
    yield f"{_SLICE}/memory.events", _events()
    part = shown_host.cpus // SOCKETS
    for cell in range(SOCKETS):
        yield f"sys/devices/system/node/node{cell}/cpulist", f"{cell * part}-{(cell + 1) * part - 1}\n"
        yield f"sys/class/powercap/intel-rapl:{cell}/name", f"package-{cell}\n"
    huge = "sys/kernel/mm/hugepages/hugepages-2048kB"
    for name in ("nr_hugepages", "free_hugepages", "resv_hugepages"):
        yield f"{huge}/{name}", "0\n"
    saved = int(shown_host.host.has.memory_mib * _MERGED) * (1 << 20) // PAGE_BYTES
    merged = {"shared": saved // 4, "sharing": saved, "unshared": saved * 2, "volatile": saved // 8}
    yield "sys/kernel/mm/ksm/run", "1\n"
    for name, pages in merged.items():
        yield f"sys/kernel/mm/ksm/pages_{name}", f"{pages}\n"


def _of_process(guest: Guest) -> Iterator[tuple[str, str]]:
    directory, command = f"proc/{guest.pid}", "qemu-system-x86"
    arguments = ("/usr/bin/qemu-system-x86_64", "-name", f"guest={guest.domain}", "-uuid", guest.vm.id)
    group = cgroup(guest).removeprefix(CGROUPS)
    yield f"{directory}/comm", f"{command}\n"
    yield f"{directory}/cmdline", "\0".join(arguments) + "\0"
    yield f"{directory}/cgroup", f"0::{group}/libvirt/emulator\n"
    yield f"{directory}/status", f"Name:\t{command}\nPid:\t{guest.pid}\nVmSwap:\t       0 kB\nThreads:\t9\n"
    for number, thread in enumerate((guest.pid, *guest.threads)):
        name = f"CPU {number - 1}/KVM" if number else command
        yield f"{directory}/task/{thread}/comm", f"{name}\n"
        yield f"{directory}/task/{thread}/stat", stat(thread, name)


def _of_cgroup(guest: Guest) -> Iterator[tuple[str, str]]:
    directory = cgroup(guest)
    parts = {"emulator": guest.pid} | {f"vcpu{number}": thread for number, thread in enumerate(guest.threads)}
    yield f"{directory}/cpu.max", _UNLIMITED
    yield f"{directory}/libvirt/cpu.max", _UNLIMITED
    for name, thread in parts.items():
        limited = guest.quota is not None and name != "emulator"
        limit = f"{round(100_000 * (guest.quota or 0))} 100000\n" if limited else _UNLIMITED
        yield f"{directory}/libvirt/{name}/cpu.max", limit
        yield f"{directory}/libvirt/{name}/cgroup.threads", f"{thread}\n"
    yield f"{directory}/memory.swap.current", "0\n"
    yield f"{directory}/memory.events", _events()
    yield f"{directory}/memory.pressure", pressure(0.0, 0.0)


def _of_tap(tap: str, index: int) -> Iterator[tuple[str, str]]:
    directory = f"sys/class/net/{tap}"
    yield f"{directory}/ifindex", f"{index}\n"
    yield f"{directory}/flags", f"{_UP}\n"
    yield f"{directory}/carrier", "1\n"
    yield f"{directory}/mtu", f"{_MTU_BYTES}\n"
    yield f"{directory}/master/uevent", "INTERFACE=ovs-system\nIFINDEX=3\n"


def _events() -> str:
    return "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n"


def pressure(some_s: float, full_s: float) -> str:
    """A pressure file with these totals."""
    rows = {"some": some_s, "full": full_s}
    return "".join(
        f"{name} avg10=0.00 avg60=0.00 avg300=0.00 total={round(total * 1e6)}\n"
        for name, total in rows.items()
    )
