"""Facts about the disks and interfaces of a VM. Source: virDomainGetXMLDesc (see Identities)."""

import functools
from collections.abc import Iterable
from typing import Final

from stratoscope.clouds.libvirt.model import DiskFacts, Nic
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

DISK = Family(
    "stratoscope_hypervisor_vm_disk_info",
    "Facts about the disk; always 1; serial is the id of the Cinder volume if Nova attached one, source the "
    "path, pool/volume or image, empty without a medium; cache, discard and io are empty for the "
    "hypervisor's default.",
    labels=(
        *VM_LABELS, "device", "kind", "bus", "source_type", "source", "protocol", "format", "serial",
        "cache", "discard", "io",
    ),
)  # fmt: skip
NIC = Family(
    "stratoscope_hypervisor_vm_nic_info",
    "Facts about the interface; always 1; port_id is the id of the Neutron port or OpenNebula's NIC_ID, "
    "device the host's interface, often empty while the VM is off, switch the type of the virtual port, "
    "empty for a plain bridge.",
    labels=(
        *VM_LABELS, "device", "mac", "model", "kind", "bridge", "network", "switch", "port_id",
    ),
)  # fmt: skip


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    if vm.identity is None:
        return ()
    disks = [DISK(1, labels.at(_disk(disk))) for disk in vm.identity.disks]
    return disks + [NIC(1, labels.at(_nic(nic))) for nic in vm.identity.nics]


@functools.lru_cache(maxsize=16384)
def _disk(disk: DiskFacts) -> Labels:
    """The labels, cached as long as the disk stays the same."""
    return Labels(
        device=disk.device,
        kind=disk.kind,
        bus=disk.bus,
        source_type=disk.source_type,
        source=disk.source,
        protocol=disk.protocol,
        format=disk.format,
        serial=disk.serial,
        cache=disk.cache,
        discard=disk.discard,
        io=disk.io,
    )


@functools.lru_cache(maxsize=16384)
def _nic(nic: Nic) -> Labels:
    return Labels(
        device=nic.device,
        mac=nic.mac,
        model=nic.model,
        kind=nic.kind,
        bridge=nic.bridge,
        network=nic.network,
        switch=nic.switch,
        port_id=nic.port_id,
    )


DEVICES: Final = Subject(
    "devices", (DISK, NIC), _samples, series=2, beyond="1 for each further disk and interface"
)
