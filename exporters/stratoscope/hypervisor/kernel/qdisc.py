"""Queueing disciplines of all interfaces. Source: one rtnetlink dump, RTM_GETQDISC; no right needed."""

import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from stratoscope.core.errors import LeftOut
from stratoscope.hypervisor.kernel import rtnetlink
from stratoscope.hypervisor.kernel.rtnetlink import Socket, attributes, opened, unpacked

# linux/rtnetlink.h
_RTM_NEWQDISC, _RTM_GETQDISC = 36, 38
_TCA_KIND, _TCA_STATS2, _TCA_STATS_QUEUE = 1, 7, 3
_TC_H_ROOT, _TC_H_INGRESS = 0xFFFFFFFF, 0xFFFFFFF1

_TCMSG: Final = struct.Struct("=BxxxiIII")  # family, interface, handle, parent, info
_QUEUE: Final = struct.Struct("=4xII8x")  # gnet_stats_queue: packets, bytes, drops, requeues, overlimits


class Qdisc(msgspec.Struct, frozen=True, gc=False):
    """Counts of one queueing discipline since it was attached; None without a queue (`noqueue`) or counts.

    Attributes:
        drops: 32 bits in the kernel: starts again from 0 after 4294967295.
    """

    kind: str
    drops: int | None
    backlog_bytes: int | None


class Queues(msgspec.Struct, frozen=True, gc=False):
    """The queueing disciplines for sending (`root`) and receiving (`ingress`) of an interface.

    For a tap, root is the direction to the VM, and ingress from it, where libvirt's outbound bandwidth limit
    drops.
    """

    root: Qdisc | None = None
    ingress: Qdisc | None = None


def read_queues() -> Mapping[str, Queues] | LeftOut:
    """Root and ingress queueing disciplines by interface name.

    Raises:
        TimeoutError: The kernel did not answer in time.
        OSError: The kernel refused, or the exporter lacks a resource.
        ValueError: The answer is malformed.
    """
    return queues_over(opened)


def queues_over(opened: Callable[[], socket.socket]) -> Mapping[str, Queues] | LeftOut:
    """As `read_queues`, over a socket that is opened here, and closed."""
    return rtnetlink.or_left_out(opened, lambda netlink: parse(dump(netlink), dict(socket.if_nameindex())))


def dump(netlink: Socket) -> Iterator[bytes]:
    """The payload of each queueing discipline."""
    body = _TCMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    return rtnetlink.dump(netlink, _RTM_GETQDISC, _RTM_NEWQDISC, body)


def parse(payloads: Iterable[bytes], names: Mapping[int, str]) -> dict[str, Queues]:
    """Queues by interface name from the payloads of a dump.

    Args:
        payloads: One per queueing discipline.
        names: Interface name by index; an interface that disappeared meanwhile is left out.

    Raises:
        ValueError: A payload is cut short.
    """
    found: dict[str, Queues] = {}
    for payload in payloads:
        _, index, _, parent, _ = unpacked(_TCMSG, payload)
        name = names.get(index)
        if name is None or parent not in (_TC_H_ROOT, _TC_H_INGRESS):
            continue  # its root includes a child's drops
        qdisc = _qdisc(dict(attributes(payload[_TCMSG.size :])))
        queues = found.get(name, Queues())
        is_root = parent == _TC_H_ROOT
        found[name] = Queues(qdisc, queues.ingress) if is_root else Queues(queues.root, qdisc)
    return found


def _qdisc(fields: Mapping[int, bytes]) -> Qdisc:
    kind = fields.get(_TCA_KIND, b"").rstrip(b"\0").decode(errors="replace")
    queue = dict(attributes(fields.get(_TCA_STATS2, b""))).get(_TCA_STATS_QUEUE)
    if kind == "noqueue" or queue is None:
        return Qdisc(kind, None, None)
    backlog, drops = unpacked(_QUEUE, queue)
    return Qdisc(kind, drops, backlog)
