"""Readers of the kernel's files over recorded hosts, and what the tests of them share."""

from collections.abc import Callable, Mapping

from stratoscope.core.errors import LeftOut
from stratoscope.hypervisor.kernel.paths import Paths
from stratoscope.hypervisor.kernel.qdisc import Qdisc, Queues
from stratoscope.hypervisor.kernel_reader import KernelReader, Reading
from support.libvirt_hosts import with_time
from support.source import Clock

HYBRID, SECOND = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
UNIFIED = "4dea22b3-1d52-48d8-9f2a-0123456789ab"
V1 = "5b0a66b1-0c3c-4f0e-8a51-abcdef012345"
QUEUES = {"vnet0": Queues(Qdisc("fq_codel", 3, 100))}

Told = Mapping[str, Queues] | LeftOut


class Asked:
    """Readers over a host, closed at the end of the test."""

    def __init__(self) -> None:
        self._readers: list[KernelReader] = []

    def reader(
        self,
        paths: Paths,
        queues: Callable[[], Told] = dict,
        clock: Clock | None = None,
        promiscuity: Callable[[], Mapping[str, int] | LeftOut] = dict,
    ) -> KernelReader:
        reader = KernelReader(paths, queues=queues, promiscuity=promiscuity, monotonic=clock or Clock())
        self._readers.append(reader)
        return reader

    def close(self) -> None:
        for reader in self._readers:
            reader.close()


async def read(reader: KernelReader, running: Mapping[str, tuple[str, int]], *taps: str) -> Reading:
    return await with_time(lambda: reader.read(running, taps))
