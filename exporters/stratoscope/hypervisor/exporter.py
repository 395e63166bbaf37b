"""The hypervisor exporter: what runs for each libvirt URI of the configuration."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from stratoscope.clouds.libvirt.config import LibvirtCloud, is_local
from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.core.collector import Absent, Collection, Collections, Collector
from stratoscope.core.errors import LeftOut
from stratoscope.core.exporter import Exporter
from stratoscope.hypervisor.collectors.background import HaltPoll, Jobs, Networks, Pools
from stratoscope.hypervisor.collectors.daemon import Daemon, RemoteHost
from stratoscope.hypervisor.collectors.domains import Domains
from stratoscope.hypervisor.collectors.events import Events
from stratoscope.hypervisor.collectors.host import PARTS, Host, readable
from stratoscope.hypervisor.kernel_reader import KernelReader
from stratoscope.hypervisor.settings import FLAGS, Settings, parse, subjects

_FROM_KERNEL: Final = frozenset({"taps", "pressure", "throttling", "oom"})
"""Subjects that come from the kernel's files alone: a host elsewhere does not have them."""

Named = tuple[str, Collector[Any]]
"""A collector, and the name under which the configuration speaks of it."""


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Collections]:
    running: list[Collection] = []
    left_out: list[Absent] = []
    async with AsyncExitStack() as stack:
        for cloud in settings.clouds:
            collectors: list[Named] = []
            for uri in cloud.uris:
                named, absent = _of_uri(settings, cloud, uri, stack)
                collectors += named
                left_out += absent
            named, absent = await asyncio.to_thread(_of_machine, settings, cloud)
            left_out += absent
            for name, collector in collectors + named:
                if settings.is_on(name):
                    running.append(Collection(collector, settings.schedule(name), settings.max_series(name)))
                else:
                    left_out.append(Absent(collector.name, LeftOut.NOT_CONFIGURED, cloud.name))
        yield Collections(running, left_out)


def _of_uri(
    settings: Settings, cloud: LibvirtCloud, uri: str, stack: AsyncExitStack
) -> tuple[list[Named], Iterable[Absent]]:
    host = LibvirtHost(cloud, uri)
    stack.push_async_callback(host.close)
    kernel = None
    if host.is_local:
        kernel = KernelReader(settings.paths)
        stack.callback(kernel.close)
    chosen, left_out = [], []
    for subject in subjects(host.host):
        if not settings.is_on(subject.name):
            left_out.append(Absent(subject.name, LeftOut.NOT_CONFIGURED, cloud.name))
        elif kernel is None and subject.name in _FROM_KERNEL:
            left_out.append(Absent(subject.name, LeftOut.ABSENT, cloud.name))
        else:
            chosen.append(subject)
    collectors: list[Named] = [
        ("domains", Domains(host, kernel, chosen)),
        ("daemon", Daemon(host)),
        ("events", Events(host)),
        ("pools", Pools(host)),
        ("networks", Networks(host)),
        ("jobs", Jobs(host)),
        ("halt_poll", HaltPoll(host)),
    ]
    if kernel is None:
        collectors.append(("node", RemoteHost(host)))
    return collectors, left_out


def _of_machine(settings: Settings, cloud: LibvirtCloud) -> tuple[list[Named], list[Absent]]:
    """The collector of this machine, where a URI of the cloud leads to it; reads files."""
    local = [uri for uri in cloud.uris if is_local(uri)]
    if not local:
        return [], []
    wanted = [part for part in PARTS if settings.is_on(part.name)]
    given, left_out = readable(wanted, settings.paths, cloud.name)
    left_out += [
        Absent(part.name, LeftOut.NOT_CONFIGURED, cloud.name) for part in PARTS if part not in wanted
    ]
    return [("host", Host(cloud.name, cloud.host_of(local[0]), given, settings.paths))], left_out


EXPORTER: Final = Exporter(
    name="hypervisor",
    port=10971,
    summary="VMs and their host as libvirt, cgroups and /proc see them, from outside the VM.",
    parse=parse,
    open=_open,
    flags=FLAGS,
)
