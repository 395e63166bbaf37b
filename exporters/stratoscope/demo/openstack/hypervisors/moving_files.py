"""Files of a host's kernel that change as its VMs work: path below the root, and text."""

import os
from collections.abc import Iterator
from typing import Final

from stratoscope.demo.openstack.hypervisors.definitions import SOCKETS
from stratoscope.demo.openstack.hypervisors.guests import Guest
from stratoscope.demo.openstack.hypervisors.meters import GuestMeter, HostMeter
from stratoscope.demo.openstack.hypervisors.still_files import cgroup, pressure, stat

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SYSTEM: Final = 0.08
"""The share of its CPU time that QEMU spends in the kernel."""
_QEMU_BYTES: Final = 120 << 20
"""Memory of a QEMU process beside its guest's."""
_HOST_BYTES: Final = 3 << 30
_CACHE: Final = 0.6
"""The share of what is available that is cache."""
_FULL: Final = 0.3
"""The share of waiting in which nothing else of the VM ran."""
_ENERGY_RANGE_UJ: Final = 262_143_328_850
_CONNECTIONS, _CONNECTIONS_PER_CPU = 1200, 90


def moving_files(meter: HostMeter) -> Iterator[tuple[str, str]]:
    """Of the host and all its VMs."""
    yield from _of_host(meter)
    for guest, of_guest in zip(meter.shown_host.running, meter.guests, strict=True):
        yield from _of_process(guest, of_guest)
        yield from _of_cgroup(guest, of_guest)


def _of_host(meter: HostMeter) -> Iterator[tuple[str, str]]:
    host = meter.shown_host.host
    yield "proc/stat", _stat(meter)
    total = host.has.memory_mib << 20
    taken = _HOST_BYTES + sum(resident_bytes(guest) for guest in meter.shown_host.running)
    available = max(0, total - taken)
    free = round(available * (1 - _CACHE))
    yield "proc/meminfo", _meminfo("", total, free) + f"MemAvailable:   {available >> 10} kB\n"
    yield "proc/pressure/cpu", pressure(meter.stalled_s, 0.0)
    yield "proc/pressure/io", pressure(meter.disk_s, _FULL * meter.disk_s)
    yield "proc/pressure/memory", pressure(0.0, 0.0)
    connections = _CONNECTIONS + round(_CONNECTIONS_PER_CPU * sum(one.got_cpus for one in meter.guests))
    yield "proc/sys/net/netfilter/nf_conntrack_count", f"{connections}\n"
    yield "sys/kernel/mm/ksm/full_scans", f"{round(meter.at / 600)}\n"
    for cell in range(SOCKETS):
        part = _meminfo(f"Node {cell} ", total // SOCKETS, free // SOCKETS)
        yield f"sys/devices/system/node/node{cell}/meminfo", part
        energy_uj = round(meter.joules * 1e6) % _ENERGY_RANGE_UJ
        yield f"sys/class/powercap/intel-rapl:{cell}/energy_uj", f"{energy_uj}\n"


def _stat(meter: HostMeter) -> str:
    system_s = _SYSTEM * meter.guest_s
    guest_s = meter.guest_s - system_s
    seconds = (guest_s, 0.0, system_s, meter.idle_s, meter.disk_s, 0.0, 0.0, 0.0, guest_s, 0.0)

    def line(name: str, cpus: int) -> str:
        return f"{name} " + " ".join(str(int(one * _TICKS / cpus)) for one in seconds) + "\n"

    cpus = meter.shown_host.cpus
    return line("cpu ", 1) + "".join(line(f"cpu{number}", cpus) for number in range(cpus))


def _meminfo(before: str, total: int, free: int) -> str:
    return f"{before}MemTotal:       {total >> 10} kB\n{before}MemFree:        {free >> 10} kB\n"


def resident_bytes(guest: Guest) -> int:
    """Memory of a VM's process."""
    return _QEMU_BYTES + round(guest.memory_bytes * guest.activity.resident)


def _of_process(guest: Guest, meter: GuestMeter) -> Iterator[tuple[str, str]]:
    system_s = _SYSTEM * meter.used_s
    yield (
        f"proc/{guest.pid}/stat",
        stat(
            guest.pid,
            "qemu-system-x86",
            user=int((meter.used_s - system_s) * _TICKS),
            system=int(system_s * _TICKS),
            rss_bytes=resident_bytes(guest),
        ),
    )
    times = f"{int(meter.run_s * 1e9)} {int(meter.delay_s * 1e9)} {1 + int(meter.run_s * 400)}\n"
    for thread in guest.threads:
        yield f"proc/{guest.pid}/task/{thread}/schedstat", times


def _of_cgroup(guest: Guest, meter: GuestMeter) -> Iterator[tuple[str, str]]:
    directory = cgroup(guest)
    yield f"{directory}/cpu.stat", _cpu_stat(meter.used_s)
    yield f"{directory}/cpu.pressure", pressure(meter.stalled_s, _FULL * meter.stalled_s)
    yield f"{directory}/io.pressure", pressure(meter.disk_s, _FULL * meter.disk_s)
    yield f"{directory}/memory.current", f"{resident_bytes(guest)}\n"
    if guest.quota is not None:
        limits = (
            f"nr_periods {int(meter.quota_periods)}\nnr_throttled {int(meter.throttled_periods)}\n"
            f"throttled_usec {int(meter.throttled_s * 1e6)}\n"
        )
        for number in range(guest.vcpus):
            yield f"{directory}/libvirt/vcpu{number}/cpu.stat", _cpu_stat(meter.run_s) + limits


def _cpu_stat(used_s: float) -> str:
    system_us = int(_SYSTEM * used_s * 1e6)
    total_us = int(used_s * 1e6)
    return f"usage_usec {total_us}\nuser_usec {total_us - system_us}\nsystem_usec {system_us}\n"
