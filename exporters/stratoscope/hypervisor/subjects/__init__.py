"""What is shown of one VM, by subject: each a plain function from a VM to samples, and its families."""

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
        series: How many series it has for a KVM guest with one vCPU, disk and interface and no limits.
        beyond: What adds to that, or takes from it; for the documentation.
        monitor: Groups of libvirt's statistics that it needs from the VM's monitor.
        cpu: Whether it needs CPU times: from the kernel, or where that is not readable from libvirt.
        taps: Whether it needs the host's ends of the VM's interfaces.
        from_kernel: Whether the kernel's files alone tell it: a host elsewhere does not have it.
        is_on: Whether it is shown unless the configuration says so.
        without_daemon: Whether it goes on while the daemon does not answer: the kernel tells it, or the
            definition, which holds as long as the VM's process runs.
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
    """The label of a device; most VMs have the same few names, so each is made and escaped once."""
    return Labels(device=name)
