"""Dumps of the kernel's network tables over rtnetlink; no right needed.

It shows the network namespace of the exporter's own process: a container needs the host's.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Final, Protocol, TypeVar

from stratoscope.core.errors import LeftOut

T = TypeVar("T")

# linux/netlink.h
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLA_TYPE: Final = 0x3FFF  # without the flags for nested and byte order

_HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_STATUS: Final = struct.Struct("=i")
_BUFFER_BYTES: Final = 1 << 18  # a dump's messages never exceed 32 KiB


class Socket(Protocol):
    """The methods of a socket that are used."""

    def send(self, data: bytes, /) -> int: ...
    def recv(self, size: int, /) -> bytes: ...


def opened(timeout_s: float = 1.0) -> socket.socket:
    """A socket to the kernel."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    netlink.settimeout(timeout_s)
    return netlink


def or_left_out(opened: Callable[[], socket.socket], read: Callable[[socket.socket], T]) -> T | LeftOut:
    """The result of `read` with a socket that is opened and closed here; or why the kernel has no data.

    Raises:
        TimeoutError: The kernel did not answer in time.
        OSError: The kernel refused, or the exporter lacks a resource.
        ValueError: The answer is malformed.
    """
    try:
        with opened() as netlink:
            return read(netlink)
    except PermissionError:
        return LeftOut.UNAUTHORIZED
    except OSError as error:
        # A sandbox without rtnetlink, or a service unit whose RestrictAddressFamilies= lacks AF_NETLINK.
        if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP):
            return LeftOut.ABSENT
        raise


def dump(netlink: Socket, wanted: int, answered: int, body: bytes) -> Iterator[bytes]:
    """Request a table; yields the payload of each message, up to the kernel's end message.

    Args:
        netlink: The socket.
        wanted: The type of the request, RTM_GET...
        answered: The type of the messages that are yielded, RTM_NEW...
        body: What follows the header.

    Raises:
        OSError: The kernel refused; with its number.
        ValueError: The answer is malformed.
    """
    flags = _NLM_F_REQUEST | _NLM_F_DUMP
    netlink.send(_HEADER.pack(_HEADER.size + len(body), wanted, flags, 1, 0) + body)
    while True:
        for kind, payload in _messages(netlink.recv(_BUFFER_BYTES)):
            if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                _check(payload, wanted)
                return
            if kind == answered:
                yield payload


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each attribute. Raises ValueError for what is cut short."""
    while data:
        length, kind = unpacked(_ATTRIBUTE, data)
        yield kind & _NLA_TYPE, _within(data, _ATTRIBUTE.size, length)
        data = data[_aligned(length) :]


def attribute(kind: int, content: bytes) -> bytes:
    """An attribute as it is sent."""
    length = _ATTRIBUTE.size + len(content)
    return _ATTRIBUTE.pack(length, kind) + content.ljust(_aligned(length) - _ATTRIBUTE.size, b"\0")


def unpacked(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    """The numbers at the beginning. Raises ValueError for what is cut short."""
    if len(data) < layout.size:
        raise ValueError(f"rtnetlink: {len(data)} bytes where {layout.size} are needed")
    return layout.unpack_from(data)


def _check(payload: bytes, wanted: int) -> None:
    """Raise the kernel's error at the end of a dump: 0, or a negative error number."""
    number = -unpacked(_STATUS, payload)[0]
    if number:
        raise OSError(number, f"rtnetlink: request {wanted}: {os.strerror(number)}")


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind, *_ = unpacked(_HEADER, data)
        yield kind, _within(data, _HEADER.size, length)
        data = data[_aligned(length) :]


def _within(data: bytes, start: int, length: int) -> bytes:
    if not start <= length <= len(data):
        raise ValueError(f"rtnetlink: a length of {length} in {len(data)} bytes")
    return data[start:length]


def _aligned(length: int) -> int:
    return (length + 3) & ~3
