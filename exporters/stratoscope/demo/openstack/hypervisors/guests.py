"""The VMs of a host as its libvirt and its kernel know them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stratoscope.demo.openstack.hypervisors.activity import ALWAYS, Activity, drawn, stretch
from stratoscope.demo.world.models import VM, Host

RUNNING, PAUSED, OFF = 1, 3, 5
"""virDomainState."""
_STATES: Final = {"active": RUNNING, "resized": RUNNING, "paused": PAUSED}
_FIRST_PID: Final = 2000
_PIDS: Final = 100
"""Process and thread ids per VM."""
_TAP: Final = 11
"""Characters of a port's id in the name of its tap: Neutron's and Nova's NIC_NAME_LEN, less `tap`."""
_QUOTA: Final = 0.5
_CALM: Final = 0.7
"""The share of a host's CPUs that its VMs want at most, if none is noisy."""
BUSY_RATIO: Final = 1.3
"""What the VMs beside a noisy neighbour want, divided by what it leaves them: so they wait for a quarter of
their time."""


@dataclass(frozen=True, slots=True, eq=False)
class Guest:
    """A VM of a host at the start.

    Attributes:
        number: libvirt's id of the domain; 0 while it is off.
        quota: CPU time that each of its virtual CPUs may use, as a share; None without a limit.
    """

    vm: VM
    number: int
    state: int
    activity: Activity
    quota: float | None = None

    @property
    def domain(self) -> str:
        """The name, by Nova's default template."""
        return f"instance-{self.vm.serial:08x}"

    @property
    def pid(self) -> int:
        return _FIRST_PID + _PIDS * self.number

    @property
    def vcpus(self) -> int:
        return self.vm.flavor.vcpus

    @property
    def threads(self) -> range:
        """Thread ids of the virtual CPUs."""
        return range(self.pid + 1, self.pid + 1 + self.vcpus)

    @property
    def memory_bytes(self) -> int:
        return self.vm.flavor.memory_mib << 20

    @property
    def taps(self) -> list[str]:
        return [f"tap{port.id[:_TAP]}" for port in self.vm.ports]

    def wanted_cpus(self, now: float) -> float:
        """CPUs that it wants now, whatever its limit; 0 while it does not run."""
        return self.vcpus * self.activity.wants(now) if self.vm.vm_state == "active" else 0.0

    @property
    def limit_cpus(self) -> float:
        return self.vcpus * (1.0 if self.quota is None else self.quota)


@dataclass(frozen=True, slots=True, eq=False)
class ShownHost:
    """A host and its VMs.

    Attributes:
        noisy: The VM that takes far more than its share; None for none. The others want more than it leaves.
    """

    host: Host
    guests: list[Guest]
    noisy: Guest | None = None

    @property
    def cpus(self) -> int:
        return self.host.has.vcpus + self.host.has.pcpus

    @property
    def running(self) -> list[Guest]:
        """Those with a process."""
        return [guest for guest in self.guests if guest.number]

    def wanted_cpus(self, now: float) -> list[float]:
        """CPUs that each VM with a process wants now."""
        running = self.running
        wanted = [guest.wanted_cpus(now) for guest in running]
        if self.noisy is None:
            part = min(1.0, _CALM * self.cpus / max(1.0, sum(wanted)))
            return [part * one for one in wanted]
        place = running.index(self.noisy)
        first = wanted[place]
        wanted[place] = 0.0
        stretch(wanted, [guest.vcpus for guest in running], BUSY_RATIO * (self.cpus - first))
        wanted[place] = first
        return wanted


def with_noisy_neighbour(host: Host) -> ShownHost:
    """The host's largest VM takes all its virtual CPUs, and the others want more than it leaves them."""
    guests = list(_guests(host))
    active = [guest for guest in guests if guest.state == RUNNING]
    if not active:
        return ShownHost(host, guests)
    largest = max(active, key=lambda guest: (guest.vcpus, guest.vm.id))
    noisy = Guest(largest.vm, largest.number, largest.state, ALWAYS)
    guests[guests.index(largest)] = noisy
    return ShownHost(host, guests, noisy)


def with_own_limit(host: Host) -> ShownHost:
    """One VM wants all its virtual CPUs, but has a quota of half of them; nobody else waits long."""
    guests = list(_guests(host))
    active = [guest for guest in guests if guest.state == RUNNING]
    if active:
        limited = min(active, key=lambda guest: (abs(guest.vcpus - 2), guest.vm.id))
        guests[guests.index(limited)] = Guest(limited.vm, limited.number, limited.state, ALWAYS, _QUOTA)
    return ShownHost(host, guests)


def _guests(host: Host) -> Iterable[Guest]:
    number = 0
    for vm in host.vms.values():
        state = _STATES.get(vm.vm_state, OFF)
        number += state != OFF
        yield Guest(vm, number if state != OFF else 0, state, drawn(vm.id))
