"""Flavors or templates of VMs, and how many more of each fit. As the answers in model.py."""

from collections.abc import Mapping

import msgspec


class Room(msgspec.Struct, frozen=True, gc=False):
    """How many more VMs of a flavor fit into a zone now.

    Attributes:
        is_upper_bound: Fewer may fit: no API reports what huge pages and NUMA nodes leave.
    """

    flavor: str
    zone: str
    vms: int
    is_upper_bound: bool


class Flavor(msgspec.Struct, frozen=True, gc=False):
    """A flavor or template; memory and disk in bytes.

    Attributes:
        disk: None if unknown.
        costs: Of a VM for an hour, by resource, in the source's own unit of cost; absent if it has no price.
    """

    flavor_id: str
    name: str
    vcpus: int
    memory: int
    disk: int | None
    is_public: bool
    costs: Mapping[str, float] = {}


class Flavors(msgspec.Struct, frozen=True):
    """The flavors that the credential may use or see.

    Attributes:
        is_whole: Whether these are all; None if the source does not tell.
    """

    flavors: tuple[Flavor, ...]
    malformed: int = 0
    is_whole: bool | None = None


class Capacity(msgspec.Struct, frozen=True):
    """Attributes: largest: The room of the largest flavor that fits, by zone; absent if none fits."""

    room: tuple[Room, ...]
    largest: Mapping[str, Room]
    malformed: int = 0
