"""What a probe does with a VM of its own: the values of the ability Lifecycle, the same for all kinds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from stratoscope.clouds.model import FaultReason
from stratoscope.core.errors import short_line


class RunReason(StrEnum):
    """Why a run fails: FaultReason's names, and those of what happens before or after a build."""

    NO_VALID_HOST = FaultReason.NO_VALID_HOST
    QUOTA = FaultReason.QUOTA
    IMAGE = FaultReason.IMAGE
    NETWORK = FaultReason.NETWORK
    VOLUME = FaultReason.VOLUME
    HYPERVISOR = FaultReason.HYPERVISOR
    TIMEOUT = FaultReason.TIMEOUT
    MESSAGING = FaultReason.MESSAGING
    UNKNOWN = FaultReason.UNKNOWN
    AUTH = "auth"
    FLAVOR = "flavor"
    API_ERROR = "api_error"
    API_UNREACHABLE = "api_unreachable"
    POLICY = "policy"
    CLEANUP = "cleanup"
    PROBE_MISCONFIGURED = "probe_misconfigured"
    INTERNAL = "internal"


class StepError(Exception):
    """A step of a run failed; `str()` of it is one line in the cloud's words, without secrets.

    Attributes:
        is_unknown: The step may have been carried out nevertheless, such as a request without an answer.
    """

    def __init__(self, reason: RunReason, message: str, *, is_unknown: bool = False) -> None:
        super().__init__(short_line(message))
        self.reason, self.is_unknown = reason, is_unknown


@dataclass(frozen=True, slots=True)
class Mark:
    """What every object that a run creates carries, as far as its creation allows it.

    Attributes:
        tag: Of this prober, `vmprobe.tag`: objects with another tag belong to others.
        probe: The probe's name.
        run: The run's id.
        deadline: Unix time after which the object is removed by whoever has the tag.
    """

    tag: str
    probe: str
    run: str
    deadline: float

    @property
    def name(self) -> str:
        """The name of the run's objects: `stratoscope-<run>`."""
        return f"{NAME_PREFIX}{self.run}"


NAME_PREFIX: Final = "stratoscope-"
"""Names of objects that a probe creates begin so."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a probe's VM description stands for in its cloud now.

    Attributes:
        image_id: Of the image; "" where the kind has none.
        plan: What the kind itself needs to create the VM: ids.
    """

    image_id: str
    plan: Any


@dataclass(frozen=True, slots=True)
class Object:
    """An object in a cloud: `server`, `port`, `volume`, `domain`, as the source calls it.

    Attributes:
        mark: What it carries; None where its kind of object carries none, and for objects whose owner does.
    """

    kind: str
    id: str
    name: str = ""
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A VM as one request saw it.

    Attributes:
        state: As the source spells it.
        host: The hypervisor's name, or, for a credential that may not know it, another constant of it (Nova:
            `hostId`); "" while it is on none.
        is_networked: Its port is bound and it has its address; True where it wants none.
        is_built: It runs.
        fault: Why it will never run; None unless it is in error.
        addresses: Of its ports.
    """

    state: str
    host: str = ""
    is_networked: bool = False
    is_built: bool = False
    fault: StepError | None = None
    addresses: Sequence[str] = ()
