"""One VM, as the collector `domains` joins it from libvirt and the host's kernel."""

import msgspec

from stratoscope.clouds.libvirt.model import DiskSizes, Domain, Identity, Monitor
from stratoscope.hypervisor.kernel.vm import VMKernel


class TapView(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The host's device of an interface.

    Attributes:
        is_up: It exists, is up and has a carrier, and the link is not set down; None if the host has no such
            device (vhost-user, SR-IOV, another machine).
        mtu: Bytes; None if the device does not exist.
        promiscuous_changed: Whether the promiscuity count is above the lowest seen; None if the kernel does
            not report it.
        queue_drops: Packets that its queue dropped; None without a queue.
        queue_backlog: Bytes that wait in its queue; None without a queue.
        link: Whether the link is set up (domif-setlink); None without the definition.
        is_attached: Whether it is a port of its bridge; None without a bridge.
    """

    name: str
    is_up: bool | None = None
    mtu: int | None = None
    promiscuous_changed: bool | None = None
    queue_drops: int | None = None
    queue_backlog: int | None = None
    link: bool | None = None
    is_attached: bool | None = None


class Checks(msgspec.Struct, frozen=True, gc=False):
    """The status checks, by cause: True is failed, None is unknown."""

    host: bool
    vm: bool
    storage: bool
    network: bool | None


class VM(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """All data of a VM in one collection; None if a source did not answer or does not have it."""

    vm_id: str
    domain: Domain
    identity: Identity | None
    kernel: VMKernel | None
    monitor: Monitor | None
    taps: tuple[TapView, ...]
    vcpus: int | None
    checks: Checks
    oom_kills: int | None = None
    off_disks: tuple[DiskSizes, ...] = ()
