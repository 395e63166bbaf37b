"""The subjects of a VM: each is a function from a VM to samples, with its families."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.vm import VM


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject.

    Attributes:
        name: As `?collect[]=` and the configuration spell it.
        families: All families that `samples` may yield.
        samples: The samples of one VM, given its Labels(cloud, vm_id).
        series: Number of series of a KVM guest with one vCPU, disk and interface and without limits.
        beyond: What changes that number; for the documentation.
        monitor: Groups of libvirt's statistics that it needs from the VM's monitor.
        cpu: Whether it needs CPU times: from the kernel, or if that is not readable from libvirt.
        taps: Whether it needs the host's devices of the VM's interfaces.
        from_kernel: Whether only the kernel's files have it, so that a URI of another machine lacks it.
        is_on: Whether it is shown by default.
        without_daemon: Whether it is shown while the daemon does not answer: it comes from the kernel, or
            from the definition, which holds as long as the VM's process runs.
    """

    name: str
    families: Sequence[Family]
    samples: Callable[[VM, Labels], Iterable[Sample]]
    series: int
    beyond: str = ""
    monitor: frozenset[str] = frozenset()
    cpu: bool = False
    taps: bool = False
    from_kernel: bool = False
    is_on: bool = True
    without_daemon: bool = False


VM_LABELS = ("cloud", "vm_id")


@functools.lru_cache(maxsize=4096)
def device(name: str) -> Labels:
    """The label of a device, cached: most VMs have the same few names."""
    return Labels(device=name)
