"""The hypervisor exporter: what runs for each libvirt URI of the configuration."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from stratoscope.clouds.libvirt.config import LibvirtCloud, is_local
from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.core.collector import Absent, Collection, Collections, Collector
from stratoscope.core.errors import LeftOut
from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.collectors.background import HaltPoll, Jobs, Networks, Pools
from stratoscope.hypervisor.collectors.block_jobs import BlockJobs, Mirrors
from stratoscope.hypervisor.collectors.daemon import Daemon, RemoteHost
from stratoscope.hypervisor.collectors.domains import Domains
from stratoscope.hypervisor.collectors.events import Events
from stratoscope.hypervisor.collectors.host import PARTS, Host
from stratoscope.hypervisor.collectors.vm_ownership import VMOwnership
from stratoscope.hypervisor.kernel_reader import KernelReader
from stratoscope.hypervisor.settings import Settings, parse, subjects

_FROM_KERNEL: Final = frozenset({"storage", "taps", "pressure", "throttling", "oom", "cgroup_memory"})
"""Subjects that come from the kernel's files alone: a host elsewhere does not have them."""

Named = tuple[str, Collector[Any]]
"""A collector, and the name under which the configuration speaks of it."""


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Collections]:
    running: list[Collection] = []
    left_out: list[Absent] = []
    async with AsyncExitStack() as stack:
        for cloud in settings.clouds:
            left_out += _parts_left_out(settings, cloud)
            for name, collector in _collectors(settings, cloud, stack):
                if settings.is_on(name):
                    running.append(Collection(collector, settings.schedule(name), settings.max_series(name)))
                else:
                    left_out.append(Absent(collector.name, LeftOut.NOT_CONFIGURED, cloud.name))
        yield Collections(running, left_out)


def _parts_left_out(settings: Settings, cloud: LibvirtCloud) -> Iterable[Absent]:
    """Subjects and parts of the host that the configuration switches off, or that no URI of the cloud has."""
    has_kernel = any(is_local(uri) for uri in cloud.uris)
    names = [subject.name for subject in subjects("")] + [part.name for part in PARTS if has_kernel]
    for name in names:
        if not settings.is_on(name):
            yield Absent(name, LeftOut.NOT_CONFIGURED, cloud.name)
        elif name in _FROM_KERNEL and not has_kernel:
            yield Absent(name, LeftOut.ABSENT, cloud.name)


def _collectors(settings: Settings, cloud: LibvirtCloud, stack: AsyncExitStack) -> Sequence[Named]:
    found: list[Named] = []
    hosts: set[str] = set()
    ownership = VMOwnership()
    # This machine's own first: what it says of itself is more than libvirt says of it.
    for uri in sorted(cloud.uris, key=is_local, reverse=True):
        host = LibvirtHost(cloud, uri)
        stack.push_async_callback(host.close)
        found += _of_uri(settings, host, ownership, stack)
        if host.host not in hosts:  # several URIs may lead to one host
            hosts.add(host.host)
            found.append(_of_host(settings, host, stack))
    return found


def _of_uri(
    settings: Settings, host: LibvirtHost, ownership: VMOwnership, stack: AsyncExitStack
) -> Sequence[Named]:
    chosen = [subject for subject in subjects(host.host) if settings.is_on(subject.name)]
    kernel = None
    if host.is_local:
        kernel = KernelReader(settings.paths)
        stack.callback(kernel.close)
    else:
        chosen = [subject for subject in chosen if subject.name not in _FROM_KERNEL]
    return [
        ("domains", Domains(host, kernel, chosen, ownership)),
        ("daemon", Daemon(host)),
        ("events", Events(host, ownership)),
        ("pools", Pools(host)),
        ("networks", Networks(host)),
        ("jobs", Jobs(host)),
        ("mirrors", Mirrors(host)),
        ("block_jobs", BlockJobs(host)),
        ("halt_poll", HaltPoll(host)),
    ]


def _of_host(settings: Settings, host: LibvirtHost, stack: AsyncExitStack) -> Named:
    """The collector of the host that a URI leads to: by its files where it is this machine."""
    if not host.is_local:
        return "node", RemoteHost(host)
    parts = [part for part in PARTS if settings.is_on(part.name)]
    collector = Host(host.cloud, host.host, parts, settings.paths)
    stack.callback(collector.close)
    return "host", collector


EXPORTER: Final = PROGRAM.exporter(parse=parse, open=_open)
