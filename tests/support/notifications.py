"""Nova's versioned notifications, as oslo.messaging sends them: an envelope around a text of JSON."""

import json
from typing import Any, Final

from support.fake_nova import WEB, text

_FLAVOR: Final = WEB["flavor"]
_ACTION: Final = ("InstanceActionPayload", "1.8")
_UPDATE: Final = ("InstanceUpdatePayload", "2.1")  # as a real Nova of the release Zed says it


def versioned(name: str, data: dict[str, Any], version: str = "1.0") -> dict[str, Any]:
    """An object of Nova in a payload."""
    return {
        "nova_object.name": name,
        "nova_object.namespace": "nova",
        "nova_object.version": version,
        "nova_object.data": data,
    }


def instance(vm_id: str, moment: float, **changes: Any) -> dict[str, Any]:
    """What InstancePayload says of the server WEB under another id; but for these changes."""
    size = {
        "flavorid": "1", "name": _FLAVOR["original_name"], "vcpus": _FLAVOR["vcpus"],
        "memory_mb": _FLAVOR["ram"], "root_gb": _FLAVOR["disk"], "ephemeral_gb": _FLAVOR["ephemeral"],
        "swap": _FLAVOR["swap"], "extra_specs": {}, "is_public": True,
    }  # fmt: skip
    plain = {
        "uuid": vm_id, "tenant_id": WEB["tenant_id"], "user_id": WEB["user_id"], "display_name": vm_id,
        "host": WEB["OS-EXT-SRV-ATTR:host"], "node": "n", "state": "active", "task_state": None,
        "power_state": "running", "availability_zone": WEB["OS-EXT-AZ:availability_zone"],
        "image_uuid": WEB["image"]["id"] if WEB["image"] else "", "created_at": text(moment),
        "updated_at": text(moment), "deleted_at": None, "metadata": {"secret": "of-the-user"},
        "flavor": versioned("FlavorPayload", size, "1.4"),
        "ip_addresses": [versioned("IpPayload", {"address": "192.0.2.1", "version": 4})],
    }  # fmt: skip
    return {**plain, **changes}


def message(event: str, payload: dict[str, Any], **more: Any) -> bytes:
    """A message of a queue."""
    said = {
        "event_type": event,
        "payload": payload,
        "priority": "INFO",
        "publisher_id": "nova-compute:compute1",
        "message_id": "00000000-0000-0000-0000-000000000001",
        "timestamp": "2027-01-15 08:00:00.000000",
        **more,
    }
    return json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(said)}).encode()


def about(event: str, vm_id: str, moment: float, **changes: Any) -> bytes:
    """The message of an event of a server."""
    name, version = _UPDATE if event == "instance.update" else _ACTION
    payload = versioned(name, instance(vm_id, moment, **changes), version)
    return message(event, payload)


def fault(text_of_it: str) -> dict[str, Any]:
    """An exception in a payload."""
    return versioned("ExceptionPayload", {"exception": "X", "exception_message": text_of_it})
