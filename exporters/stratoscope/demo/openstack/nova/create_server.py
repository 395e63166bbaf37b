"""The body of POST /servers, checked as Nova checks it."""

import re
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from stratoscope.demo.openstack.http_errors import BOOT_ERRORS
from stratoscope.demo.openstack.http_request import HttpError, Request
from stratoscope.demo.openstack.models import VM, Flavor, Host, Image, Network, Project, User
from stratoscope.demo.openstack.seed.vms import key_of
from stratoscope.demo.openstack.world import World

_KNOWN: Final = frozenset(
    {
        "name", "imageRef", "flavorRef", "adminPass", "metadata", "networks", "OS-DCF:diskConfig",
        "accessIPv4", "accessIPv6", "personality", "availability_zone", "block_device_mapping",
        "block_device_mapping_v2", "config_drive", "key_name", "min_count", "max_count",
        "return_reservation_id", "security_groups", "user_data", "description", "tags",
        "trusted_image_certificates", "host", "hypervisor_hostname", "hostname",
    }
)  # fmt: skip
_NETWORKS_REQUIRED_SINCE: Final = 37
_SINCE: Final = {"description": 19, "tags": 52, "host": 74, "hypervisor_hostname": 74}
"""The minor number of the microversion that has brought a key."""
_WHERE: Final = re.compile(r" - at `\$\.(\w+)")
"""The key in a message of msgspec."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRequest:
    """A valid request for some equal VMs; the quota is still to be checked."""

    name: str
    flavor: Flavor
    image: Image | None
    network: Network | None
    zone: str
    key_name: str | None
    description: str | None
    metadata: dict[str, str]
    tags: tuple[str, ...]
    host: Host | None
    count: int
    project: Project
    user: User

    def vm(self, world: World, number: int) -> VM:
        """The VM of this number, counted from 0; not yet added to the world."""
        return VM(
            serial=world.serial(),
            id=world.dice.uuid(),
            name=self.name if self.count == 1 else f"{self.name}-{number + 1}",
            project=self.project,
            user=self.user,
            flavor=self.flavor,
            image=self.image,
            network=self.network,
            zone=self.zone,
            created=world.now,
            updated=world.now,
            reservation=world.dice.reservation_id(),
            key_name=self.key_name,
            description=self.description,
            metadata=self.metadata,
            tags=self.tags,
            requested_host=self.host,
            launch_index=number,
            is_tame=True,
        )


class _Body(msgspec.Struct):
    server: dict[str, object]


class _Typed(msgspec.Struct):
    """The fields whose types Nova checks."""

    min_count: Annotated[int, msgspec.Meta(ge=1)] = 1
    max_count: Annotated[int, msgspec.Meta(ge=1)] = 1
    metadata: dict[str, str] = {}
    security_groups: list[dict[str, str]] = []
    description: str | None = None
    tags: tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=60, pattern="^[^,/]*$")], ...] = ()
    host: str = ""
    availability_zone: str = ""


def read(request: Request) -> ServerRequest:
    """The server request in a body.

    Raises:
        HttpError: With Nova's message: 400 for what is wrong or unknown, 409 for what is ambiguous.
    """
    fields = _fields(request)
    project, user = request.caller.project, request.caller.user
    if project is None:
        raise request.denied("servers:create")
    _check_keys(fields, request.minor)
    image = _image(request.world, fields)
    flavor = _flavor(request.world, fields)
    if image is not None and image.min_memory_mib > flavor.memory_mib:
        raise _refused("flavor_memory_too_small")
    typed = _typed(fields)
    zone, _, forced = typed.availability_zone.partition(":")
    if zone and zone not in {host.zone for host in request.world.hosts.values()}:
        raise _refused("zone_not_available")
    key_name = fields.get("key_name")
    if key_name is not None and key_name != key_of(user):
        raise _refused("key_not_found")
    for group in typed.security_groups:
        if group.get("name") != "default":
            text = f"Unable to find security_group with name or id {group.get('name')!r}"
            raise HttpError(400, text)
    return ServerRequest(
        name=str(fields["name"]),
        flavor=flavor,
        image=image,
        network=_network(request.world, fields, project),
        zone=zone,
        key_name=None if key_name is None else str(key_name),
        description=typed.description,
        metadata=typed.metadata,
        tags=typed.tags,
        host=_host(request, typed.host, forced),
        count=max(typed.min_count, typed.max_count),
        project=project,
        user=user,
    )


def _fields(request: Request) -> dict[str, object]:
    try:
        return request.json(_Body).server
    except msgspec.ValidationError as error:
        raise HttpError(400, "'server' is a required property") from error
    except msgspec.DecodeError as error:
        raise HttpError(400, "Malformed request body") from error


def _check_keys(fields: dict[str, object], minor: int) -> None:
    required = ["name", "flavorRef", *(["networks"] if minor >= _NETWORKS_REQUIRED_SINCE else [])]
    for name in fields:
        if name not in _KNOWN or minor < _SINCE.get(name, 0):
            why = f"Additional properties are not allowed ({name!r} was unexpected)"
            raise _invalid("server", fields, why)
    for name in required:
        if name not in fields:
            raise _invalid("server", fields, f"{name!r} is a required property")
    if fields["name"] == "":
        raise _invalid("name", "", "'' is too short")


def _typed(fields: dict[str, object]) -> _Typed:
    try:
        return msgspec.convert(fields, _Typed, strict=False)  # Nova takes "1" for a number, too
    except msgspec.ValidationError as error:
        found = _WHERE.search(str(error))
        name = found[1] if found else "server"
        raise _invalid(name, fields.get(name), str(error)) from error


def _host(request: Request, requested: str, forced: str) -> Host | None:
    """The host that an administrator requested, by `host` or by `zone:host`; None for any."""
    if not requested and not forced:
        return None
    if not request.caller.is_admin:
        rule = "compute:servers:create:requested_destination" if requested else ""
        text = f"Policy doesn't allow {rule or 'os_compute_api:servers:create:forced_host'} to be performed."
        raise HttpError(403, text)
    host = request.world.hosts.get(requested or forced)
    if host is None:
        raise HttpError(400, f"Compute host {requested or forced} could not be found.")
    return host


def _flavor(world: World, fields: dict[str, object]) -> Flavor:
    identity = str(fields["flavorRef"]).rpartition("/")[2]
    flavor = world.flavors.get(identity)
    if flavor is None:
        raise HttpError(400, f"Flavor {identity} could not be found.")
    return flavor


def _image(world: World, fields: dict[str, object]) -> Image | None:
    """None for a server that boots from a volume."""
    identity = str(fields.get("imageRef") or "")
    if not identity:
        if "block_device_mapping_v2" in fields or "block_device_mapping" in fields:
            return None
        raise HttpError(400, "Missing imageRef attribute")
    image = world.images.get(identity)
    if image is None:
        raise _refused("image_not_found")
    if image.status != "active":
        raise HttpError(400, f"Image {identity} is not active.")
    return image


def _network(world: World, fields: dict[str, object], project: Project) -> Network | None:
    requested = fields.get("networks", "auto")
    if requested == "none":
        return None
    visible = [network for network in (project.network, world.shared) if network is not None]
    if requested == "auto" or not isinstance(requested, list) or not requested:
        if len(visible) > 1:
            raise _refused("networks_ambiguous", 409)
        return visible[0] if visible else None
    identity = requested[0].get("uuid") if isinstance(requested[0], dict) else None
    for network in visible:
        if network.id == identity:
            return network
    if world.external is not None and identity == world.external.id:
        raise HttpError(403, f"It is not allowed to create an interface on external network {identity}")
    raise HttpError(400, f"Network {identity} could not be found.")


def _refused(name: str, status: int = 400) -> HttpError:
    return HttpError(status, BOOT_ERRORS[name].text)


def _invalid(field: str, value: object, why: str) -> HttpError:
    return HttpError(400, f"Invalid input for field/attribute {field}. Value: {value}. {why}")
