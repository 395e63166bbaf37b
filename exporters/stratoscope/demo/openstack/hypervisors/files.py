"""Files of a host's kernel, of the host and of all its VMs: path below the root, and text."""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from stratoscope.demo.openstack.hypervisors.definitions import SOCKETS
from stratoscope.demo.openstack.hypervisors.guests import Guest
from stratoscope.demo.openstack.hypervisors.meters import GuestMeter, HostMeter

CGROUPS: Final = "sys/fs/cgroup"
_SLICE: Final = f"{CGROUPS}/machine.slice"
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SYSTEM: Final = 0.08
"""The share of its CPU time that QEMU spends in the kernel."""
_QEMU_BYTES, _HOST_BYTES = 120 << 20, 3 << 30
"""Memory of a QEMU process beside its guest's, and of the host beside its VMs."""
_CACHE: Final = 0.6
"""The share of what is available that is cache."""
_FULL: Final = 0.3
"""The share of waiting in which nothing else of the VM ran."""
_MERGED: Final = 0.02
"""The share of the memory that KSM saves."""
_ENERGY_RANGE_UJ: Final = 262_143_328_850
_CONNECTIONS: Final = 90
"""Connections that the kernel tracks for each VM."""
_UNLIMITED: Final = "max 100000\n"
_EVENTS: Final = "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n"
_COMMAND: Final = "qemu-system-x86"
_TAP: Final = {
    "flags": "0x1003\n",
    "carrier": "1\n",
    "mtu": "1450\n",
    "master/uevent": "INTERFACE=ovs-system\nIFINDEX=3\n",
}
"""What does not differ between taps."""


def files(meter: HostMeter) -> Iterator[tuple[str, str]]:
    """All of them, as they are now."""
    host = meter.shown_host
    yield from _of_kernel(meter).items()
    yield from _of_memory(meter).items()
    for cell in range(SOCKETS):
        part = host.cpus // SOCKETS
        yield f"sys/devices/system/node/node{cell}/cpulist", f"{cell * part}-{(cell + 1) * part - 1}\n"
        yield f"sys/class/powercap/intel-rapl:{cell}/name", f"package-{cell}\n"
        energy_uj = round(meter.joules * 1e6) % _ENERGY_RANGE_UJ
        yield f"sys/class/powercap/intel-rapl:{cell}/energy_uj", f"{energy_uj}\n"
    for guest, of_guest in zip(host.running, meter.guests, strict=True):
        yield from _of_process(guest, of_guest)
        yield from _of_cgroup(guest, of_guest)
        for index, tap in enumerate(guest.taps, guest.pid):
            yield f"sys/class/net/{tap}/ifindex", f"{index}\n"
            for name, text in _TAP.items():
                yield f"sys/class/net/{tap}/{name}", text


def _of_kernel(meter: HostMeter) -> Mapping[str, str]:
    return {
        "proc/1/comm": "systemd\n",
        "proc/1/cmdline": "/sbin/init\0",
        "proc/1/stat": _stat(1, "systemd"),
        "proc/stat": _cpus(meter),
        "proc/vmstat": "nr_free_pages 812345\noom_kill 0\n",
        "proc/pressure/cpu": _pressure(meter.stalled_s, 0.0),
        "proc/pressure/io": _pressure(meter.disk_s, _FULL * meter.disk_s),
        "proc/pressure/memory": _pressure(0.0, 0.0),
        "proc/sys/kernel/sched_schedstats": "0\n",
        "proc/sys/net/netfilter/nf_conntrack_max": "262144\n",
        "proc/sys/net/netfilter/nf_conntrack_count": f"{_CONNECTIONS * len(meter.guests)}\n",
        f"{CGROUPS}/cgroup.controllers": "cpuset cpu io memory hugetlb pids\n",
        f"{_SLICE}/memory.events": _EVENTS,
    }


