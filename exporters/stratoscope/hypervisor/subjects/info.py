"""The VM's identity and owner. Source: virDomainGetXMLDesc, metadata of Nova and OpenNebula."""

import functools
from collections.abc import Callable, Iterable

from stratoscope.clouds.libvirt.model import Identity
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

INFO = Family(
    "stratoscope_hypervisor_vm_info",
    "Identity of the VM: its libvirt domain, and its owner, flavor and image in the management layer; "
    "always 1; zone is always empty here; os_type is hvm for full virtualisation.",
    labels=(
        *VM_LABELS, "vm_name", "host", "project_id", "project_name", "user_id", "user_name",
        "flavor", "image_id", "zone", "domain", "domain_uuid", "arch", "machine", "os_type",
    ),
)  # fmt: skip


def info(host: str) -> Subject:
    """The subject, for the VMs of one host."""
    return Subject("info", (INFO,), _samples(host), series=1, without_daemon=True)


def _samples(host: str) -> Callable[[VM, Labels], Iterable[Sample]]:
    def samples(vm: VM, labels: Labels) -> Iterable[Sample]:
        if vm.identity is None:
            return ()
        return (INFO(1, labels + _facts(vm.identity, host, vm.domain.name, vm.domain.uuid)),)

    return samples


@functools.lru_cache(maxsize=16384)
def _facts(who: Identity, host: str, domain: str, domain_uuid: str) -> Labels:
    """The labels, cached as long as the identity stays the same."""
    return Labels(
        vm_name=who.name,
        host=host,
        project_id=who.project_id,
        project_name=who.project_name,
        user_id=who.user_id,
        user_name=who.user_name,
        flavor=who.flavor,
        image_id=who.image,
        zone="",  # the host's libvirt does not know it; the management exporter does
        domain=domain,
        domain_uuid=domain_uuid,
        arch=who.arch,
        machine=who.machine,
        os_type=who.os_type,
    )
