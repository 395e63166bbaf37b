"""A server as Nova lists it in detail, and its translation to a VM of clouds/model.py.

Microversion 2.47 is the oldest that is understood (Pike has 2.53, Ocata 2.42): it has the flavor as it was
when the server was created. Since 2.69 a server of a cell that does not answer is listed with only its id,
project and creation time.
"""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec.structs import replace

from stratoscope.clouds.condition import Condition, FaultReason
from stratoscope.clouds.model import VM
from stratoscope.clouds.openstack.client.fields import GIB, MIB, Id, Text, unix_seconds
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.clouds.openstack.compute.faults import fault_reason

BUILD: Final = "BUILD"
UNKNOWN: Final = "UNKNOWN"
"""Nova's state of a server whose state it does not know."""
GONE: Final = frozenset({"DELETED", "SOFT_DELETED"})
"""States that occur only in lists of changes: other lists and quotas do not have these servers."""
_ERROR: Final = "ERROR"
CONDITIONS: Final = {
    **dict.fromkeys(("ACTIVE", "PASSWORD", "RESCUE", "VERIFY_RESIZE"), Condition.RUNNING),
    **dict.fromkeys(("SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"), Condition.STOPPED),
    **dict.fromkeys(
        ("BUILD", "HARD_REBOOT", "MIGRATING", "REBOOT", "REBUILD", "RESIZE", "REVERT_RESIZE"),
        Condition.CHANGING,
    ),
    _ERROR: Condition.ERROR,
}
"""The condition of a server by its status (nova/api/openstack/common.py: _STATE_MAP). SUSPENDED and
PAUSED run nothing, though PAUSED keeps its memory."""

Size = Annotated[int, msgspec.Meta(ge=0, le=2**40)]


class Flavor(msgspec.Struct, frozen=True, gc=False):
    """The flavor inside a server; MiB and GiB."""

    original_name: Text
    vcpus: Size
    ram: Size
    disk: Size
    ephemeral: Size = 0
    swap: Size = 0


class Image(msgspec.Struct, frozen=True, gc=False):
    id: Id


class Fault(msgspec.Struct, frozen=True, gc=False):
    message: Annotated[str, msgspec.Meta(max_length=65536)] = ""


class Address(msgspec.Struct, frozen=True, gc=False):
    """Only counted."""


class Server(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "host": "OS-EXT-SRV-ATTR:host",
        "zone": "OS-EXT-AZ:availability_zone",
        "task": "OS-EXT-STS:task_state",
    },
):
    """One of `servers`. Only administrators get the host.

    Attributes:
        image: "" or null if it was booted from a volume. If it is malformed, so is the server: its disk would
            be too small.
        updated: For a server that is not yet in a cell, it is the time of the answer.
        flavor: None only if it is not required, or Nova itself does not know it.
    """

    id: Id
    status: Text
    tenant_id: Id
    created: datetime
    name: Text = ""
    user_id: Id = ""
    updated: datetime | None = None
    flavor: Flavor | None = None
    image: Image | Id | msgspec.UnsetType | None = msgspec.UNSET
    host: Text | None = None
    zone: Text | None = None
    task: Text | None = None
    fault: Fault | None = None
    addresses: dict[str, list[Address]] | None = None

    def __post_init__(self) -> None:
        """Reject a server without a flavor: its 0 vCPUs would be an invented value."""
        if self.flavor is None and not self.is_partial and self.status not in GONE:
            raise ValueError("a server without a flavor")

    @property
    def is_partial(self) -> bool:
        """Its cell does not answer: Nova only knows that it exists."""
        return self.status == UNKNOWN and self.updated is None


class Listed(msgspec.Struct, frozen=True, gc=False):
    """One of `servers`, without detail."""

    id: Id


SERVERS: Final = Listing(
    "compute", "/servers/detail", "servers", Server, version="2.96", oldest="2.47", is_repeated=True
)
SERVER_IDS: Final = Listing("compute", "/servers", "servers", Listed, operation="server_ids", version="2.96")


class Texts(dict[str, str]):
    """`texts[text]`, for texts that many servers share: 100,000 have a few hundred flavors and hosts."""

    def __missing__(self, text: str) -> str:
        return self.setdefault(text, text)


def vm(server: Server, texts: Texts) -> VM:
    """The VM of a server.

    It is in a transition while it has a task, and while it is being built. So the states that Nova derives
    from tasks (REBOOT, RESIZE, MIGRATING ...) need no rule, and states in which it waits for a user
    (VERIFY_RESIZE, SHUTOFF, RESCUE) are no transitions.
    """
    flavor, image = server.flavor, server.image
    image_id = texts[image.id] if isinstance(image, Image) else ""
    return VM(  # the first four by position: with all 17 by keyword CPython makes a dict for each call
        server.id,
        server.name,
        texts[server.status],
        texts[server.task or (BUILD if server.status == BUILD else "")],
        project_id=texts[server.tenant_id],
        user_id=texts[server.user_id],
        flavor=texts[flavor.original_name] if flavor is not None else "",
        image=image_id,
        host=texts[server.host or ""],
        zone=texts[server.zone or ""],
        created=unix_seconds(server.created),
        changed=_unchanged_since(server),
        vcpus=None if flavor is None else flavor.vcpus,
        memory=None if flavor is None else flavor.ram * MIB,
        disk=None if flavor is None else _disk(flavor, has_image=bool(image_id)),
        addresses=None if server.addresses is None else sum(map(len, server.addresses.values())),
        fault=reason_of(server.fault) if server.status == _ERROR else None,
    )


def of_unknown_state(known: VM) -> VM:
    """A VM that can no longer be read, with its last known values."""
    return replace(known, state=UNKNOWN, transition="", fault=None)


def _unchanged_since(server: Server) -> float:
    """Unix seconds; a build begins when the server is created, even if its task or host changes later."""
    if server.updated is None or server.status == BUILD:
        return unix_seconds(server.created)
    return unix_seconds(server.updated)


def _disk(flavor: Flavor, *, has_image: bool) -> int:
    """Bytes on the host: a server that was booted from a volume has no root disk there."""
    gib = flavor.disk + flavor.ephemeral if has_image else flavor.ephemeral
    return gib * GIB + flavor.swap * MIB


def reason_of(fault: Fault | None) -> FaultReason:
    return FaultReason.UNKNOWN if fault is None else fault_reason(fault.message)