def _of_memory(meter: HostMeter) -> Mapping[str, str]:
    total = meter.shown_host.host.has.memory_mib << 20
    taken = _HOST_BYTES + sum(resident_bytes(guest) for guest in meter.shown_host.running)
    available = max(0, total - taken)
    free, saved = round(available * (1 - _CACHE)), int(total * _MERGED) // _PAGE_BYTES
    cells = {
        f"sys/devices/system/node/node{cell}/meminfo": _meminfo(
            f"Node {cell} ", total // SOCKETS, free // SOCKETS
        )
        for cell in range(SOCKETS)
    }
    merged = {"shared": saved // 4, "sharing": saved, "unshared": saved * 2, "volatile": saved // 8}
    huge = "sys/kernel/mm/hugepages/hugepages-2048kB"
    return {
        "proc/meminfo": _meminfo("", total, free) + f"MemAvailable:   {available >> 10} kB\n",
        **cells,
        **{f"{huge}/{name}_hugepages": "0\n" for name in ("nr", "free", "resv")},
        "sys/kernel/mm/ksm/run": "1\n",
        "sys/kernel/mm/ksm/full_scans": f"{round(meter.at / 600)}\n",
        **{f"sys/kernel/mm/ksm/pages_{name}": f"{pages}\n" for name, pages in merged.items()},
    }


def _meminfo(before: str, total: int, free: int) -> str:
    return f"{before}MemTotal:       {total >> 10} kB\n{before}MemFree:        {free >> 10} kB\n"


def _cpus(meter: HostMeter) -> str:
    system_s = _SYSTEM * meter.guest_s
    guest_s = meter.guest_s - system_s
    seconds = (guest_s, 0.0, system_s, meter.idle_s, meter.disk_s, 0.0, 0.0, 0.0, guest_s, 0.0)

    def line(name: str, cpus: int) -> str:
        return f"{name} " + " ".join(str(int(one * _TICKS / cpus)) for one in seconds) + "\n"

    cpus = meter.shown_host.cpus
    return line("cpu ", 1) + "".join(line(f"cpu{number}", cpus) for number in range(cpus))


def _of_process(guest: Guest, meter: GuestMeter) -> Iterator[tuple[str, str]]:
    directory, system_s = f"proc/{guest.pid}", _SYSTEM * meter.used_s
    arguments = ("/usr/bin/qemu-system-x86_64", "-name", f"guest={guest.domain}", "-uuid", guest.vm.id)
    group = _cgroup(guest).removeprefix(CGROUPS)
    ticks = [int(one * _TICKS) for one in (meter.used_s - system_s, system_s)]
    yield f"{directory}/comm", f"{_COMMAND}\n"
    yield f"{directory}/cmdline", "\0".join(arguments) + "\0"
    yield f"{directory}/cgroup", f"0::{group}/libvirt/emulator\n"
    yield f"{directory}/status", f"Name:\t{_COMMAND}\nPid:\t{guest.pid}\nVmSwap:\t       0 kB\nThreads:\t9\n"
    yield f"{directory}/stat", _stat(guest.pid, _COMMAND, ticks, resident_bytes(guest))
    times = f"{int(meter.run_s * 1e9)} {int(meter.delay_s * 1e9)} {1 + int(meter.run_s * 400)}\n"
    for number, thread in enumerate((guest.pid, *guest.threads)):
        name = f"CPU {number - 1}/KVM" if number else _COMMAND
        yield f"{directory}/task/{thread}/comm", f"{name}\n"
        yield f"{directory}/task/{thread}/stat", _stat(thread, name)
        if number:
            yield f"{directory}/task/{thread}/schedstat", times


def resident_bytes(guest: Guest) -> int:
    """Memory of a VM's process."""
    return _QEMU_BYTES + round((guest.vm.flavor.memory_mib << 20) * guest.activity.resident)


def _stat(pid: int, command: str, ticks: Iterable[int] = (0, 0), rss_bytes: int = 0) -> str:
    """/proc/PID/stat of a process that sleeps; ticks of user and system."""
    before = f"{pid} ({command}) S 1 {pid} {pid} 0 -1 138412416 15791 0 0 0"
    times, pages = " ".join(map(str, ticks)), rss_bytes // _PAGE_BYTES
    return f"{before} {times} 0 0 20 0 9 0 {4000 + pid} 975249408 {pages} 18446744073709551615\n"


def _of_cgroup(guest: Guest, meter: GuestMeter) -> Iterator[tuple[str, str]]:
    directory = _cgroup(guest)
    yield f"{directory}/cpu.max", _UNLIMITED
    yield f"{directory}/cpu.stat", _cpu_stat(meter.used_s)
    yield f"{directory}/cpu.pressure", _pressure(meter.stalled_s, _FULL * meter.stalled_s)
    yield f"{directory}/io.pressure", _pressure(meter.disk_s, _FULL * meter.disk_s)
    yield f"{directory}/memory.pressure", _pressure(0.0, 0.0)
    yield f"{directory}/memory.current", f"{resident_bytes(guest)}\n"
    yield f"{directory}/memory.swap.current", "0\n"
    yield f"{directory}/memory.events", _EVENTS
    yield f"{directory}/libvirt/cpu.max", _UNLIMITED
    parts = {"emulator": guest.pid} | {f"vcpu{number}": thread for number, thread in enumerate(guest.threads)}
    limits = (
        f"nr_periods {int(meter.quota_periods)}\nnr_throttled {int(meter.throttled_periods)}\n"
        f"throttled_usec {int(meter.throttled_s * 1e6)}\n"
    )
    for name, thread in parts.items():
        is_limited = guest.quota is not None and name != "emulator"
        quota = f"{round(100_000 * (guest.quota or 0))} 100000\n"
        yield f"{directory}/libvirt/{name}/cpu.max", quota if is_limited else _UNLIMITED
        yield f"{directory}/libvirt/{name}/cgroup.threads", f"{thread}\n"
        if is_limited:
            yield f"{directory}/libvirt/{name}/cpu.stat", _cpu_stat(meter.run_s) + limits


def _cgroup(guest: Guest) -> str:
    """The directory of a VM's cgroup below the root, as systemd spells it."""
    domain = guest.domain.replace("-", "\\x2d")
    return f"{_SLICE}/machine-qemu\\x2d{guest.number}\\x2d{domain}.scope"


def _cpu_stat(used_s: float) -> str:
    system_us, total_us = int(_SYSTEM * used_s * 1e6), int(used_s * 1e6)
    return f"usage_usec {total_us}\nuser_usec {total_us - system_us}\nsystem_usec {system_us}\n"


def _pressure(some_s: float, full_s: float) -> str:
    """A pressure file with these totals."""
    rows = {"some": some_s, "full": full_s}
    return "".join(
        f"{name} avg10=0.00 avg60=0.00 avg300=0.00 total={round(total * 1e6)}\n"
        for name, total in rows.items()
    )
