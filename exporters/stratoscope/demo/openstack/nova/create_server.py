"""The body of POST /servers, checked as Nova checks it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from stratoscope.demo.openstack.http_errors import BOOT_ERRORS
from stratoscope.demo.openstack.http_request import HttpError, Request
from stratoscope.demo.openstack.nova.attach_volume import check_free, visible_volume
from stratoscope.demo.world.models import VM, Flavor, Host, Image, Network, Project, User, Volume
from stratoscope.demo.world.seed.vms import key_of
from stratoscope.demo.world.world import World

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
    """A valid request for some equal VMs; the quota is still to be checked.

    Attributes: volumes: Those that it has from the beginning, each with whether it is deleted with the VM.
    """

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
    volumes: tuple[tuple[Volume, bool], ...]
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


class _Mapping(msgspec.Struct):
    """An entry of block_device_mapping_v2."""

    source_type: str = ""
    uuid: str = ""
    delete_on_termination: bool = False
    boot_index: int | None = None


class _Typed(msgspec.Struct):
    """The fields whose types Nova checks."""

    min_count: int = 1
    max_count: int = 1
    metadata: dict[str, str] = {}
    security_groups: list[dict[str, str]] = []
    description: str | None = None
    tags: tuple[str, ...] = ()
    host: str = ""
    availability_zone: str = ""
    block_device_mapping_v2: list[_Mapping] = []


def read(request: Request) -> ServerRequest:
    """The server request in a body.

    Raises:
        HttpError: With Nova's message: 400 for what is wrong or unknown, 409 for what is ambiguous.
    """
    fields = request.body(_Body, lacks="'server' is a required property").server
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
        volumes=tuple(_volumes(request, typed.block_device_mapping_v2)),
        count=max(typed.min_count, typed.max_count),
        project=project,
        user=user,
    )


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
    for field, value, why in _wrong(fields):
        raise _invalid(field, value, why)
    try:
        return msgspec.convert(fields, _Typed, strict=False)  # Nova takes "1" for a number, too
    except msgspec.ValidationError as error:
        found = _WHERE.search(str(error))
        name = found[1] if found else "server"
        raise _invalid(name, fields.get(name), str(error)) from error


def _wrong(fields: dict[str, object]) -> Iterator[tuple[str, object, str]]:
    """The values that jsonschema refuses: field, value and why in its words."""
    for name in ("min_count", "max_count"):
        count = fields.get(name, 1)
        if isinstance(count, str) and not count.isdecimal():
            yield name, count, f"{count!r} does not match '^[0-9]*$'"
        elif isinstance(count, int) and count < 1:
            yield name, count, f"{count} is less than the minimum of 1"
    metadata, tags = fields.get("metadata", {}), fields.get("tags", [])
    if not isinstance(metadata, dict):
        yield "metadata", metadata, f"{metadata!r} is not of type 'object'"
        return
    for key, value in metadata.items():
        if not isinstance(value, str):
            yield key, value, f"{value!r} is not of type 'string'"
    for number, tag in enumerate(tags if isinstance(tags, list) else ()):
        if isinstance(tag, str) and {*",/"} & {*tag}:
            yield str(number), tag, f"{tag!r} does not match '^[^,/]*$'"


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
        return world.external  # Nova accepts it, and no port can be made then
    raise HttpError(400, f"Network {identity} could not be found.")


def _volumes(request: Request, mappings: Iterable[_Mapping]) -> Iterator[tuple[Volume, bool]]:
    """The volumes that the mappings name; what is to be made of images is none yet."""
    for one in mappings:
        if one.source_type != "volume":
            continue
        volume = visible_volume(request, one.uuid)
        if volume is None:
            raise HttpError(400, f"Block Device Mapping is Invalid: failed to get volume {one.uuid}.")
        check_free(request, volume, "Invalid volume: ")
        if one.boot_index == 0 and not volume.has_image:
            raise HttpError(400, f"Block Device {volume.id} is not bootable.")
        yield volume, one.delete_on_termination


def _refused(name: str, status: int = 400) -> HttpError:
    return HttpError(status, BOOT_ERRORS[name].text)


def _invalid(field: str, value: object, why: str) -> HttpError:
    return HttpError(400, f"Invalid input for field/attribute {field}. Value: {value}. {why}")
