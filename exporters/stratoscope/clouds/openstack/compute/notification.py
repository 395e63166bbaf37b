"""A versioned notification of Nova, and the server of its payload. Source: oslo.messaging's envelope 2.0.

The payload says the server as Nova's database has it: `vm_state` and `task_state`, from which Nova's API
derives the status, and the fixed addresses alone.
"""

from datetime import datetime
from typing import Final

import msgspec

from stratoscope.clouds.openstack.client.fields import Id, Text
from stratoscope.clouds.openstack.compute.server import (
    BUILD,
    UNKNOWN,
    Address,
    Fault,
    Flavor,
    Image,
    Server,
    Size,
)

DELETED: Final = "instance.delete.end"
_ABOUT_SERVERS: Final = "instance."
_LACKING: Final = "compute_task."
"""They name a server that could not be placed, without its values."""
_MAJORS: Final = frozenset({"1", "2"})
"""Of a payload's version; a minor one adds fields. That of `instance.update` is 2 in newer releases, with the
same fields of the server."""
_ADDRESSES: Final = frozenset({"instance.interface_attach.end", "instance.interface_detach.end"})
"""They change addresses, of which the payload has the fixed ones alone."""

_DEFAULT: Final = ""
_RESIZE: Final = dict.fromkeys(
    ("resize_prep", "resize_migrating", "resize_migrated", "resize_finish"), "RESIZE"
)
_REBUILD: Final = dict.fromkeys(("rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"), "REBUILD")
_REBOOT: Final = {
    **dict.fromkeys(("rebooting", "reboot_pending", "reboot_started"), "REBOOT"),
    **dict.fromkeys(("rebooting_hard", "reboot_pending_hard", "reboot_started_hard"), "HARD_REBOOT"),
}
_STATUS: Final = {
    "active": {
        _DEFAULT: "ACTIVE", **_REBOOT, **_REBUILD, **_RESIZE,
        "updating_password": "PASSWORD", "migrating": "MIGRATING",
    },
    "building": {_DEFAULT: BUILD},
    "stopped": {_DEFAULT: "SHUTOFF", **_RESIZE, **_REBUILD},
    "resized": {_DEFAULT: "VERIFY_RESIZE", "resize_reverting": "REVERT_RESIZE"},
    "paused": {_DEFAULT: "PAUSED", "migrating": "MIGRATING"},
    "suspended": {_DEFAULT: "SUSPENDED"},
    "rescued": {_DEFAULT: "RESCUE"},
    "error": {_DEFAULT: "ERROR", **_REBUILD},
    "deleted": {_DEFAULT: "DELETED"},
    "soft-delete": {_DEFAULT: "SOFT_DELETED"},
    "shelved": {_DEFAULT: "SHELVED"},
    "shelved_offloaded": {_DEFAULT: "SHELVED_OFFLOADED"},
}  # fmt: skip
"""The status by `vm_state` and `task_state` (nova/api/openstack/common.py: _STATE_MAP)."""


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    message: str = msgspec.field(name="oslo.message")


class _Payload(msgspec.Struct, frozen=True, gc=False):
    data: msgspec.Raw = msgspec.field(name="nova_object.data")
    version: str = msgspec.field(name="nova_object.version")


class _Notification(msgspec.Struct, frozen=True, gc=False):
    event_type: str
    payload: msgspec.Raw = msgspec.Raw(b"null")


class _Sizes(msgspec.Struct, frozen=True, gc=False):
    """MiB and GiB."""

    name: Text
    vcpus: Size
    memory_mb: Size
    root_gb: Size
    ephemeral_gb: Size = 0
    swap: Size = 0


class _Flavor(msgspec.Struct, frozen=True, gc=False):
    data: _Sizes = msgspec.field(name="nova_object.data")


class _Exception(msgspec.Struct, frozen=True, gc=False):
    exception_message: str = ""


class _Fault(msgspec.Struct, frozen=True, gc=False):
    data: _Exception = msgspec.field(name="nova_object.data")


class _Instance(msgspec.Struct, frozen=True, gc=False):
    """What is read of an InstancePayload, and of those that extend it."""

    uuid: Id
    tenant_id: Id
    state: Text
    created_at: datetime
    flavor: _Flavor
    user_id: Id = ""
    display_name: Text | None = None
    task_state: Text | None = None
    updated_at: datetime | None = None
    host: Text | None = None
    availability_zone: Text | None = None
    image_uuid: Id | None = None
    ip_addresses: list[Address] | None = None
    fault: _Fault | None = None


class Notification(msgspec.Struct, frozen=True, gc=False):
    """A notification.

    Attributes:
        event: Its `event_type`, such as `instance.create.end`.
        server: The server as it was then; None if the notification is about something else.
        is_lacking: It lacks what is shown: the fault of a server in error, or floating addresses.
    """

    event: str
    server: Server | None
    is_lacking: bool


def decoded(body: bytes) -> tuple[str, msgspec.Raw]:
    """The name of the event, and its payload. Raises msgspec.DecodeError (ValidationError is one)."""
    envelope = msgspec.json.decode(body, type=_Envelope)
    found = msgspec.json.decode(envelope.message, type=_Notification)
    return found.event_type, found.payload


def notification(event: str, payload: msgspec.Raw) -> Notification:
    """A notification. Raises msgspec.DecodeError, ValueError."""
    if not event.startswith(_ABOUT_SERVERS):
        return Notification(event, None, event.startswith(_LACKING) and event.endswith(".error"))
    versioned = msgspec.json.decode(payload, type=_Payload)
    if versioned.version.partition(".")[0] not in _MAJORS:
        raise ValueError(f"version {versioned.version[:20]} of a payload")
    server = _server(msgspec.json.decode(versioned.data, type=_Instance), is_deleted=event == DELETED)
    is_untold = server.status == "ERROR" and server.fault is None
    return Notification(event, server, event.endswith(".error") or is_untold or event in _ADDRESSES)


def status(vm_state: str, task_state: str | None) -> str:
    """As Nova's API has it: UNKNOWN for a state that it does not know."""
    by_task = _STATUS.get(vm_state, {_DEFAULT: UNKNOWN})
    return by_task.get(task_state or _DEFAULT, by_task[_DEFAULT])


def _server(one: _Instance, *, is_deleted: bool) -> Server:
    """The server, as Nova's API would list it."""
    size, addresses = one.flavor.data, one.ip_addresses
    return Server(
        id=one.uuid,
        status="DELETED" if is_deleted else status(one.state, one.task_state),
        tenant_id=one.tenant_id,
        created=one.created_at,
        name=one.display_name or "",
        user_id=one.user_id,
        updated=one.updated_at or one.created_at,
        flavor=Flavor(
            original_name=size.name,
            vcpus=size.vcpus,
            ram=size.memory_mb,
            disk=size.root_gb,
            ephemeral=size.ephemeral_gb,
            swap=size.swap,
        ),
        image=Image(one.image_uuid) if one.image_uuid else "",
        host=one.host,
        zone=one.availability_zone,
        task=one.task_state,
        fault=None if one.fault is None else Fault(one.fault.data.exception_message),
        addresses=None if addresses is None else {"": addresses},
    )
