"""The VMs of the two hosts that are shown, as their libvirt and their kernel know them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stratoscope.demo.openstack.hypervisors.activity import ALWAYS, Activity, drawn, stretch
from stratoscope.demo.world.models import VM, Host
from stratoscope.demo.world.world import World

RUNNING, PAUSED, OFF = 1, 3, 5
"""virDomainState."""
LEAST_HOSTS: Final = 12
"""With fewer hosts there is too little room for the VMs that come and go on the others."""
_STATES: Final = {"active": RUNNING, "resized": RUNNING, "paused": PAUSED}
_OTHERS: Final = 2
_FIRST_PID, _PIDS = 2000, 100
"""The first process id, and process and thread ids per VM."""
_TAP: Final = 11
"""Characters of a port's id in the name of its tap: Neutron's and Nova's NIC_NAME_LEN, less `tap`."""
_QUOTA: Final = 0.5
_CALM: Final = 0.7
"""The share of a host's CPUs that its VMs want at most, if none is noisy."""
_BUSY_RATIO: Final = 1.3
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
        first, wanted[place] = wanted[place], 0.0
        others = stretch(wanted, [guest.vcpus for guest in running], _BUSY_RATIO * (self.cpus - first))
        return [*others[:place], first, *others[place + 1 :]]


def with_noisy_neighbour(host: Host) -> ShownHost:
    """The host's largest VM takes all its virtual CPUs, and the others want more than it leaves them."""
    guests = list(_guests(host))
    largest = max(_active(guests), key=lambda guest: (guest.vcpus, guest.vm.id), default=None)
    return ShownHost(host, guests, None if largest is None else _greedy(guests, largest))


def with_own_limit(host: Host) -> ShownHost:
    """One VM wants all its virtual CPUs, but has a quota of half of them; nobody else waits long."""
    guests = list(_guests(host))
    limited = min(_active(guests), key=lambda guest: (abs(guest.vcpus - 2), guest.vm.id), default=None)
    if limited is not None:
        _greedy(guests, limited, _QUOTA)
    return ShownHost(host, guests)


def _active(guests: Iterable[Guest]) -> list[Guest]:
    return [guest for guest in guests if guest.state == RUNNING]


def _greedy(guests: list[Guest], one: Guest, quota: float | None = None) -> Guest:
    """Let one of the VMs want all its virtual CPUs."""
    greedy = guests[guests.index(one)] = Guest(one.vm, one.number, one.state, ALWAYS, quota)
    return greedy


def _guests(host: Host) -> Iterable[Guest]:
    number = 0
    for vm in host.vms.values():
        state = _STATES.get(vm.vm_state, OFF)
        number += state != OFF
        yield Guest(vm, number if state != OFF else 0, state, drawn(vm.id))


def shown_hosts(world: World) -> tuple[ShownHost, ...]:
    """Two hosts that the cloud can do without for new VMs, of two zones where that is possible; from now on
    their VMs stay. Call it before there is a churn.

    The first has the most virtual CPUs per CPU. The second has the VM that dashboards show when they open,
    the first by the names of project and VM; if it cannot, the next most virtual CPUs per CPU.
    """
    able = [host for host in world.hosts.values() if world.can_run(host) and not host.has.pcpus]
    zones = [host.zone for host in world.hosts.values() if world.can_run(host)]
    spare = [host for host in able if zones.count(host.zone) > _OTHERS]
    by_load = sorted(spare, key=lambda host: (-host.used.vcpus / host.has.vcpus, host.number))
    first = by_load[0]
    others = [host for host in by_load if host.zone != first.zone] or by_load[1:]
    opened = min(world.vms, key=lambda vm: (vm.project.name, vm.name), default=None)
    second = next((host for host in others if opened is not None and host is opened.host), others[0])
    for host in (first, second):
        world.keep_still(host)
    return with_noisy_neighbour(first), with_own_limit(second)
