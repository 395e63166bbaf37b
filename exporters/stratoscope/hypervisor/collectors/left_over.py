"""A VM while its daemon does not answer: the kernel's data, and its definition, which still holds.

Other values from libvirt are old and not shown. A state that only libvirt can change still counts for the
checks (a pause by an I/O error). That the daemon does not answer fails no check of the VM.
"""

import math

from msgspec.structs import replace

from stratoscope.clouds.libvirt.model import Domain, Interface
from stratoscope.hypervisor.collectors.together import evidence, taps_of, vcpus_of
from stratoscope.hypervisor.kernel_reader import Reading
from stratoscope.hypervisor.subjects.checks import verdict
from stratoscope.hypervisor.vm import VM


def vm(before: VM, reading: Reading, io_error_age_s: float | None) -> VM | None:
    """The VM now; None if the kernel has no data of it.

    Args:
        before: The VM in the last collection that the daemon answered.
        reading: The kernel's data now.
        io_error_age_s: Seconds since its last I/O error event.
    """
    uuid, identity, kernel = before.domain.uuid, before.identity, reading.vms.get(before.domain.uuid)
    is_dead = uuid in reading.dead_s
    if kernel is None and not is_dead:
        return None
    domain = _what_holds(before.domain)
    taps = taps_of(domain, identity, reading)
    found = evidence(uuid, reading, taps, io_error_age_s)
    if is_dead:  # no daemon will report it
        found = replace(found, dead_s=math.inf)
    checks = verdict(domain, found)
    vcpus = vcpus_of(domain, identity, kernel)
    if is_dead:
        domain, kernel, taps, vcpus = replace(domain, domain_id=-1), None, (), None
    kills = reading.kills.by_vm.get(uuid)
    return VM(
        vm_id=before.vm_id,
        domain=domain,
        identity=identity,
        kernel=kernel,
        monitor=None,
        taps=taps,
        vcpus=vcpus,
        checks=checks,
        oom_kills=kills,
    )


def _what_holds(before: Domain) -> Domain:
    """The fields that still hold: identity, state, and the names of its interfaces."""
    return Domain(
        uuid=before.uuid,
        name=before.name,
        domain_id=before.domain_id,
        state=before.state,
        reason=before.reason,
        interfaces=tuple(Interface(name=one.name) for one in before.interfaces),
    )
