"""Why a step of a run failed: what a request to OpenStack came to, as StepError.

The tables are the only place where it is decided. What Nova accepts and then fails to build is sorted by
compute/faults.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from stratoscope.clouds.client.request import CallError, OutcomeUnknownError
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.lifecycle import RunReason, StepError, StepLeftOutError
from stratoscope.clouds.openstack.client.api import OverLimitError
from stratoscope.clouds.openstack.client.keystone import RefusedError
from stratoscope.core.errors import CollectError, ConfigError, LeftOut, LeftOutError, Reason

Failure: TypeAlias = CollectError | LeftOutError

_ANSWERED: Final = ": answered "
"""What follows in a message is the status and the service's own text."""

_BY_CLASS: Final[Sequence[tuple[type[BaseException], RunReason]]] = (
    (ConfigError, RunReason.PROBE_MISCONFIGURED),  # clouds.yaml has no such credential
    (RefusedError, RunReason.AUTH),  # Keystone's word on the credential
    (ForbiddenError, RunReason.POLICY),
    (NotThereError, RunReason.API_ERROR),
)
"""The first class that fits the failure or one of its causes."""
_BY_REASON: Final[Mapping[Reason | LeftOut, RunReason]] = {
    Reason.TIMEOUT: RunReason.TIMEOUT,
    Reason.UNAVAILABLE: RunReason.API_UNREACHABLE,
    Reason.UNAUTHORIZED: RunReason.API_ERROR,  # a service refuses a token that Keystone has just granted
    Reason.MALFORMED: RunReason.API_ERROR,
    Reason.BUSY: RunReason.INTERNAL,  # without an answer: the probe's own budget has no turn for it
    Reason.INTERNAL: RunReason.INTERNAL,
    LeftOut.ABSENT: RunReason.API_UNREACHABLE,  # the catalogue has no such service
    LeftOut.UNAUTHORIZED: RunReason.API_ERROR,  # as Reason.UNAUTHORIZED
    LeftOut.NOT_CONFIGURED: RunReason.PROBE_MISCONFIGURED,
}
"""Of what was not answered; a service that answered 429 or 5xx is an `api_error`."""
_BY_TEXT: Final[Mapping[RunReason, Sequence[str]]] = {
    RunReason.POLICY: ("policy",),
    RunReason.QUOTA: (
        "quota",  # TooManyInstances, OverQuota
        "maximum number of",  # PortLimitExceeded, MetadataLimitExceeded, SecurityGroupLimitExceeded
        "over limit",  # oslo.limit's ProjectOverLimit
        "limit exceeded",
    ),
    RunReason.PROBE_MISCONFIGURED: (
        "invalid input for field",  # the schema of the microversion
        "key_name",  # KeypairNotFound
        "keypair",
        "security_group",  # "Unable to find security_group with name or id ..."
        "security group",
        "multiple possible networks",  # NetworkAmbiguous
    ),
    RunReason.NO_VALID_HOST: (
        "availability zone",  # "The requested availability zone is not available"
        "compute host",  # ComputeHostNotFound
        "no valid host",
    ),
    RunReason.IMAGE: (
        "image",  # ImageNotFound, ImageNotActive, FlavorMemoryTooSmall, FlavorDiskSmallerThanImage ...
        "disk would be too small",  # FlavorDiskTooSmall
    ),
    RunReason.FLAVOR: ("flavor",),  # FlavorNotFound
    RunReason.VOLUME: ("block device", "volume"),
    RunReason.NETWORK: (
        "network",  # NetworkNotFound, NetworkRequiresSubnet, ExternalNetworkAttachForbidden ...
        "subnet",
        "fixed ip",
        "port",  # PortNotFound, PortInUse
    ),
}
"""Nova's words where it refuses a server (400, 403, 409), in small letters; the first that fits."""
_BY_TEXT_OF_STEPS: Final[Mapping[RunReason, Sequence[str]]] = {
    RunReason.PROBE_MISCONFIGURED: (
        "larger than volume size",  # Cinder: the image does not fit
        "mindisk size",
        "volume type",  # Cinder: VolumeTypeNotFound
        "must change flavor",  # Nova: CannotResizeToSameFlavor
        "is not reachable from subnet",  # Neutron: ExternalGatewayForFloatingIPNotFound, no router
    ),
}
"""Further words of the services where they refuse a step (400, 404); these are looked for first."""


def reason_of(error: Failure) -> RunReason:
    """Why a request failed."""
    chain = [*causes(error)]
    for kind, reason in _BY_CLASS:
        if any(isinstance(one, kind) for one in chain):
            return reason
    if any(isinstance(one, CallError) and one.code.isdecimal() for one in chain):
        return RunReason.API_ERROR
    return _BY_REASON[error.reason]


def refused_reason(error: Failure) -> RunReason:
    """Why Nova did not accept a server."""
    if not _is_refusal(error):
        return reason_of(error)
    return _reason_in(error, RunReason.PROBE_MISCONFIGURED, _BY_TEXT)


def step_reason(error: Failure, default: RunReason) -> RunReason:
    """Why a service did not do an optional step. Args: default: For a refusal in other words."""
    if isinstance(error, NotThereError):  # one without known words may be a gateway's
        return _reason_in(error, RunReason.API_ERROR, _BY_TEXT_OF_STEPS, _BY_TEXT)
    if not _is_refusal(error):
        return reason_of(error)
    return _reason_in(error, default, _BY_TEXT_OF_STEPS, _BY_TEXT)


@contextmanager
def translated(reason: Callable[[Failure], RunReason] = reason_of) -> Iterator[None]:
    """Around the requests of one step. Raises StepError in place of what they raise."""
    try:
        yield
    except (CollectError, LeftOutError) as error:
        is_unknown = isinstance(error, OutcomeUnknownError)
        raise StepError(reason(error), str(error), is_unknown=is_unknown) from error


@contextmanager
def step_translated(default: RunReason) -> Iterator[None]:
    """Around the requests of an optional step. Args: default: The reason for a refusal in other words.

    Raises, in place of what they raise:
        StepLeftOutError: The service is absent, or the credential lacks the right.
        StepError: Anything else.
    """
    try:
        with translated(lambda error: step_reason(error, default)):
            yield
    except StepError as error:
        failure = error.__cause__
        is_refusal = isinstance(failure, ForbiddenError) and error.reason is not RunReason.POLICY
        if isinstance(failure, LeftOutError) and is_left_out(failure) and not is_refusal:
            raise StepLeftOutError(str(error)) from error
        raise


def is_left_out(error: LeftOutError) -> bool:
    """Whether the service is absent, or the credential lacks the right."""
    return isinstance(error, ForbiddenError) or error.reason is LeftOut.ABSENT


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The failure, and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _reason_in(error: Failure, default: RunReason, *tables: Mapping[RunReason, Sequence[str]]) -> RunReason:
    """The first reason with words that the service's own text has."""
    text = str(error).lower()
    text = text.partition(_ANSWERED)[2] or text
    rows = (row for table in tables for row in table.items())
    fitting = (reason for reason, parts in rows if any(part in text for part in parts))
    return next(fitting, RunReason.POLICY if isinstance(error, ForbiddenError) else default)


def _is_refusal(error: Failure) -> bool:
    """Whether it was answered 400, 403 or 409, or 413 as Cinder does over quota: nothing was begun."""
    if isinstance(error, ForbiddenError | OverLimitError):
        return True
    is_answer = error.reason is Reason.MALFORMED and not isinstance(error, OutcomeUnknownError)
    return is_answer and not any(isinstance(one, CallError) for one in causes(error))
