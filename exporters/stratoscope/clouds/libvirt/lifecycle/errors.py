"""Why a step of a run failed: what libvirt said, as StepError. The tables are the only place of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import libvirt

from stratoscope.clouds.libvirt import errors
from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.core.errors import CollectError, Reason

_BY_CODE: Final[Mapping[int, RunReason]] = {
    libvirt.VIR_ERR_AUTH_FAILED: RunReason.AUTH,
    libvirt.VIR_ERR_AUTH_CANCELLED: RunReason.AUTH,
    libvirt.VIR_ERR_AUTH_UNAVAILABLE: RunReason.AUTH,
    libvirt.VIR_ERR_ACCESS_DENIED: RunReason.POLICY,
    libvirt.VIR_ERR_OPERATION_DENIED: RunReason.POLICY,  # a connection that may only read
    libvirt.VIR_ERR_NO_CONNECT: RunReason.API_UNREACHABLE,
    libvirt.VIR_ERR_NO_MEMORY: RunReason.HYPERVISOR,
    libvirt.VIR_ERR_OPERATION_FAILED: RunReason.HYPERVISOR,
    libvirt.VIR_ERR_INTERNAL_ERROR: RunReason.HYPERVISOR,  # QEMU has ended, or does not begin
    libvirt.VIR_ERR_SYSTEM_ERROR: RunReason.HYPERVISOR,
    libvirt.VIR_ERR_OPERATION_TIMEOUT: RunReason.TIMEOUT,
    libvirt.VIR_ERR_NO_NETWORK: RunReason.NETWORK,
    libvirt.VIR_ERR_DOM_EXIST: RunReason.INTERNAL,  # names and UUIDs of runs are random
    libvirt.VIR_ERR_XML_ERROR: RunReason.PROBE_MISCONFIGURED,
    libvirt.VIR_ERR_INVALID_ARG: RunReason.PROBE_MISCONFIGURED,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED: RunReason.PROBE_MISCONFIGURED,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED: RunReason.PROBE_MISCONFIGURED,
    libvirt.VIR_ERR_NO_SUPPORT: RunReason.PROBE_MISCONFIGURED,
}
"""By libvirt's code; any other is an `api_error`."""
_OF_THE_CONNECTION: Final = frozenset({libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_REMOTE})
"""Domains of errors that this side found, or the way to the daemon."""
_LOST: Final = frozenset({libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_RPC})
_BY_REASON: Final[Mapping[Reason, RunReason]] = {
    Reason.UNAVAILABLE: RunReason.API_UNREACHABLE,
    Reason.UNAUTHORIZED: RunReason.POLICY,  # the daemon's socket is not ours to open
    Reason.TIMEOUT: RunReason.TIMEOUT,
    Reason.BUSY: RunReason.TIMEOUT,  # all threads are in calls that the daemon does not answer
}
"""Of what is no error of libvirt's, or one of the connection."""
_BY_TEXT: Final[Mapping[str, RunReason]] = {
    "storage file": RunReason.IMAGE,  # "Cannot access storage file '/x': No such file or directory"
    "could not open": RunReason.IMAGE,  # QEMU's words for a disk, a kernel, an initrd
    "could not load": RunReason.IMAGE,
    "invalid kernel": RunReason.IMAGE,  # "qemu: invalid kernel header"
    "cannot allocate memory": RunReason.HYPERVISOR,
    "cannot set up guest memory": RunReason.HYPERVISOR,
    "network": RunReason.NETWORK,  # "network 'x' is not active"
    "bridge": RunReason.NETWORK,
}
"""The daemon's words where it does not create a domain, in small letters; the first that fits."""


def refused_reason(error: libvirt.libvirtError) -> RunReason:
    """Why the daemon did not create a domain."""
    text = str(error).lower()
    return next((reason for part, reason in _BY_TEXT.items() if part in text), _coded(error))


def fault(error: libvirt.libvirtError, uri: str) -> StepError:
    """Why a run fails after an error that no call of a step has raised."""
    reason = RunReason.API_UNREACHABLE if _is_of_the_connection(error) else _coded(error)
    return StepError(reason, str(errors.translated(error, uri)))


@contextmanager
def translated() -> Iterator[None]:
    """Around the calls of one step. Raises StepError in place of CollectError."""
    try:
        yield
    except CollectError as error:
        raise StepError(_reason(error), str(error)) from error


def _reason(error: CollectError) -> RunReason:
    cause = error.__cause__
    if not isinstance(cause, libvirt.libvirtError) or _is_of_the_connection(cause):
        return _BY_REASON.get(error.reason, RunReason.INTERNAL)
    return _coded(cause)


def _coded(error: libvirt.libvirtError) -> RunReason:
    return _BY_CODE.get(error.get_error_code() or 0, RunReason.API_ERROR)


def _is_of_the_connection(error: libvirt.libvirtError) -> bool:
    return error.get_error_code() in _LOST and error.get_error_domain() in _OF_THE_CONNECTION
