"""The promiscuity count of each interface. Source: one rtnetlink dump, RTM_GETLINK; no right needed.

The flag PROMISC of a bridge's port is always set; the count shows whether others listen, too.
"""

import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from stratoscope.core.errors import LeftOut
from stratoscope.hypervisor.kernel import rtnetlink
from stratoscope.hypervisor.kernel.rtnetlink import attribute, attributes, opened, or_left_out, unpacked

# linux/rtnetlink.h and linux/if_link.h
_RTM_NEWLINK, _RTM_GETLINK = 16, 18
_IFLA_IFNAME, _IFLA_EXT_MASK, _IFLA_PROMISCUITY = 3, 29, 30
_SKIP_STATS: Final = 1 << 3  # RTEXT_FILTER_SKIP_STATS: the counters are most of a dump

_IFINFOMSG: Final = struct.Struct("=BxHiII")  # family, type, index, flags, change
_NUMBER: Final = struct.Struct("=I")


def read_promiscuity() -> Mapping[str, int] | LeftOut:
    """The promiscuity count by interface name; without interfaces for which an old kernel lacks it.

    Raises:
        TimeoutError: The kernel did not answer in time.
        OSError: The kernel refused, or the exporter lacks a resource.
        ValueError: The answer is malformed.
    """
    return promiscuity_over(opened)


def promiscuity_over(opened: Callable[[], socket.socket]) -> Mapping[str, int] | LeftOut:
    """As `read_promiscuity`, over a socket that is opened here, and closed."""
    body = _IFINFOMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    body += attribute(_IFLA_EXT_MASK, _NUMBER.pack(_SKIP_STATS))
    return or_left_out(
        opened, lambda netlink: parse(rtnetlink.dump(netlink, _RTM_GETLINK, _RTM_NEWLINK, body))
    )


def parse(payloads: Iterable[bytes]) -> dict[str, int]:
    """The count by interface name. Raises ValueError for a payload that is cut short."""
    found = {}
    for payload in payloads:
        unpacked(_IFINFOMSG, payload)
        name, count = b"", None
        for kind, content in attributes(payload[_IFINFOMSG.size :]):
            if kind == _IFLA_IFNAME:
                name = content.rstrip(b"\0")
            elif kind == _IFLA_PROMISCUITY:
                (count,) = unpacked(_NUMBER, content)
                break  # the name comes first, and most other attributes after the count
        if count is not None:
            found[name.decode(errors="surrogateescape")] = count
    return found
