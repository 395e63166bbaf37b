"""The body of POST /servers, checked as Nova checks it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from stratoscope.demo.openstack.http_errors import BOOT_ERRORS
from stratoscope.demo.openstack.http_request import HttpError, Request
from stratoscope.demo.world.models import VM, Flavor, Host, Image, Network, Project, Volume
from stratoscope.demo.world.seed.vms import key_of


class _Mapping(msgspec.Struct):
    """An entry of block_device_mapping_v2: a volume."""

    uuid: str
    delete_on_termination: bool = False
    boot_index: int | None = None


class _Server(
    msgspec.Struct,
    forbid_unknown_fields=True,
    rename={
        "image": "imageRef",
        "flavor": "flavorRef",
        "zone": "availability_zone",
        "volumes": "block_device_mapping_v2",
    },
):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    flavor: str
    image: str = ""
    networks: Annotated[list[dict[str, str]], msgspec.Meta(min_length=1)] | Literal["none", "auto"] = "auto"
    zone: str = ""
    volumes: list[_Mapping] = []
    security_groups: list[dict[str, str]] = []
    key_name: str | None = None
    description: str | None = None
    metadata: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    host: str = ""


class _Body(msgspec.Struct):
    server: _Server


def read(request: Request) -> tuple[VM, Sequence[tuple[Volume, bool]]]:
    """What a body requests: a VM, not yet added to the world, whose quota is still to be checked; and the
    volumes that it has from the beginning, each with whether it is deleted with the VM.

    Raises:
        HttpError: With Nova's message: 400 for what is wrong or unknown, 409 for what is ambiguous.
    """
    project, user, world = request.caller.project, request.caller.user, request.world
    if project is None:
        raise request.denied("servers:create")
    wanted = request.body(_Body).server
    image, flavor = _image(request, wanted), find_flavor(request, wanted.flavor)
    check_memory(image, flavor)
    zone, _, forced = wanted.zone.partition(":")
    if zone and zone not in {host.zone for host in world.hosts.values()}:
        raise _refused("zone_not_available")
    if wanted.key_name not in (None, key_of(user)):
        raise _refused("key_not_found")
    for group in wanted.security_groups:
        if group != {"name": "default"}:
            raise HttpError(400, f"Unable to find security_group with name or id {group.get('name')!r}")
    host, network = _host(request, wanted.host, forced), _network(request, wanted, project)
    volumes = [*_volumes(request, wanted.volumes)]
    vm = VM(
        serial=world.serial(),
        id=world.dice.uuid(),
        name=wanted.name,
        project=project,
        user=user,
        flavor=flavor,
        image=image,
        network=network,
        zone=zone,
        created=world.now,
        updated=world.now,
        key_name=wanted.key_name,
        description=wanted.description,
        metadata=wanted.metadata,
        tags=wanted.tags,
        requested_host=host,
        is_tame=True,
    )
    return vm, volumes


def find_flavor(request: Request, identity: str) -> Flavor:
    flavor = request.world.flavors.get(identity)
    if flavor is None:
        raise HttpError(400, f"Flavor {identity} could not be found.")
    return flavor


def check_memory(image: Image | None, flavor: Flavor) -> None:
    if image is not None and image.min_memory_mib > flavor.memory_mib:
        raise _refused("flavor_memory_too_small")


def visible_volume(request: Request, identity: str) -> Volume | None:
    """The volume of an id; None for an unknown one and for one of another project."""
    volume = request.world.volumes.get(identity)
    return volume if volume is not None and request.caller.owns(volume.project) else None


def check_free(volume: Volume) -> None:
    """Raise HttpError unless a volume can be reserved: in Cinder's words, as Nova passes them on."""
    if volume.status != "available":
        text = (
            f"Invalid input received: Invalid volume: Volume {volume.id} status must be available or "
            f"downloading to reserve, but the current status is {volume.status}."
        )
        raise HttpError(400, text)


def _host(request: Request, requested: str, forced: str) -> Host | None:
    """The host that an administrator requested, by `host` or by `zone:host`; None for any."""
    if not requested and not forced:
        return None
    if not request.caller.is_admin:
        raise HttpError(
            403, "Policy doesn't allow compute:servers:create:requested_destination to be performed."
        )
    host = request.world.hosts.get(requested or forced)
    if host is None:
        raise HttpError(400, f"Compute host {requested or forced} could not be found.")
    return host


def _image(request: Request, wanted: _Server) -> Image | None:
    """None for a server that boots from a volume."""
    if wanted.volumes and not wanted.image:
        return None
    image = request.world.images.get(wanted.image)
    if image is None:
        raise _refused("image_not_found")
    if image.status != "active":
        raise HttpError(400, f"Image {image.id} is not active.")
    return image


def _network(request: Request, wanted: _Server, project: Project) -> Network | None:
    if wanted.networks == "none":
        return None
    visible = [network for network in (project.network, request.world.shared) if network is not None]
    if wanted.networks == "auto":
        if len(visible) > 1:
            raise _refused("networks_ambiguous", 409)
        return visible[0] if visible else None
    if request.world.external is not None:
        visible.append(request.world.external)  # Nova accepts it, and no port can be made then
    identity = wanted.networks[0].get("uuid")
    for network in visible:
        if network.id == identity:
            return network
    raise HttpError(400, f"Network {identity} could not be found.")


def _volumes(request: Request, mappings: Iterable[_Mapping]) -> Iterator[tuple[Volume, bool]]:
    for one in mappings:
        volume = visible_volume(request, one.uuid)
        if volume is None:
            raise HttpError(400, f"Block Device Mapping is Invalid: failed to get volume {one.uuid}.")
        check_free(volume)
        if one.boot_index == 0 and not volume.has_image:
            raise HttpError(400, f"Block Device {volume.id} is not bootable.")
        yield volume, one.delete_on_termination


def _refused(name: str, status: int = 400) -> HttpError:
    return HttpError(status, BOOT_ERRORS[name].text)
