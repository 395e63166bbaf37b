"""What is remembered of one run."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.vmprobe.phases import Blame, blame


class Outcome(StrEnum):
    """How a run ended; `running` until it has."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """The probe was stopped or killed meanwhile: it says nothing about the cloud, and counts as nothing."""


class Failure(msgspec.Struct, frozen=True):
    """The first failure of a run.

    Attributes:
        message: One line in the cloud's words, without secrets.
    """

    phase: Phase
    reason: RunReason
    message: str

    @property
    def blame(self) -> Blame:
        return blame(self.phase, self.reason)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. Moments are Unix seconds; durations are of the monotonic clock.

    Attributes:
        id: 16 hexadecimal digits.
        probe: The probe's name.
        phases: The duration of each phase that has ended, in seconds.
        left_out: Why optional phases were not possible, by phase: the service or the right is missing.
        accepted_s: Of `networked` and `built`: seconds since the VM was accepted.
        host: The hypervisor, as far as the credential may know it; "" if unknown.
        asked_host: The host that it was requested on; "" for any. None in runs of older releases.
        vm_id: "" before the VM was accepted.
        image_id: Of the image that was resolved.
        vm_s: For how long the VM existed: from acceptance to the end of `gone`.
        polls: Requests that only looked whether a phase had ended.
    """

    id: str
    probe: str
    began: float
    ended: float = 0.0
    outcome: Outcome = Outcome.RUNNING
    failure: Failure | None = None
    phases: Mapping[Phase, float] = {}
    accepted_s: Mapping[Phase, float] = {}
    left_out: Mapping[Phase, str] = {}
    host: str = ""
    asked_host: str | None = None
    vm_id: str = ""
    image_id: str = ""
    vm_s: float = 0.0
    polls: int = 0
