"""State of the domain, and its reason. Source: virConnectGetAllDomainStats, group STATE."""

import functools
from collections.abc import Iterable
from typing import Final

from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

STATE = Family(
    "stratoscope_hypervisor_vm_state",
    "State that the domain is in (virDomainState); always 1.",
    labels=(*VM_LABELS, "state"),
)
REASON = Family(
    "stratoscope_hypervisor_vm_state_reason",
    "Reason for the state that the domain is in, named as in libvirt (virDomainGetState); always 1.",
    labels=(*VM_LABELS, "state", "reason"),
)


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    domain = vm.domain
    return (
        STATE(1, labels.at(_state(domain.state))),
        REASON(1, labels.at(_reason(domain.state, domain.reason))),
    )


@functools.lru_cache(maxsize=64)
def _state(state: str) -> Labels:
    return Labels(state=state)


@functools.lru_cache(maxsize=256)
def _reason(state: str, reason: str) -> Labels:
    return Labels(state=state, reason=reason)


STATE_SUBJECT: Final = Subject("state", (STATE, REASON), _samples, series=2)
