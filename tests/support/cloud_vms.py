"""VMs as a management layer answers them."""

from typing import Any

from msgspec.structs import replace

from stratoscope.clouds.model import VM

GIB = 2**30


def vm(vm_id: str = "vm-1", **changes: Any) -> VM:
    """A VM that runs, with one vCPU, 2 GiB of memory and 20 GiB of disk; but for these changes."""
    plain = VM(
        vm_id=vm_id,
        name="web 1",
        state="ACTIVE",
        transition="",
        project_id="p1",
        user_id="u1",
        flavor="m1.small",
        image="i1",
        host="node1",
        zone="az1",
        created=1795305600.0,
        changed=1795305660.0,
        vcpus=1,
        memory=2 * GIB,
        disk=20 * GIB,
        addresses=1,
        fault=None,
    )
    return replace(plain, **changes)
