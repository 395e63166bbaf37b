"""Writes the files of two hosts, and keeps them moving."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import yaml

from stratoscope.core import new_file
from stratoscope.core.errors import ConfigError
from stratoscope.demo.openstack.hypervisors.definitions import node
from stratoscope.demo.openstack.hypervisors.files import CGROUPS, files
from stratoscope.demo.openstack.hypervisors.guests import ShownHost
from stratoscope.demo.openstack.hypervisors.meters import HostMeter
from stratoscope.demo.world.world import World

log = logging.getLogger(__name__)

EVERY_S: Final = 5.0
CONFIGURATION: Final = "hypervisor.yml"
_INVENTED: Final = ("disks", "network")
"""Subjects of which libvirt's mock driver makes the counters up: they are switched off."""


class HostFiles:
    """The files of one host, below a folder of its name."""

    def __init__(self, shown_host: ShownHost, folder: Path, now: float) -> None:
        self.root = folder / shown_host.host.name
        self._shown_host, self._meter = shown_host, HostMeter(shown_host, now)
        self._written: dict[str, str] = {}

    def begin(self, cloud: str) -> None:
        """Write all of them; the configuration of the exporter last. Raises OSError."""
        self.root.mkdir(parents=True)
        for path, _ in files(self._meter):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        self._write()
        definitions, root = self.root / "node.xml", self.root
        self._put(definitions.name, node(self._shown_host))
        uri, host = f"test://{quote(str(definitions))}", self._shown_host.host.name
        entry = {"name": cloud, "kind": "libvirt", "uri": uri, "host": host}
        collectors = {name: {"enabled": False} for name in _INVENTED}
        document = {"clouds": [entry], "hypervisor": {"collectors": collectors}}
        command = (
            f"stratoscope hypervisor --config.file={root / CONFIGURATION} --path.procfs={root}/proc "
            f"--path.sysfs={root}/sys --path.cgroup={root / CGROUPS}"
        )
        self._put(CONFIGURATION, f"# {command}\n" + yaml.safe_dump(document, sort_keys=False))

    def move(self, now: float) -> None:
        """Write those that have changed, each by rename. Raises OSError."""
        self._meter.advance(now)
        self._write()

    def _write(self) -> None:
        for path, text in files(self._meter):
            if self._written.get(path) != text:
                self._put(path, text)
                self._written[path] = text

    def _put(self, path: str, text: str) -> None:
        new_file.put(f"{self.root}/{path}", text.encode(), 0o644)


@asynccontextmanager
async def moving(
    chosen: Iterable[ShownHost], world: World, folder: Path, cloud: str
) -> AsyncIterator[asyncio.Task[None]]:
    """Write the files of these hosts into a folder, and keep them moving until the block ends.

    What cannot be written later is logged once, and tried again. Yields the task, which fails by a bug only.

    Raises:
        ConfigError: They cannot be written; the message names `--write-hosts`.
    """
    hosts = [HostFiles(shown_host, folder, world.now) for shown_host in chosen]
    try:
        for host in hosts:
            await asyncio.to_thread(host.begin, cloud)
    except OSError as error:
        raise ConfigError(f"--write-hosts: {error.filename}: {error.strerror}") from error
    task = asyncio.create_task(_move(hosts, world), name="hosts")
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _move(hosts: Iterable[HostFiles], world: World) -> None:
    failed = False
    while True:
        await asyncio.sleep(EVERY_S)
        try:
            for host in hosts:
                await asyncio.to_thread(host.move, world.now)
        except OSError as error:
            if not failed:
                log.error("hosts not written error=%r", str(error))  # noqa: TRY400 - the text says it all
            failed = True
            continue
        if failed:
            log.info("hosts written again")
        failed = False
