"""Embedded clouds that go on with the clock of this machine, in a thread, for exporters in processes."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from stratoscope.demo.config_writer import clouds
from stratoscope.demo.openstack.app import OpenStack
from stratoscope.demo.openstack.keystone.service import Keystone
from stratoscope.demo.openstack.seed import Size, build
from stratoscope.demo.server import serving
from stratoscope.demo.world.world import World
from support.loop_thread import in_thread

T = TypeVar("T")

SIZE: Final = Size(vms=60, hosts=6, projects=3)
"""Hosts cn01 to cn03 are in the zone north, cn04 and cn05 in south, cn06 in edge."""
_ROOM: Final = 10_000


@dataclass
class LiveCloud:
    """One cloud.

    Attributes:
        size: Of its world.
        url: Where it listens, without a path.
        ahead_s: By how much its clock is ahead.
    """

    name: str
    loop: asyncio.AbstractEventLoop
    size: Size = SIZE
    url: str = ""
    ahead_s: float = 0.0

    def __post_init__(self) -> None:
        self._cloud = OpenStack(build(self.size, seed=1, now=self._now()), self._now)
        _mend(self._cloud.world)

    def change(self, change: Callable[[World], T]) -> T:
        """Change its world, in its own thread."""

        async def changed() -> T:
            self._cloud.advance()
            return change(self._cloud.world)

        return asyncio.run_coroutine_threadsafe(changed(), self.loop).result()

    def fault(self, fault: str, **keys: Any) -> None:
        """As POST /demo/faults."""
        self.change(lambda _: self._cloud.faults.add({"fault": fault, **keys}))

    def withdraw(self, service: str) -> None:
        """The catalogue has this service no more."""

        (keystone,) = (one for one in self._cloud.services if isinstance(one, Keystone))
        entries = [one for one in keystone.entries if one.kind != service]
        self.change(lambda _: setattr(keystone, "entries", entries))

    def entry(self, folder: Path, *, user: str = "admin", **keys: Any) -> Mapping[str, Any]:
        """Its entry in `clouds:`; its clouds.yaml is written into the folder."""
        file = folder / f"clouds-{self.name}.yaml"
        file.write_text(yaml.safe_dump({"clouds": clouds(self.url)}))
        return {"name": self.name, "kind": "openstack", "os_cloud": user, "clouds_file": str(file), **keys}

    async def serve(self, stack: AsyncExitStack) -> None:
        running = await stack.enter_async_context(serving(self._cloud, ["127.0.0.1:0"]))
        self.url = running.urls[0]

    def _now(self) -> float:
        return time.time() + self.ahead_s


@contextmanager
def live_clouds(names: Sequence[str], size: Size = SIZE) -> Iterator[Mapping[str, LiveCloud]]:
    """Clouds that are healthy, by their names."""

    async def serve(stack: AsyncExitStack) -> Mapping[str, LiveCloud]:
        loop = asyncio.get_running_loop()
        found = {name: LiveCloud(name, loop, size) for name in names}
        for one in found.values():
            await one.serve(stack)
        return found

    with in_thread("clouds", serve) as found:
        yield found


def _mend(world: World) -> None:
    """End what is wrong from the beginning: a host disabled, one down, a VM in BUILD, quotas nearly used."""
    for vm in world.vms:
        if vm.vm_state == "building":
            vm.vm_state, vm.task_state, vm.is_tame = "active", None, False
    for daemon in world.daemons:
        daemon.silent_since, daemon.is_enabled, daemon.disabled_reason = None, True, None
    for project in world.projects:
        project.limits |= {
            resource: limit + _ROOM for resource, limit in project.limits.items() if limit >= 0
        }
