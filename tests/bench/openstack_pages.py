"""Servers as Nova 2.96 lists them in detail: one that was recorded (server.json), made into any number.

They are spread as in a real cloud: a few projects, flavors and images have most of them.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

PER_PAGE: Final = 1000
"""Nova's own most."""
PROJECTS, USERS, HOSTS, FLAVORS, IMAGES, ZONES = 1000, 3000, 500, 50, 200, 3

Server = dict[str, Any]

_RECORDED: Final = Path(__file__).with_name("server.json")
_STATES: Final = (
    "ACTIVE",
    "SHUTOFF",
    "PAUSED",
    "VERIFY_RESIZE",
    "SHELVED_OFFLOADED",
    "ERROR",
    "BUILD",
    "REBOOT",
)
_WEIGHTS: Final = (880, 90, 5, 5, 5, 10, 2, 3)
_TASKS: Final = {"BUILD": "spawning", "REBOOT": "rebooting"}
_NOWHERE: Final = frozenset({"SHELVED_OFFLOADED", "ERROR", "BUILD"})


def servers(count: int) -> Iterator[Server]:
    """The first `count` servers; the same ones each time."""
    recorded = _RECORDED.read_text()
    for number in range(count):
        yield _server(json.loads(recorded), number)


def changed(number: int, *, again: bool) -> Server:
    """A server whose state is another than before, and another still when it is changed `again`."""
    server = _server(json.loads(_RECORDED.read_text()), number)
    server.pop("fault", None)
    server["status"] = "SUSPENDED" if again else "RESCUE"
    server["OS-EXT-STS:task_state"] = None
    server["updated"] = f"2026-11-21T23:59:{50 + again}Z"
    return server


def project(number: int) -> dict[str, object]:
    return _identity("a", number, f"project-{number:04d}")


def user(number: int) -> dict[str, object]:
    return _identity("b", number, f"user-{number:04d}")


def volume(number: int) -> dict[str, object]:
    """A volume as Cinder lists it in detail, as far as it is read."""
    owner = project(_few(Random(number), PROJECTS))["id"]  # noqa: S311 - no secret
    return {
        "id": str(UUID(int=(1 << 100) + number, version=4)),
        "status": "in-use" if number % 4 else "available",
        "size": 10,
        "os-vol-tenant-attr:tenant_id": owner,
        "attachments": [{"server_id": str(UUID(int=number, version=4))}] if number % 4 else [],
    }


def floating_ip(number: int) -> dict[str, object]:
    """A floating IP as Neutron lists it with the fields that are asked for."""
    return {
        "id": str(UUID(int=(2 << 100) + number, version=4)),
        "status": "ACTIVE",
        "project_id": project(_few(Random(number), PROJECTS))["id"],  # noqa: S311 - no secret
        "port_id": str(UUID(int=number, version=4)),
    }


def joined(some: Sequence[Server]) -> bytes:
    """What stands between the brackets of a list, written as Nova does."""
    return json.dumps(some)[1:-1].encode()


def _server(server: Server, number: int) -> Server:
    """Make the recorded server the one of this number."""
    random = Random(number)  # noqa: S311 - no secret
    vm_id, host = (
        str(UUID(int=random.getrandbits(128), version=4)),
        f"compute-{random.randrange(HOSTS):03d}.example.org",
    )
    owner, flavor, image = _few(random, PROJECTS), _few(random, FLAVORS), _few(random, IMAGES)
    state = random.choices(_STATES, _WEIGHTS)[0]
    server |= {
        "id": vm_id,
        "name": f"vm-{number:06d}.example.org",
        "status": state,
        "tenant_id": project(owner)["id"],
        "user_id": user(owner * (USERS // PROJECTS) + random.randrange(USERS // PROJECTS))["id"],
        "created": _moment(random, 10),
        "updated": _moment(random, 21),
        "OS-EXT-AZ:availability_zone": f"zone-{random.randrange(ZONES)}",
        "OS-EXT-SRV-ATTR:host": None if state in _NOWHERE else host,
        "OS-EXT-SRV-ATTR:hypervisor_hostname": None if state in _NOWHERE else host,
        "OS-EXT-STS:task_state": _TASKS.get(state),
        "links": [link | {"href": f"{link['href'].rpartition('/')[0]}/{vm_id}"} for link in server["links"]],
    }
    server["flavor"] |= {
        "original_name": f"m{flavor}.large",
        "vcpus": 1 + flavor % 16,
        "ram": 1024 << flavor % 6,
    }
    server["image"]["id"] = str(UUID(int=image, version=4))
    for address in server["addresses"]["shared-net"]:
        address["addr"] = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    if state != "ERROR":
        del server["fault"]
    return server


def _few(random: Random, most: int) -> int:
    """A number below `most`; half of all are among the first eighth."""
    return int(most * random.random() ** 3)


def _moment(random: Random, day: int) -> str:
    return f"2026-11-{day}T{random.randrange(24):02d}:{random.randrange(60):02d}:{random.randrange(60):02d}Z"


def _identity(prefix: str, number: int, name: str) -> dict[str, object]:
    """A project or user as Keystone lists it."""
    return {"id": f"{prefix}{number:031x}", "name": name, "domain_id": "default", "enabled": True}
