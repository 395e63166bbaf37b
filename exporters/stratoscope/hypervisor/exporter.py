"""Opens the libvirt connections of the configuration, and makes the collectors of each URI."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

from stratoscope.clouds.libvirt.config import LibvirtCloud, is_in_process, is_local
from stratoscope.clouds.libvirt.host import LibvirtHost
from stratoscope.clouds.registry import kind
from stratoscope.core.collector import Absent, Collections, Collector
from stratoscope.core.errors import LeftOut
from stratoscope.core.exporter import Exporter
from stratoscope.core.part import Opened, Part, Site
from stratoscope.core.planner import Planner
from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.collectors.background import HaltPoll, Jobs, Networks, Pools
from stratoscope.hypervisor.collectors.block_jobs import BlockJobs, Mirrors
from stratoscope.hypervisor.collectors.daemon import Daemon, RemoteHost
from stratoscope.hypervisor.collectors.domains import Domains
from stratoscope.hypervisor.collectors.events import Events
from stratoscope.hypervisor.collectors.host import PARTS, Host
from stratoscope.hypervisor.collectors.of_host import OfHost
from stratoscope.hypervisor.collectors.vm_ownership import VMOwnership
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel_reader import KernelReader
from stratoscope.hypervisor.settings import Settings, parse, subjects

_OF_URI: Final[Sequence[type[OfHost[Any]]]] = (Pools, Networks, Jobs, Mirrors, BlockJobs, HaltPoll)


def _parts(settings: Settings, _: Site) -> Iterator[Part]:
    """A part per cloud; it is opened again if a subject of the VMs or a part of the host is switched on or
    off.
    """
    planner = settings.planner()
    names = [subject.name for subject in subjects("")] + [part.name for part in PARTS]
    switched = frozenset(filter(planner.is_on, names))
    for cloud in settings.clouds:
        yield Part(
            name=f"{cloud.name}/{cloud.kind}",
            identity=(cloud, settings.paths, switched),
            open=partial(_open, settings.paths, planner, cloud),
            collections=partial(_collections, planner, cloud, settings.paths),
        )


@asynccontextmanager
async def _open(paths: Paths, planner: Planner, cloud: LibvirtCloud) -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:
        yield Opened([*_collectors(paths, planner, cloud, stack)])


def _collections(planner: Planner, cloud: LibvirtCloud, paths: Paths, opened: Opened) -> Collections:
    return planner.collections(opened.collectors, _parts_left_out(planner, cloud, paths))


def _has_kernel(uri: str, paths: Paths) -> bool:
    """Whether the kernel's files of a URI's host can be read.

    The mock driver's VMs have none on this machine. Below another path than /proc are files made for them.
    """
    return is_local(uri) or (is_in_process(uri) and paths.procfs != Paths().procfs)


def _parts_left_out(planner: Planner, cloud: LibvirtCloud, paths: Paths) -> Iterable[Absent]:
    """Subjects and parts of the host that the configuration switches off, or that no URI of the cloud has."""
    has_kernel = any(_has_kernel(uri, paths) for uri in cloud.uris)
    for subject in subjects(""):
        if not planner.is_on(subject.name):
            yield Absent(subject.name, LeftOut.NOT_CONFIGURED, cloud.name)
        elif subject.from_kernel and not has_kernel:
            yield Absent(subject.name, LeftOut.ABSENT, cloud.name)
    for part in PARTS if has_kernel else ():
        if not planner.is_on(part.name):
            yield Absent(part.name, LeftOut.NOT_CONFIGURED, cloud.name)


def _collectors(
    paths: Paths, planner: Planner, cloud: LibvirtCloud, stack: AsyncExitStack
) -> Iterable[Collector[Any]]:
    hosts: set[str] = set()
    ownership = VMOwnership()
    opened: list[LibvirtHost] = kind(cloud.kind).opened(cloud)
    for host in opened:
        stack.push_async_callback(host.close)
        kernel = None
        if _has_kernel(host.uri, paths):
            kernel = KernelReader(paths)
            stack.callback(kernel.close)
        chosen = [subject for subject in subjects(host.host) if planner.is_on(subject.name)]
        if kernel is None:
            chosen = [subject for subject in chosen if not subject.from_kernel]
        yield Domains(host, kernel, chosen, ownership)
        yield Daemon(host)
        yield Events(host, ownership)
        yield from (one(host) for one in _OF_URI)
        if host.host not in hosts:  # several URIs may lead to one host
            hosts.add(host.host)
            yield _of_host(paths, planner, host, stack)


def _of_host(paths: Paths, planner: Planner, host: LibvirtHost, stack: AsyncExitStack) -> Collector[Any]:
    """The collector of a URI's host: it reads /proc and /sys if they are that host's, else libvirt."""
    if not _has_kernel(host.uri, paths):
        return RemoteHost(host)
    parts = [part for part in PARTS if planner.is_on(part.name)]
    collector = Host(host.cloud, host.host, parts, paths)
    stack.callback(collector.close)
    return collector


EXPORTER: Final = Exporter(program=PROGRAM, parse=parse, parts=_parts)
