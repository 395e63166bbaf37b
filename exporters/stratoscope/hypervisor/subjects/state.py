"""State and its reason. Source: virConnectGetAllDomainStats, group STATE."""

import functools
from collections.abc import Iterable
from typing import Final

from stratoscope.clouds.libvirt.vocabulary import STATES
from stratoscope.core.metrics import Family, Labels, Sample, states
from stratoscope.hypervisor.subjects import VM_LABELS, Subject
from stratoscope.hypervisor.vm import VM

STATE = Family(
    "stratoscope_hypervisor_vm_state",
    "1 for the state that the domain is in (virDomainState), 0 for the others.",
    labels=(*VM_LABELS, "state"),
)
REASON = Family(
    "stratoscope_hypervisor_vm_state_reason",
    "1 for the reason of the present state; the others are absent.",
    labels=(*VM_LABELS, "state", "reason"),
)
_LABELS: Final = {state: Labels(state=state) for state in STATES}


def _samples(vm: VM, labels: Labels) -> Iterable[Sample]:
    domain = vm.domain
    samples = states(STATE, domain.state, _LABELS, labels)
    samples.append(REASON(1, labels.at(_reason(domain.state, domain.reason))))
    return samples


@functools.lru_cache(maxsize=256)
def _reason(state: str, reason: str) -> Labels:
    return Labels(state=state, reason=reason)


STATE_SUBJECT: Final = Subject("state", (STATE, REASON), _samples, series=9)
