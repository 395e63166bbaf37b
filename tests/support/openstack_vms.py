"""The Lifecycle of OpenStack against the embedded cloud, as a plain user, and the boot of one VM."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.limiter import Limits
from stratoscope.clouds.lifecycle import Mark, Seen, Underway
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.clouds.openstack.kind import KIND
from stratoscope.clouds.openstack.lifecycle.vms import OpenStackVMs
from stratoscope.core.config import decode
from stratoscope.demo.world.models import Project
from support.demo_cloud import DemoCloud

TAG: Final = "stratoscope-vmprobe"
MARK: Final = Mark(TAG, "boot", "0123456789abcdef", 2e9)
DESCRIBED: Final = {"flavor": "t1.nano", "image": "cirros", "network": "astronomy-net"}
QUICK: Final = Limits(requests_per_second=1000)


@asynccontextmanager
async def opened(
    cloud: DemoCloud,
    folder: Path,
    *,
    os_cloud: str = "user1",
    limits: Limits = QUICK,
    clock: Clock = CLOCK,
) -> AsyncIterator[OpenStack]:
    """The cloud as an exporter opens it, with one of the users of the embedded one."""
    file = str(cloud.clouds_yaml(folder))
    opened = OpenStack(OpenStackCloud("demo", "openstack", os_cloud, file, budget=limits), clock)
    try:
        yield opened
    finally:
        await opened.close()


def vms(cloud: OpenStack, **more: Any) -> OpenStackVMs:
    """The Lifecycle of a description: `DESCRIBED`, with more keys or other values."""
    assert KIND.vm is not None
    assert KIND.lifecycle is not None
    made = KIND.lifecycle(cloud, decode(KIND.vm, {**DESCRIBED, **more}, "vmprobe.probes[0]"))
    assert isinstance(made, OpenStackVMs)
    return made


async def booted(lifecycle: OpenStackVMs, mark: Mark = MARK) -> str:
    """The id of a VM that was requested."""
    return await lifecycle.request(Underway(mark, await lifecycle.resolve()))


async def seen_after(cloud: DemoCloud, lifecycle: OpenStackVMs, vm_id: str, seconds: float) -> Seen:
    """The VM after so much of the cloud's time."""
    cloud.after(seconds)
    seen = await lifecycle.see(vm_id)
    assert seen is not None
    return seen


def project(cloud: DemoCloud, name: str = "astronomy") -> Project:
    return next(one for one in cloud.world.projects if one.name == name)
