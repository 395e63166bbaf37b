"""What is shown of one VM, by subject: each a plain function from a VM to samples, with the families it uses."""

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
        monitor: Groups of libvirt's statistics that it needs from the VM's monitor.
        cpu: Whether it needs CPU times: from the kernel, or where that is not readable from libvirt.
        series: How many series it adds for a VM with one vCPU, disk and interface, where everything is given.
    """

    name: str
    families: Sequence[Family]
    samples: Callable[[VM, Labels], Iterable[Sample]]
    series: int
    monitor: frozenset[str] = frozenset()
    cpu: bool = False


VM_LABELS = ("cloud", "vm_id")
