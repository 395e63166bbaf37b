"""The vCPU threads of one QEMU process and how the host schedules them.

Source: /proc/PID/task/TID/{schedstat,sched}; the ids from the cgroup's vcpuN/{cgroup.threads,tasks}, else
TID/comm.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from stratoscope.hypervisor.kernel.cgroups import Cgroups
from stratoscope.hypervisor.kernel.files import Read, integer, listed
from stratoscope.hypervisor.kernel.paths import Paths

_CGROUP: Final = re.compile(r".*/vcpu(\d+)")
_COMM: Final = re.compile(rb"CPU (\d+)/")
# Linux before 5.16 spells it se.statistics.wait_sum; iowait_sum is something else.
_WAIT_SUM: Final = re.compile(rb"^(?:se\.statistics\.)?wait_sum\s*:\s*(\d+\.\d+)\s*$", re.MULTILINE)
_SCHEDSTAT_FIELDS: Final = 3


class VCPU(msgspec.Struct, frozen=True, gc=False):
    """Seconds of one vCPU thread.

    Attributes:
        run: Running on a CPU of the host, guest code and emulation.
        delay: Ready to run, but waiting for a CPU of the host; the guest sees it as steal.
        wait: As `delay`, by the scheduler's own statistics; None unless these are switched on.
    """

    run: float
    delay: float
    wait: float | None


def find_vcpus(pid: int, cgroups: Cgroups, paths: Paths, reader: Read) -> dict[int, int]:
    """Thread ids by vCPU number; empty while QEMU is starting, or has ended.

    Raises:
        PermissionError: No right to read them.
        ValueError: A file is malformed.
    """
    threads = f"{paths.procfs}/{pid}/task"
    found = {}
    for directory in cgroups.limited:
        if match := _CGROUP.fullmatch(directory):
            path = f"{directory}/{'tasks' if cgroups.cpu else 'cgroup.threads'}"
            for thread in (reader(path) or b"").split():
                # In a pid namespace of its own the reader sees 0, or ids that are not /proc's.
                if Path(f"{threads}/{integer(path, thread)}").exists():
                    found[int(match[1])] = int(thread)
    return found or _named(threads, reader)


def read_vcpus(pid: int, threads: Mapping[int, int], paths: Paths, reader: Read) -> dict[int, VCPU]:
    """The vCPUs by number; without those whose thread has ended, or which the kernel does not account.

    Raises:
        PermissionError: No right to read them.
        ValueError: A file is malformed.
    """
    # 0 while the statistics are off; wait_sum is always 0 then.
    switch = reader(f"{paths.procfs}/sys/kernel/sched_schedstats") if threads else None
    with_wait = switch is not None and switch.strip() == b"1"
    found = {}
    for number, thread in threads.items():
        vcpu = _read_vcpu(f"{paths.procfs}/{pid}/task/{thread}", reader, with_wait=with_wait)
        if vcpu is not None:
            found[number] = vcpu
    return found


def _named(threads: str, reader: Read) -> dict[int, int]:
    """By the thread names of QEMU with debug-threads=on, which libvirt sets: `CPU 0/KVM`."""
    found = {}
    for thread in listed(threads):
        if match := _COMM.match(reader(f"{threads}/{thread}/comm") or b""):
            found[int(match[1])] = int(thread)
    return dict(sorted(found.items()))


def _read_vcpu(directory: str, reader: Read, *, with_wait: bool) -> VCPU | None:
    path = f"{directory}/schedstat"
    text = reader(path)
    if text is None:
        return None
    fields = text.split()
    if len(fields) != _SCHEDSTAT_FIELDS:
        raise ValueError(f"{path}: {len(fields)} fields, {_SCHEDSTAT_FIELDS} expected")
    if fields[2] == b"0":  # never ran: a kernel without this accounting writes `0 0 0`
        return None
    wait = _read_wait(f"{directory}/sched", reader) if with_wait else None
    return VCPU(integer(path, fields[0]) / 1e9, integer(path, fields[1]) / 1e9, wait)


def _read_wait(path: str, reader: Read) -> float | None:
    text = reader(path)
    match = _WAIT_SUM.search(text) if text is not None else None
    return float(match[1]) / 1e3 if match else None
