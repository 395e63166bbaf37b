"""What a probe does with a VM of its own: the values of the ability Lifecycle, the same for all kinds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from stratoscope.clouds.condition import FaultReason
from stratoscope.core.errors import short_line
from stratoscope.core.masking import masked


class Phase(StrEnum):
    """The phases of a run, in the order in which they begin; `networked` and `built` run side by side.

    Those from `floating_ip` to `snapshot` are optional, and so is `volume_created`, which comes before
    `request` if the VM boots from the volume, and otherwise before `volume_attached`.
    """

    AUTHENTICATE = "authenticate"
    RESOLVE = "resolve"
    QUOTA_CHECK = "quota_check"
    REQUEST = "request"
    SCHEDULED = "scheduled"
    NETWORKED = "networked"
    BUILT = "built"
    FLOATING_IP = "floating_ip"
    REACHABLE = "reachable"
    CONSOLE = "console"
    VOLUME_CREATED = "volume_created"
    VOLUME_ATTACHED = "volume_attached"
    STOPPED = "stopped"
    STARTED = "started"
    RESIZED = "resized"
    SNAPSHOT = "snapshot"
    DELETED = "deleted"
    GONE = "gone"


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
        super().__init__(masked(short_line(message)))
        self.reason, self.is_unknown = reason, is_unknown


class BusyError(StepError):
    """An object cannot be deleted yet: the cloud still does something with it."""


class StepLeftOutError(Exception):
    """An optional step is not possible here: the cloud lacks the service, or the credential the right.

    It is no failure: the run goes on without it, and says so. `str()` of it is one line, without secrets.
    """

    def __init__(self, message: str) -> None:
        super().__init__(masked(short_line(message)))


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
    """An object in a cloud, as the source calls it: `server`, `port`, `volume`, `floatingip`, `domain`.

    Attributes:
        mark: What it carries; None where its kind of object carries none, and for objects whose owner does.
    """

    kind: str
    id: str
    name: str = ""
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Owned:
    """The objects that carry a tag.

    Attributes:
        failed: By kind: why its objects could not be listed.
    """

    objects: Sequence[Object]
    failed: Mapping[str, StepError] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """A VM as one request saw it.

    Attributes:
        state: As the source spells it.
        host: The hypervisor's name, or, for a credential that may not know it, another constant of it (Nova:
            `hostId`); "" while it is on none.
        is_scheduled: A host is chosen for it, even if that has not taken it yet and has no name here.
        is_networked: Its port is bound and it has its address; True where it wants none.
        is_built: It runs.
        fault: Why it will never run; None unless it is in error.
        addresses: Of its ports; floating ones come first.
    """

    state: str
    host: str = ""
    is_scheduled: bool = False
    is_networked: bool = False
    is_built: bool = False
    fault: StepError | None = None
    addresses: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Underway:
    """What a run has so far, for its optional steps.

    Attributes:
        vm_id: "" before the VM was accepted.
        seen: The last look at the VM; None before the first.
        objects: What the steps have created, by phase.
    """

    mark: Mark
    resolved: Resolved
    vm_id: str = ""
    seen: Seen | None = None
    objects: Mapping[Phase, Object] = field(default_factory=dict)
