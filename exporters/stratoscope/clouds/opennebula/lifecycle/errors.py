"""Why a step of a run failed: what a call to oned came to, as StepError.

oned answers 200 to every error, with a code that is the same for many mistakes: a quota has that of a missing
right, and a template, an image and a network that make no sense have one together. So the words decide. The
tables are the only place of it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from stratoscope.clouds.client.request import CallError, OutcomeUnknownError
from stratoscope.clouds.condition import FaultReason
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.opennebula.client.errors import QuotaError, RefusedError
from stratoscope.core.errors import CollectError, ConfigError, LeftOut, LeftOutError, Reason

Failure: TypeAlias = CollectError | LeftOutError
Words: TypeAlias = Sequence[tuple[str, RunReason]]

_BY_CLASS: Final[Sequence[tuple[type[BaseException], RunReason]]] = (
    (ConfigError, RunReason.PROBE_MISCONFIGURED),  # a file that was there at the start is not any more
    (QuotaError, RunReason.QUOTA),
    (ForbiddenError, RunReason.POLICY),
    (NotThereError, RunReason.API_ERROR),
)
"""The first class that fits the failure or one of its causes."""
_BY_REASON: Final[Mapping[Reason | LeftOut, RunReason]] = {
    Reason.TIMEOUT: RunReason.TIMEOUT,
    Reason.UNAVAILABLE: RunReason.API_UNREACHABLE,
    Reason.UNAUTHORIZED: RunReason.AUTH,
    Reason.MALFORMED: RunReason.API_ERROR,
    Reason.BUSY: RunReason.INTERNAL,  # without an answer: the probe's own budget has no turn for it
    Reason.INTERNAL: RunReason.INTERNAL,
    LeftOut.ABSENT: RunReason.API_ERROR,  # oned has no such method
    LeftOut.NOT_CONFIGURED: RunReason.PROBE_MISCONFIGURED,
}
"""Of what was not answered, and of a refused password; other answers are an `api_error`.
LeftOut.UNAUTHORIZED, which equals Reason's, is ForbiddenError's alone."""
_OF_INSTANTIATE: Final[Words] = (
    ("lease", RunReason.NETWORK),  # "Cannot get IP/MAC lease from virtual network 1."
    ("network", RunReason.NETWORK),  # "Virtual network with ID: 99999 does not exist"
    ("datastore", RunReason.VOLUME),
    ("image", RunReason.IMAGE),  # "DISK 0: Image with ID: 99999 does not exist"
    ("disk", RunReason.IMAGE),
    ("getting virtual machine template", RunReason.FLAVOR),  # it was deleted since it was looked up
    ("attribute", RunReason.FLAVOR),  # "CPU attribute must be a positive float or integer value."
    ("parse error", RunReason.FLAVOR),
    ("topology", RunReason.FLAVOR),
)
"""oned's words where it does not instantiate a template, in small letters; the first that fits."""
_OF_DEPLOY: Final[Words] = (
    ("does not fit", RunReason.NO_VALID_HOST),  # "... does not fit in host [0]. Not enough CPU: 6400/360"
    ("not enough", RunReason.NO_VALID_HOST),
    ("host is", RunReason.NO_VALID_HOST),  # "Host is offline, cannot use it to deploy VM"
    ("getting host", RunReason.NO_VALID_HOST),  # "Error getting host [999999]."
    ("datastore", RunReason.NO_VALID_HOST),  # no system datastore in the host's cluster, or none with room
    ("cluster", RunReason.NO_VALID_HOST),
)
"""The same where it does not deploy a VM."""
_OF_SCHEDULER: Final[Words] = (
    ("not enough", RunReason.NO_VALID_HOST),
    ("dispatch limit", RunReason.TIMEOUT),  # there is room, and other VMs have their turn
)
"""Of SCHED_MESSAGE; any other is `no_valid_host`."""
_OF_BOOT: Final[Words] = (
    ("network", RunReason.NETWORK),
    ("vnm", RunReason.NETWORK),  # the drivers of networks are called so in messages
    ("bridge", RunReason.NETWORK),
)
"""Of ERROR where a VM does not boot; any other is the hypervisor's. None of a real driver was recorded."""
_DATE: Final = re.compile(r"^\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}: ")
"""Before the messages that oned keeps with a VM: `Sat Nov 21 23:48:53 2026: `."""


def reason_of(error: Failure) -> RunReason:
    """Why a call failed."""
    chain = [*causes(error)]
    for kind, reason in _BY_CLASS:
        if any(isinstance(one, kind) for one in chain):
            return reason
    if error.reason is not Reason.UNAUTHORIZED and any(isinstance(one, RefusedError) for one in chain):
        return RunReason.API_ERROR
    if any(isinstance(one, CallError) and one.code.isdecimal() for one in chain):
        return RunReason.API_ERROR
    return _BY_REASON[error.reason]


def instantiate_reason(error: Failure) -> RunReason:
    """Why oned did not instantiate a template."""
    return _by_words(error, _OF_INSTANTIATE)


def deploy_reason(error: Failure) -> RunReason:
    """Why oned did not deploy a VM on a host."""
    return _by_words(error, _OF_DEPLOY)


def scheduler_fault(message: str) -> StepError:
    """Why a VM has waited for a host until its time was over. Args: message: SCHED_MESSAGE."""
    return StepError(_first(message, _OF_SCHEDULER) or RunReason.NO_VALID_HOST, undated(message))


def build_fault(state: str, reason: FaultReason, message: str) -> StepError:
    """Why a VM is in error. Args: message: ERROR; "" for none."""
    found = RunReason(reason)
    if found is RunReason.HYPERVISOR:
        found = _first(message, _OF_BOOT) or found
    return StepError(found, f"the VM is in {state}: {undated(message) or 'oned does not say why'}")


def undated(message: str) -> str:
    """A message that oned keeps with a VM, without its date."""
    return _DATE.sub("", message)


@contextmanager
def translated(reason: Callable[[Failure], RunReason] = reason_of) -> Iterator[None]:
    """Around the calls of one step. Raises StepError in place of what they raise."""
    try:
        yield
    except ConfigError as error:
        raise StepError(RunReason.PROBE_MISCONFIGURED, str(error)) from error
    except (CollectError, LeftOutError) as error:
        is_unknown = isinstance(error, OutcomeUnknownError)
        raise StepError(reason(error), str(error), is_unknown=is_unknown) from error


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The failure, and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _by_words(error: Failure, words: Words) -> RunReason:
    """By oned's own text, if it has answered and it is not about a quota or a right."""
    is_refusal = isinstance(error, RefusedError | NotThereError) and error.reason is not Reason.UNAUTHORIZED
    found = _first(str(error), words) if is_refusal else None
    return found or reason_of(error)


def _first(text: str, words: Words) -> RunReason | None:
    text = text.lower()
    return next((reason for part, reason in words if part in text), None)
