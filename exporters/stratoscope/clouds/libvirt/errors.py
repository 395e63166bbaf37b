"""Translates libvirt's errors into CollectError."""

import errno
from typing import Final

import libvirt

from stratoscope.core.errors import CollectError, Reason

UNAUTHORIZED: Final = frozenset(
    {
        libvirt.VIR_ERR_ACCESS_DENIED,
        libvirt.VIR_ERR_AUTH_CANCELLED,
        libvirt.VIR_ERR_AUTH_FAILED,
        libvirt.VIR_ERR_AUTH_UNAVAILABLE,
        libvirt.VIR_ERR_OPERATION_DENIED,
    }
)
NOT_SUPPORTED: Final = frozenset(
    {
        libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
        libvirt.VIR_ERR_NO_SUPPORT,
        libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    }
)
GONE: Final = frozenset(
    {
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_NO_NETWORK,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_OPERATION_INVALID,
    }
)
"""Codes for an object that disappeared, or changed its state, between two calls."""
_TIMEOUT: Final = frozenset({libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_ERR_OPERATION_TIMEOUT})
_NO_RIGHT: Final = frozenset({errno.EACCES, errno.EPERM})


def translated(error: libvirt.libvirtError, uri: str) -> CollectError:
    """The CollectError for a libvirt error."""
    code = error.get_error_code()
    if code in UNAUTHORIZED or (code == libvirt.VIR_ERR_SYSTEM_ERROR and error.get_int1() in _NO_RIGHT):
        reason = Reason.UNAUTHORIZED  # the second: the daemon's socket, with errno in int1
    elif code in _TIMEOUT:
        reason = Reason.TIMEOUT
    else:
        reason = Reason.UNAVAILABLE
    return CollectError(reason, f"{uri}: {' '.join(str(error).split())}")
