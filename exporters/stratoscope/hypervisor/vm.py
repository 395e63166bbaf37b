"""One VM as the collector `domains` puts it together from libvirt and from the host's kernel."""

import msgspec

from stratoscope.clouds.libvirt.model import DiskSizes, Domain, Identity, Monitor
from stratoscope.hypervisor.kernel.vm import VMKernel


class TapView(msgspec.Struct, frozen=True, gc=False):
    """The host's device of an interface.

    Attributes:
        is_up: It is there, up and has a carrier, and the operator has not set the link down; None where the
            host's end is not known (vhost-user, SR-IOV, another machine).
        mtu: Bytes; None when the device is gone.
        promiscuous_changed: Whether more hold it in promiscuous mode than ever before.
        queue_drops: Packets its queue dropped; None where it has no queue.
        queue_backlog: Bytes that wait in its queue; None where it has no queue.
        link: What the operator set; None where the definition is not known.
        is_attached: Whether it is a port of its bridge; None where it has none.
    """

    name: str
    is_up: bool | None
    mtu: int | None
    promiscuous_changed: bool | None
    queue_drops: int | None
    queue_backlog: int | None
    link: bool | None = None
    is_attached: bool | None = None


class Checks(msgspec.Struct, frozen=True, gc=False):
    """The verdict, split by blame: True is failed; None is what cannot be told from here."""

    host: bool
    vm: bool
    storage: bool
    network: bool | None


class VM(msgspec.Struct, frozen=True, gc=False):
    """Everything one collection knows of a VM; None where a source did not answer or does not have it."""

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
