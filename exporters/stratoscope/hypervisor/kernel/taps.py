"""Link state of the host's devices of VM interfaces (taps, veths, macvtaps). Source: /sys/class/net/NAME/.

The class directory shows the network namespace in which sysfs was mounted: a container needs the host's.
"""

from typing import Final

import msgspec

from stratoscope.hypervisor.kernel import files
from stratoscope.hypervisor.kernel.files import Read, read_integer
from stratoscope.hypervisor.kernel.paths import Paths

_UP: Final = 0x1
_NAME: Final = b"INTERFACE="


class Tap(msgspec.Struct, frozen=True, gc=False):
    """One interface that exists.

    Attributes:
        carrier: None while the interface is not up: the kernel does not report it.
        master: The bridge it is a port of (Open vSwitch's is always `ovs-system`); None without one.
    """

    ifindex: int | None
    is_up: bool
    carrier: bool | None
    mtu_bytes: int | None
    master: str | None


def read_tap(name: str, paths: Paths, reader: Read = files.read) -> Tap | None:
    """The interface of this name; None when it does not exist (a vhost-user interface never does).

    Raises:
        PermissionError: No right to read it.
        ValueError: A file is malformed; the message names it.
    """
    if "/" in name:  # no valid name of an interface, but of a path
        return None
    directory = f"{paths.sysfs}/class/net/{name}"
    flags = _read_flags(f"{directory}/flags", reader)
    if flags is None:
        return None
    return Tap(
        ifindex=read_integer(f"{directory}/ifindex", reader),
        is_up=bool(flags & _UP),
        carrier=_read_carrier(f"{directory}/carrier", reader) if flags & _UP else None,
        mtu_bytes=read_integer(f"{directory}/mtu", reader),
        master=_read_master(f"{directory}/master/uevent", reader),
    )


def _read_flags(path: str, reader: Read) -> int | None:
    text = reader(path)
    try:
        return None if text is None else int(text, 16)
    except ValueError:
        raise ValueError(f"{path}: not a hexadecimal number: {(text or b'')[:40]!r}") from None


def _read_carrier(path: str, reader: Read) -> bool | None:
    carrier = read_integer(path, reader)
    return None if carrier is None else carrier != 0


def _read_master(path: str, reader: Read) -> str | None:
    for line in (reader(path) or b"").splitlines():
        if line.startswith(_NAME):
            return line.removeprefix(_NAME).decode(errors="surrogateescape")
    return None
