"""Embedded clouds that go on with the clock of this machine, in a thread, for exporters in processes."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from stratoscope.demo.config_writer import clouds
from stratoscope.demo.openstack.app import OpenStack
from stratoscope.demo.openstack.hypervisors.guests import LEAST_HOSTS, ShownHost, shown_hosts
from stratoscope.demo.openstack.hypervisors.writer import CONFIGURATION, HostFiles
from stratoscope.demo.openstack.keystone.service import Keystone
from stratoscope.demo.openstack.seed import Size, build
from stratoscope.demo.server import serving
from stratoscope.demo.world.world import World
from support.loop_thread import in_thread

T = TypeVar("T")

SIZE: Final = Size(vms=60, hosts=6, projects=3)
"""Hosts cn01 to cn03 are in the zone north, cn04 and cn05 in south, cn06 in edge."""
WITH_HOSTS: Final = replace(SIZE, vms=40, hosts=LEAST_HOSTS)
"""The least of which two hosts can be shown; with more VMs a project would nearly use its quota of memory."""
_ROOM: Final = 10_000


@dataclass
class LiveCloud:
    """One cloud.

    Attributes:
        size: Of its world.
        url: Where it listens, without a path.
        ahead_s: By how much its clock is ahead.
        hosts: With `shows_hosts` two whose files can be written, and whose VMs stay; in order.
    """

    name: str
    loop: asyncio.AbstractEventLoop
    size: Size = SIZE
    url: str = ""
    ahead_s: float = 0.0
    shows_hosts: bool = False

    def __post_init__(self) -> None:
        self._cloud = OpenStack(build(self.size, seed=1, now=self._now()), self._now)
        _mend(self._cloud.world)
        shown = shown_hosts(self._cloud.world) if self.shows_hosts else ()
        self.hosts: Sequence[ShownHost] = sorted(shown, key=lambda one: one.host.number)

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

    def write_host(self, folder: Path) -> Path:
        """The files of the first host, as they are now and stay. Returns the exporter's configuration."""
        files = HostFiles(self.hosts[0], folder, self._now())
        self.change(lambda _: files.begin(self.name))
        return files.root / CONFIGURATION

    async def serve(self, stack: AsyncExitStack) -> None:
        running = await stack.enter_async_context(serving(self._cloud, ["127.0.0.1:0"]))
        self.url = running.urls[0]

    def _now(self) -> float:
        return time.time() + self.ahead_s


@contextmanager
def live_clouds(
    names: Sequence[str], size: Size = SIZE, *, with_hosts: Sequence[str] = ()
) -> Iterator[Mapping[str, LiveCloud]]:
    """Clouds that are healthy, by their names. Args: with_hosts: Those that have hosts to be shown, too."""

    async def serve(stack: AsyncExitStack) -> Mapping[str, LiveCloud]:
        loop = asyncio.get_running_loop()
        found = {name: LiveCloud(name, loop, size) for name in names}
        found |= {name: LiveCloud(name, loop, WITH_HOSTS, shows_hosts=True) for name in with_hosts}
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
