"""VMs as a management layer answers them."""

from typing import Any

from msgspec.structs import replace

from stratoscope.clouds.model import VM

GIB = 2**30


def vm(vm_id: str = "vm-1", **changes: Any) -> VM:
    """A VM that runs, with one vCPU, 2 GiB of memory and 20 GiB of disk; but for these changes."""
    plain = VM(
        vm_id,
        "web 1",
        "ACTIVE",
        "",
        "p1",
        "u1",
        "m1.small",
        "i1",
        "node1",
        "az1",
        1795305600.0,
        1795305660.0,
        1,
        2 * GIB,
        20 * GIB,
        1,
        None,
    )
    return replace(plain, **changes)
