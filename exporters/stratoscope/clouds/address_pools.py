"""Addresses of networks. As the answers in model.py."""

from collections.abc import Set as AbstractSet

import msgspec


class Pool(msgspec.Struct, frozen=True, gc=False):
    """Addresses of one subnet, or address range, of a network.

    Attributes:
        is_external: Whether its addresses are given out to all, such as floating IPs; None if unknown.
        total, used: None if unknown.
        ip_version: 0 for leases without an IP address.
        cidr: The subnet's prefix; "" if the source does not report it.
    """

    network_id: str
    network_name: str
    subnet_id: str
    subnet_name: str
    project_id: str
    ip_version: int
    is_external: bool | None
    total: float | None
    used: float | None
    cidr: str = ""


class Pools(msgspec.Struct, frozen=True):
    """Address pools.

    Attributes:
        partial: Ids of networks that have further subnets, which are unknown.
        is_whole: Whether those of all networks are visible; None if the source does not tell.
    """

    pools: tuple[Pool, ...]
    malformed: int = 0
    partial: AbstractSet[str] = frozenset()
    is_whole: bool | None = None
