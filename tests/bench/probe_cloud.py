"""The embedded cloud for probes, as a process: it tells what was done to it.

`python probe_cloud.py FOLDER SHORTEST LONGEST` writes its configuration into the folder; the two numbers say
how many times longer than usual the steps of a VM's boot take, which differs from VM to VM. For each line
that it reads (`held before`, `held after`, `held`: where the answers to POST /servers are held back; or an
empty one) it writes a line of what was done so far.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml
from aiohttp import web
from told import Answering, answering

from stratoscope.demo.clock import Steps
from stratoscope.demo.config_writer import CLOUDS_YAML, write_config
from stratoscope.demo.openstack.app import OpenStack
from stratoscope.demo.openstack.seed import Size, build
from stratoscope.demo.openstack.service import Route, Service
from stratoscope.demo.server import serving
from stratoscope.demo.world.models import VM
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.world import World

PROBED: Final = ("-m", "stratoscope", "vmprobe", "--web.listen-address=127.0.0.1:0")
TAG: Final = "stratoscope-vmprobe"
VM_OF_PROBE: Final = {"flavor": "t1.nano", "image": "cirros", "network": "astronomy-net"}
USUAL_S: Final = 6.2
"""A boot, without the spread of its steps."""
_SIZE: Final = Size(vms=200, hosts=50, projects=20)
_HELD_S: Final = 20.0
_NOT_OURS: Final[Sequence[dict[str, str]]] = (
    {"stratoscope_tag": "another-prober", "stratoscope_run": "0123456789abcdef", "stratoscope_deadline": "1"},
    {"stratoscope_tag": TAG, "stratoscope_run": "fedcba9876543210", "stratoscope_deadline": "99999999999"},
    {"stratoscope_tag": TAG},
    {},
)
"""Of VMs of others that look like a probe's."""


class ProbeCloud:
    """The process. Attributes: folder: Of its configuration; clouds_file: Its clouds.yaml."""

    def __init__(self, process: Answering, folder: Path) -> None:
        self._process, self.folder = process, folder

    @property
    def clouds_file(self) -> Path:
        return self.folder / CLOUDS_YAML

    def config(
        self, probes: Sequence[Mapping[str, object]], *, concurrency: int = 8, **vmprobe: object
    ) -> str:
        """A configuration; each probe has what is not said here from VM_OF_PROBE."""
        entry = {
            "name": "demo",
            "kind": "openstack",
            "os_cloud": "user1",
            "clouds_file": str(self.clouds_file),
            "budget": {"requests_per_second": 100, "concurrency": concurrency},
        }
        entries = [{"cloud": "demo", **VM_OF_PROBE, **probe} for probe in probes]
        return yaml.safe_dump({"clouds": [entry], "vmprobe": {**vmprobe, "probes": entries}})

    def told(self, command: str = "") -> dict[str, Any]:
        """What was done so far.

        `requests`: moment, service, method, path, server or port, status, and whether that is of a probe.
        `vms`: of probes, by id: created, launched, terminated. `held`: requests for servers that have no
        answer now. `left`: how many servers and ports of probes are there.
        """
        found: dict[str, Any] = json.loads(self._process.answer(command))
        return found


@contextmanager
def probe_cloud(shortest: float, longest: float) -> Iterator[ProbeCloud]:
    """The cloud, until the block ends."""
    with (
        tempfile.TemporaryDirectory() as folder,
        answering(__file__, folder, str(shortest), str(longest)) as process,
    ):
        yield ProbeCloud(process, Path(folder))


class _Recording(OpenStack):
    """Records requests, and holds answers back."""

    def __init__(self, world: World) -> None:
        super().__init__(world, time.time)
        self.log: list[Sequence[object]] = []
        self._holds = ""
        self._held: set[object] = set()
        theirs = next(project for project in world.projects if project.name == "astronomy")
        for project in world.projects:
            project.limits.update(dict.fromkeys(project.limits, -1))
        others = [vm for vm in world.vms if vm.project is theirs][: len(_NOT_OURS)]
        for vm, metadata in zip(others, _NOT_OURS, strict=True):
            vm.name, vm.metadata, vm.is_tame, vm.json_view = f"stratoscope-{vm.id[:8]}", metadata, True, None
        self._others = {vm.id for vm in others}

    def hold(self, when: str) -> None:
        """Hold answers back from now on; those that are held now count no more."""
        self._holds, self._held = when, set()

    def told(self) -> Mapping[str, object]:
        ours = [vm for vm in self.world.vms if self._is_ours(vm)]
        alive = {vm.id for vm in ours if vm.terminated is None}
        ids = {vm.id for vm in ours}
        ports = [port for port in self.world.ports if port.device_id in ids]
        return {
            "requests": self.log,
            "vms": {vm.id: (vm.created, vm.launched, vm.terminated) for vm in ours},
            "held": len(self._held),
            "left": len(alive) + len(ports),
            "others": sum(vm.terminated is None for vm in self.world.vms if vm.id in self._others),
        }

    def _is_ours(self, vm: VM) -> bool:
        return vm.metadata.get("stratoscope_tag") == TAG and vm.id not in self._others

    def _handler(
        self, service: Service, route: Route
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        handle = super()._handler(service, route)
        is_creation = (service.kind, route.method, route.path) == ("compute", "POST", "/v2.1/servers")

        async def handled(raw: web.Request) -> web.StreamResponse:
            moment, target = time.time(), next(iter(raw.match_info.values()), "")
            port = self.world.ports.get(target)
            vm = self.world.vms.get(target if port is None else port.device_id)
            is_ours = vm is not None and self._is_ours(vm)
            if not (is_creation and self._holds):
                response = await handle(raw)
            else:
                response = await self._held_back(partial(handle, raw))
            self.log.append((moment, service.kind, raw.method, route.path, target, response.status, is_ours))
            return response

        return handled

    async def _held_back(self, answer: Callable[[], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        """The answer, made before it is held back or after that; who waits for it must not go away then."""
        made = await answer() if self._holds == "after" else None
        held, one = self._held, object()
        held.add(one)
        try:
            await asyncio.sleep(_HELD_S)
        finally:
            held.remove(one)
        return await answer() if made is None else made


def stretch(shortest: float, longest: float) -> None:
    """Let each VM take a time of its own for its steps, chosen by its id."""

    def stretched(self: Operations, vm: VM, steps: Steps) -> None:
        factor = shortest * (longest / shortest) ** random.Random(vm.id).random()  # noqa: S311 - no secret
        self.begin(vm)
        operation = vm.operation
        is_on = lambda: vm.operation == operation and vm.terminated is None  # noqa: E731 - as Operations.run
        self.world.timeline.run(steps, lambda: factor, is_on)

    # The command has no such flag.
    Operations.run = stretched  # type: ignore[method-assign]


async def _main(folder: Path) -> None:
    cloud = _Recording(build(_SIZE, seed=1, now=time.time()))
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with serving(cloud, ["127.0.0.1:0"]) as running:
        write_config(folder / "stratoscope.yml", running.urls[0])
        print("ready", flush=True)
        while line := await lines.readline():
            words = line.decode().split()
            if words:
                cloud.hold(words[1] if len(words) > 1 else "")
            cloud.advance()
            print(json.dumps(cloud.told()), flush=True)


if __name__ == "__main__":
    stretch(float(sys.argv[2]), float(sys.argv[3]))
    asyncio.run(_main(Path(sys.argv[1])))
