"""libvirt's errors -> the closed set of reasons."""

from typing import Final

import libvirt

from stratoscope.core.errors import CollectError, Reason

_UNAUTHORIZED: Final = {libvirt.VIR_ERR_AUTH_FAILED, libvirt.VIR_ERR_AUTH_CANCELLED,
                        libvirt.VIR_ERR_ACCESS_DENIED, libvirt.VIR_ERR_OPERATION_DENIED,
                        libvirt.VIR_ERR_AUTH_UNAVAILABLE}  # fmt: skip
_TIMEOUT: Final = {libvirt.VIR_ERR_OPERATION_TIMEOUT, libvirt.VIR_ERR_AGENT_UNRESPONSIVE}
NOT_SUPPORTED: Final = {libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
                        libvirt.VIR_ERR_CONFIG_UNSUPPORTED, libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED}  # fmt: skip
GONE: Final = {libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_NO_STORAGE_POOL, libvirt.VIR_ERR_NO_NETWORK,
               libvirt.VIR_ERR_OPERATION_INVALID}  # fmt: skip
"""Codes for an object that went away, or changed its state, between two calls."""


def translated(error: libvirt.libvirtError, uri: str) -> CollectError:
    """The CollectError that says the same."""
    code, text = error.get_error_code(), " ".join(str(error).split())
    if code in _UNAUTHORIZED or "Permission denied" in text:
        reason = Reason.UNAUTHORIZED
    elif code in _TIMEOUT:
        reason = Reason.TIMEOUT
    else:
        reason = Reason.UNAVAILABLE
    return CollectError(reason, f"{uri}: {text}")
