"""Memory of one VM.

Source: cgroup v2 memory.{current,swap.current,events}, v1 memory.{usage_in_bytes,oom_control}. Swap without
such a cgroup: VmSwap of the QEMU process in /proc/PID/status.
"""

import msgspec

from stratoscope.hypervisor.kernel.cgroups import Cgroups
from stratoscope.hypervisor.kernel.files import Read, integer, pairs, read_integer, sizes


class Memory(msgspec.Struct, frozen=True, gc=False):
    """Bytes of the VM's cgroup, and its OOM kills.

    Attributes:
        current: Charged to the cgroup, page cache included.
        swap: Swapped out; VmSwap, which is used with v1, does not count shared memory (memfd, files).
    """

    current: int | None
    swap: int | None
    oom_kills: int | None


def read_memory(cgroups: Cgroups, status: str | None, reader: Read) -> Memory:
    """The VM's memory; `status` is QEMU's own /proc/PID/status, None for a container.

    Raises:
        PermissionError: No right to read it.
        ValueError: A file is malformed.
    """
    current = swap = oom_kills = None
    if cgroups.memory is not None:
        current = read_integer(f"{cgroups.memory}/memory.usage_in_bytes", reader)
        oom_kills = read_oom_kills(f"{cgroups.memory}/memory.oom_control", reader)
    elif cgroups.unified is not None:
        current = read_integer(f"{cgroups.unified}/memory.current", reader)
        swap = read_integer(f"{cgroups.unified}/memory.swap.current", reader)
        oom_kills = read_oom_kills(f"{cgroups.unified}/memory.events", reader)
    if swap is None and status is not None:
        swap = _read_vmswap(status, reader)
    return Memory(current, swap, oom_kills)


def read_oom_kills(path: str, reader: Read) -> int | None:
    """`oom_kill` of memory.events or memory.oom_control; None if the kernel does not count it.

    Raises:
        PermissionError: No right to read it.
        ValueError: The file is malformed.
    """
    text = reader(path)
    if text is None:
        return None
    kills = pairs(text).get(b"oom_kill")  # Linux before 4.13 does not count them
    return None if kills is None else integer(path, kills)


def _read_vmswap(path: str, reader: Read) -> int | None:
    text = reader(path)
    if text is None:
        return None
    start = text.find(b"\nVmSwap:")
    if start < 0:  # a zombie, or a kernel without swap
        return None
    return sizes(path, text[start + 1 : text.find(b"\n", start + 1)], (b"VmSwap",))[0]
