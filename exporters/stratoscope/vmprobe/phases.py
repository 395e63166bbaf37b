"""Which phases are optional and what wants them; who is to blame for a failure, by its phase and reason."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from stratoscope.clouds.lifecycle import Phase, RunReason

OPTIONAL: Final[Mapping[Phase, tuple[str, ...]]] = {
    Phase.FLOATING_IP: ("floating_ip",),
    Phase.REACHABLE: ("reachable",),
    Phase.CONSOLE: ("console",),
    Phase.VOLUME_CREATED: ("boot_volume", "volume"),
    Phase.VOLUME_ATTACHED: ("volume",),
    Phase.STOPPED: ("stop_start",),
    Phase.STARTED: ("stop_start",),
    Phase.RESIZED: ("resize",),
    Phase.SNAPSHOT: ("snapshot",),
}
"""The optional phases, and the keys of a VM's description that want them."""


def wanted_phases(vm: object) -> Sequence[Phase]:
    """The optional phases that a VM's description wants: one of their keys has a value."""
    return [phase for phase, keys in OPTIONAL.items() if any(getattr(vm, key, None) for key in keys)]


class Blame(StrEnum):
    """Who can mend a failure: whoever runs the cloud, whoever owns the project, or whoever runs the probe."""

    CLOUD = "cloud"
    PROJECT = "project"
    PROBE = "probe"


_BY_REASON: Final[Mapping[RunReason, Blame]] = {
    RunReason.NO_VALID_HOST: Blame.CLOUD,
    RunReason.QUOTA: Blame.PROJECT,
    RunReason.IMAGE: Blame.CLOUD,
    RunReason.NETWORK: Blame.CLOUD,
    RunReason.VOLUME: Blame.CLOUD,
    RunReason.HYPERVISOR: Blame.CLOUD,
    RunReason.TIMEOUT: Blame.CLOUD,
    RunReason.MESSAGING: Blame.CLOUD,
    RunReason.UNKNOWN: Blame.CLOUD,
    RunReason.AUTH: Blame.PROJECT,
    RunReason.FLAVOR: Blame.PROJECT,
    RunReason.API_ERROR: Blame.CLOUD,
    RunReason.API_UNREACHABLE: Blame.CLOUD,
    RunReason.POLICY: Blame.PROJECT,
    RunReason.CLEANUP: Blame.CLOUD,
    RunReason.PROBE_MISCONFIGURED: Blame.PROBE,
    RunReason.INTERNAL: Blame.PROBE,
}
_BEFORE_ACCEPTED: Final = frozenset({Phase.RESOLVE, Phase.QUOTA_CHECK, Phase.REQUEST})
_OF_THE_PROJECT: Final = frozenset({RunReason.IMAGE, RunReason.NETWORK, RunReason.VOLUME})
"""Before the VM is accepted: what the project wants does not fit. Later: a service of the cloud fails."""


def blame(phase: Phase, reason: RunReason) -> Blame:
    """Who can mend a failure."""
    if phase in _BEFORE_ACCEPTED and reason in _OF_THE_PROJECT:
        return Blame.PROJECT
    return _BY_REASON[reason]
