"""libvirt's errors in the closed set of reasons."""

import errno

import libvirt
import pytest

from stratoscope.clouds.libvirt.errors import translated
from stratoscope.core.errors import Reason
from support.fake_libvirt import failure


@pytest.mark.parametrize(
    ("code", "int1", "reason"),
    [
        (libvirt.VIR_ERR_AUTH_FAILED, -1, Reason.UNAUTHORIZED),
        (libvirt.VIR_ERR_AUTH_CANCELLED, -1, Reason.UNAUTHORIZED),
        (libvirt.VIR_ERR_ACCESS_DENIED, -1, Reason.UNAUTHORIZED),
        (libvirt.VIR_ERR_OPERATION_DENIED, -1, Reason.UNAUTHORIZED),
        (libvirt.VIR_ERR_SYSTEM_ERROR, errno.EACCES, Reason.UNAUTHORIZED),
        (libvirt.VIR_ERR_SYSTEM_ERROR, errno.ECONNREFUSED, Reason.UNAVAILABLE),
        (libvirt.VIR_ERR_OPERATION_TIMEOUT, -1, Reason.TIMEOUT),
        (libvirt.VIR_ERR_INTERNAL_ERROR, errno.EACCES, Reason.UNAVAILABLE),
        (libvirt.VIR_ERR_RPC, -1, Reason.UNAVAILABLE),
    ],
)
def test_each_code_has_its_reason(code: int, int1: int, reason: Reason) -> None:
    assert translated(failure(code, int1=int1), "qemu:///system").reason is reason


def test_the_message_is_one_line_with_the_uri() -> None:
    error = translated(failure(libvirt.VIR_ERR_RPC, "End of file\n while reading"), "qemu:///system")
    assert str(error) == "qemu:///system: End of file while reading"


def test_an_error_without_a_code_is_unavailable() -> None:
    assert translated(libvirt.libvirtError("gone"), "lxc:///").reason is Reason.UNAVAILABLE


def test_a_socket_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(libvirt.libvirtError) as error:
        libvirt.openReadOnly("qemu+unix:///system?socket=/nonexistent/libvirt-sock-ro")
    assert translated(error.value, "qemu:///system").reason is Reason.UNAVAILABLE
