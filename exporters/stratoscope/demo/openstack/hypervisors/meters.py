"""What the kernel of a host has counted: of each VM's process, and of the host."""

from dataclasses import dataclass, field
from typing import Final

from stratoscope.demo.openstack.hypervisors.activity import shared
from stratoscope.demo.openstack.hypervisors.guests import Guest, ShownHost

PERIODS_PER_S: Final = 10
"""Of a CPU quota: libvirt's period is 100 ms."""
_EMULATOR: Final = 0.04
"""What the emulator uses for each second of the virtual CPUs."""
_BACKGROUND_DELAY: Final = 0.01
"""What a virtual CPU waits on a host that has CPUs enough, for each second that it runs."""
_WAITS_FOR_DISKS: Final = 0.03
_IDLE_WATTS, _WATTS_PER_CPU = 60.0, 7.0


@dataclass(slots=True)
class GuestMeter:
    """Seconds of one VM so far; of virtual CPUs and their quotas: of each of them.

    Attributes:
        used_s: CPU time of all threads.
        stalled_s, disk_s: Time in which a thread waited for a CPU, or for a disk.
    """

    used_s: float = 0.0
    run_s: float = 0.001  # a thread that never ran has no accounting
    delay_s: float = 0.0
    quota_periods: float = 0.0
    throttled_periods: float = 0.0
    throttled_s: float = 0.0
    stalled_s: float = 0.0
    disk_s: float = 0.0

    def add(self, guest: Guest, wanted: float, got: float, seconds: float) -> None:
        """Count some seconds in which a VM wanted and got so many CPUs."""
        allowed = min(wanted, guest.limit_cpus)
        delay = allowed - got + _BACKGROUND_DELAY * got
        self.used_s += got * (1 + _EMULATOR) * seconds
        self.run_s += got / guest.vcpus * seconds
        self.delay_s += delay / guest.vcpus * seconds
        self.stalled_s += min(1.0, delay + (wanted - allowed)) * seconds
        self.disk_s += min(1.0, _WAITS_FOR_DISKS * got) * seconds
        if guest.quota is not None:
            self.quota_periods += PERIODS_PER_S * seconds
            self.throttled_periods += PERIODS_PER_S * seconds * (wanted > allowed)
            self.throttled_s += (wanted - allowed) / guest.vcpus * seconds


@dataclass(slots=True)
class HostMeter:
    """One host so far.

    Attributes:
        at: When it was last counted.
        guest_s: CPU time of the VMs.
        idle_s: CPU time that nobody used.
        stalled_s, disk_s: Time in which any VM waited for a CPU, or for a disk.
        joules: Of each of two sockets.
    """

    shown_host: ShownHost
    at: float
    guests: list[GuestMeter] = field(default_factory=list)
    guest_s: float = 0.0
    idle_s: float = 0.0
    stalled_s: float = 0.0
    disk_s: float = 0.0
    joules: float = 0.0

    def __post_init__(self) -> None:
        self.guests = [GuestMeter() for _ in self.shown_host.running]

    def advance(self, now: float) -> None:
        """Count until now; a clock that goes back counts nothing."""
        seconds = max(0.0, now - self.at)
        self.at = max(self.at, now)
        shown_host, running = self.shown_host, self.shown_host.running
        wanted = shown_host.wanted_cpus(now)
        allowed = [min(one, guest.limit_cpus) for one, guest in zip(wanted, running, strict=True)]
        greedy = None if shown_host.noisy is None else running.index(shown_host.noisy)
        got = shared(allowed, shown_host.cpus / (1 + _EMULATOR), greedy)
        for meter, guest, want, have in zip(self.guests, running, wanted, got, strict=True):
            meter.add(guest, want, have, seconds)
        used = min(float(shown_host.cpus), sum(got) * (1 + _EMULATOR))
        waited = sum(allowed) - sum(got)
        self.guest_s += used * seconds
        self.idle_s += (shown_host.cpus - used) * seconds
        self.stalled_s += min(1.0, waited + _BACKGROUND_DELAY * used) * seconds
        self.disk_s += min(1.0, _WAITS_FOR_DISKS / 2 * used) * seconds
        self.joules += (_IDLE_WATTS + _WATTS_PER_CPU * used / 2) * seconds
