"""Queueing disciplines of all interfaces. Source: one rtnetlink dump, RTM_GETQDISC; no right needed.

It shows the network namespace of the exporter's own process: a container needs the host's.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

import msgspec

from stratoscope.core.errors import LeftOut

# linux/netlink.h and linux/rtnetlink.h
_NLMSG_ERROR, _NLMSG_DONE, _RTM_NEWQDISC, _RTM_GETQDISC = 2, 3, 36, 38
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_TCA_KIND, _TCA_STATS2, _TCA_STATS_QUEUE = 1, 7, 3
_TC_H_ROOT, _TC_H_INGRESS = 0xFFFFFFFF, 0xFFFFFFF1
_NLA_TYPE: Final = 0x3FFF  # without the flags for nested and byte order

_HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_TCMSG: Final = struct.Struct("=BxxxiIII")  # family, interface, handle, parent, info
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_STATUS: Final = struct.Struct("=i")
_QUEUE: Final = struct.Struct("=IIIII")  # gnet_stats_queue: packets, bytes, drops, requeues, overlimits
_BUFFER_BYTES: Final = 1 << 18  # a dump's messages never exceed 32 KiB


class Qdisc(msgspec.Struct, frozen=True, gc=False):
    """One queueing discipline since it was attached; None where it has no queue (`noqueue`) or no counts.

    Attributes:
        drops: 32 bits in the kernel: starts again from 0 after 4294967295, as does overlimits.
    """

    kind: str
    drops: int | None
    overlimits: int | None
    backlog_bytes: int | None
    backlog_packets: int | None


class Queues(msgspec.Struct, frozen=True, gc=False):
    """What an interface sends by (`root`) and what it receives through (`ingress`).

    Of a tap, root is what goes to the VM, and ingress what comes from it: libvirt's outbound bandwidth
    limit drops there.
    """

    root: Qdisc | None = None
    ingress: Qdisc | None = None


class Socket(Protocol):
    """What is used of a socket."""

    def send(self, data: bytes, /) -> int: ...
    def recv(self, size: int, /) -> bytes: ...


def read_queues(timeout_s: float = 1.0) -> Mapping[str, Queues] | LeftOut:
    """Root and ingress queueing disciplines by interface name.

    Raises:
        TimeoutError: The kernel did not answer in time.
        ValueError: The answer makes no sense.
    """
    return told_queues(lambda: _opened(timeout_s))


def told_queues(opened: Callable[[], socket.socket]) -> Mapping[str, Queues] | LeftOut:
    """As `read_queues`, over a socket that is opened here, and closed."""
    try:
        with opened() as netlink:
            return parse(dump(netlink), dict(socket.if_nameindex()))
    except PermissionError:
        return LeftOut.UNAUTHORIZED
    except OSError as error:
        # A sandbox without rtnetlink, or a service unit whose RestrictAddressFamilies= lacks AF_NETLINK.
        if error.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP):
            return LeftOut.ABSENT
        raise


def dump(netlink: Socket) -> Iterator[bytes]:
    """Ask for all queueing disciplines; the payload of each message, until the kernel says that it is done.

    Raises:
        OSError: The kernel refused; with its number.
        ValueError: The answer makes no sense.
    """
    body = _TCMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    flags = _NLM_F_REQUEST | _NLM_F_DUMP
    netlink.send(_HEADER.pack(_HEADER.size + len(body), _RTM_GETQDISC, flags, 1, 0) + body)
    while True:
        for kind, payload in _messages(netlink.recv(_BUFFER_BYTES)):
            if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                _check(payload)
                return
            if kind == _RTM_NEWQDISC:
                yield payload


def parse(payloads: Iterable[bytes], names: Mapping[int, str]) -> dict[str, Queues]:
    """Queues by interface name from the payloads of a dump.

    Args:
        payloads: One per queueing discipline.
        names: Interface name by index; one that has gone meanwhile is left out.

    Raises:
        ValueError: A payload is cut short.
    """
    found: dict[str, Queues] = {}
    for payload in payloads:
        _, index, _, parent, _ = _unpacked(_TCMSG, payload)
        name = names.get(index)
        if name is None or parent not in (_TC_H_ROOT, _TC_H_INGRESS):
            continue  # a child's drops are in its root's too
        qdisc = _qdisc(dict(_attributes(payload[_TCMSG.size :])))
        queues = found.get(name, Queues())
        is_root = parent == _TC_H_ROOT
        found[name] = Queues(qdisc, queues.ingress) if is_root else Queues(queues.root, qdisc)
    return found


def _opened(timeout_s: float) -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    netlink.settimeout(timeout_s)
    return netlink


def _check(payload: bytes) -> None:
    """Raise what the kernel says at the end of a dump: 0, or an error number with a minus."""
    number = -_unpacked(_STATUS, payload)[0]
    if number:
        raise OSError(number, f"rtnetlink: RTM_GETQDISC: {os.strerror(number)}")


def _qdisc(attributes: Mapping[int, bytes]) -> Qdisc:
    kind = attributes.get(_TCA_KIND, b"").rstrip(b"\0").decode(errors="replace")
    queue = dict(_attributes(attributes.get(_TCA_STATS2, b""))).get(_TCA_STATS_QUEUE)
    if kind == "noqueue" or queue is None:
        return Qdisc(kind, None, None, None, None)
    packets, backlog, drops, _, overlimits = _unpacked(_QUEUE, queue)
    return Qdisc(kind, drops, overlimits, backlog, packets)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind, *_ = _unpacked(_HEADER, data)
        yield kind, _within(data, _HEADER.size, length)
        data = data[_aligned(length) :]


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind = _unpacked(_ATTRIBUTE, data)
        yield kind & _NLA_TYPE, _within(data, _ATTRIBUTE.size, length)
        data = data[_aligned(length) :]


def _unpacked(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    if len(data) < layout.size:
        raise ValueError(f"rtnetlink: {len(data)} bytes where {layout.size} are needed")
    return layout.unpack_from(data)


def _within(data: bytes, start: int, length: int) -> bytes:
    if not start <= length <= len(data):
        raise ValueError(f"rtnetlink: a length of {length} in {len(data)} bytes")
    return data[start:length]


def _aligned(length: int) -> int:
    return (length + 3) & ~3
