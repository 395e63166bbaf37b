"""Joins the data of libvirt and the kernel about one VM."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds.libvirt.model import Domain, Identity, Monitor, Nic
from stratoscope.hypervisor.kernel.vm import VMKernel
from stratoscope.hypervisor.kernel_reader import Reading
from stratoscope.hypervisor.subjects.checks import Evidence
from stratoscope.hypervisor.vm import TapView

_ON_A_BRIDGE: Final = frozenset({"bridge", "network"})
"""Kinds of interfaces whose tap libvirt makes a port of the bridge that the live definition names."""


def evidence(
    uuid: str,
    reading: Reading,
    taps: tuple[TapView, ...],
    io_error_age_s: float | None,
    monitor: Monitor | None = None,
) -> Evidence:
    """The evidence for the checks of a VM besides its domain."""
    kernel = reading.vms.get(uuid)
    return Evidence(
        process_state=kernel.state if kernel is not None else "",
        stuck_s=reading.stuck_s.get(uuid, 0.0),
        dead_s=reading.dead_s.get(uuid),
        storage_s=(kernel.blocked_s if kernel is not None else None) or 0.0,
        monitor=monitor,
        taps=taps,
        io_error_age_s=io_error_age_s,
    )


def vcpus_of(one: Domain, identity: Identity | None, kernel: VMKernel | None) -> int | None:
    """Online virtual CPUs, from the source that sees a change first."""
    if kernel is not None and kernel.vcpus:
        return len(kernel.vcpus)
    if one.current_vcpus is not None:
        return one.current_vcpus
    return None if identity is None else identity.vcpus


def taps_of(one: Domain, identity: Identity | None, reading: Reading) -> tuple[TapView, ...]:
    """The interfaces of a domain that are known on this host."""
    return tuple(_taps(one, identity, reading))


def _taps(one: Domain, identity: Identity | None, reading: Reading) -> Iterable[TapView]:
    """The interfaces of a domain that this host or the definition knows."""
    nics = {nic.device: nic for nic in identity.nics} if identity is not None else {}
    known = reading.taps
    for interface in one.interfaces:
        name = interface.name
        tap, queues, nic = known.taps.get(name), reading.queues.get(name), nics.get(name)
        link = None if nic is None else nic.link
        if name not in known.taps:
            if link is not None:
                yield TapView(name=name, link=link)
            continue
        if tap is None:
            if one.uuid in reading.vms:  # else the VM is ending, and its interfaces before it
                yield TapView(name=name, is_up=False, link=link)
            continue
        root = queues.root if queues is not None else None
        yield TapView(
            name=name,
            is_up=tap.is_up and tap.carrier is not False and link is not False,
            mtu=tap.mtu_bytes,
            promiscuous_changed=known.promiscuous.get(name),
            queue_drops=root.drops if root is not None else None,
            queue_backlog=root.backlog_bytes if root is not None else None,
            link=link,
            is_attached=_is_attached(tap.master, nic, known.masters.get(name)),
        )


def _is_attached(master: str | None, nic: Nic | None, before: str | None) -> bool | None:
    """Whether a tap is on its plain bridge by definition, or else on the bridge where it was first seen."""
    if nic is not None and nic.kind in _ON_A_BRIDGE and nic.bridge and not nic.switch:
        return master == nic.bridge
    return None if before is None else master == before
