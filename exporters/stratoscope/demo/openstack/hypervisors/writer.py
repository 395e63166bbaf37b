"""Writes the files of two hosts, and keeps them moving."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import yaml

from stratoscope.core import new_file
from stratoscope.core.errors import ConfigError
from stratoscope.demo.openstack.hypervisors.choice import choose
from stratoscope.demo.openstack.hypervisors.definitions import node
from stratoscope.demo.openstack.hypervisors.guests import (
    ShownHost,
    with_noisy_neighbour,
    with_own_limit,
)
from stratoscope.demo.openstack.hypervisors.meters import HostMeter
from stratoscope.demo.openstack.hypervisors.moving_files import moving_files
from stratoscope.demo.openstack.hypervisors.still_files import CGROUPS, still_files
from stratoscope.demo.world.world import World

log = logging.getLogger(__name__)

EVERY_S: Final = 5.0
NODE: Final = "node.xml"
CONFIGURATION: Final = "hypervisor.yml"
_INVENTED: Final = ("disks", "network")
"""Subjects of which libvirt's mock driver makes the counters up: they are switched off."""


def shown_hosts(world: World) -> tuple[ShownHost, ...]:
    """The two hosts; from now on their VMs stay. Call it before there is a churn."""
    first, second = choose(world)
    for host in (first, second):
        world.keep_still(host)
    return with_noisy_neighbour(first), with_own_limit(second)


class HostFiles:
    """The files of one host, below a folder of its name."""

    def __init__(self, shown_host: ShownHost, folder: Path, now: float) -> None:
        self.root = folder / shown_host.host.name
        self._shown_host, self._meter = shown_host, HostMeter(shown_host, now)
        self._written: dict[str, str] = {}

    def begin(self, cloud: str) -> None:
        """Write all of them; the configuration of the exporter last. Raises OSError."""
        self.root.mkdir(parents=True)
        files = {**dict(still_files(self._shown_host)), **dict(moving_files(self._meter))}
        for folder in {os.path.dirname(path) for path in files}:  # noqa: PTH120 - paths are texts here
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            _put(f"{self.root}/{path}", text)
        definitions = self.root / NODE
        _put(str(definitions), node(self._shown_host))
        document = configuration(cloud, self._shown_host.host.name, definitions)
        text = f"# {self._command()}\n" + yaml.safe_dump(document, sort_keys=False)
        _put(f"{self.root}/{CONFIGURATION}", text)

    def move(self, now: float) -> None:
        """Write those that have changed, each by rename. Raises OSError."""
        self._meter.advance(now)
        for path, text in moving_files(self._meter):
            if self._written.get(path) != text:
                _put(f"{self.root}/{path}", text)
                self._written[path] = text

    def _command(self) -> str:
        root = self.root
        return (
            f"stratoscope hypervisor --config.file={root / CONFIGURATION} --path.procfs={root}/proc "
            f"--path.sysfs={root}/sys --path.cgroup={root / CGROUPS}"
        )


def configuration(cloud: str, host: str, definitions: Path) -> Mapping[str, object]:
    """The configuration of the hypervisor exporter of a host."""
    entry = {"name": cloud, "kind": "libvirt", "uri": f"test://{quote(str(definitions))}", "host": host}
    collectors = {name: {"enabled": False} for name in _INVENTED}
    return {"clouds": [entry], "hypervisor": {"collectors": collectors}}


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


def _put(file: str, text: str) -> None:
    new_file.put(file, text.encode(), 0o644)
