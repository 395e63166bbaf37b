"""What POST /servers asks for, checked as Nova checks it."""

from dataclasses import dataclass
from typing import Final

import msgspec

from stratoscope.demo.openstack.asking import Ask, RefusalError
from stratoscope.demo.openstack.refusals import REFUSALS
from stratoscope.demo.openstack.seed.vms import key_of
from stratoscope.demo.openstack.things import VM, Flavor, Image, Network, Project, User
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


@dataclass(frozen=True, slots=True)
class Order:
    """Some VMs that are alike, ordered by somebody who may have them if the quota allows."""

    name: str
    flavor: Flavor
    image: Image | None
    network: Network | None
    zone: str
    key_name: str | None
    description: str | None
    metadata: dict[str, str]
    count: int
    project: Project
    user: User

    def vm(self, world: World, place: int) -> VM:
        """One of them, as yet unknown to the world."""
        return VM(
            serial=world.serial(),
            vm_id=world.dice.uuid(),
            name=self.name if self.count == 1 else f"{self.name}-{place + 1}",
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
            launch_index=place,
            is_tame=True,
        )


class _Body(msgspec.Struct):
    server: dict[str, object]


class _Count(msgspec.Struct):
    min_count: int = 1
    max_count: int = 0


def read(ask: Ask) -> Order:
    """The order in a request.

    Raises:
        RefusalError: In Nova's words: 400 for what is wrong or not there, 409 for what is not clear.
    """
    said = _said(ask)
    project = ask.who.project
    if project is None:
        raise RefusalError(403, "Policy doesn't allow os_compute_api:servers:create to be performed.")
    _known(said, ask.minor)
    image = _image(ask.world, said)
    flavor = _flavor(ask.world, said)
    if image is not None and image.min_memory_mib > flavor.memory_mib:
        raise _refused("flavor_memory_too_small")
    zone = str(said.get("availability_zone", "")).partition(":")[0]
    if zone and zone not in {host.zone for host in ask.world.hosts.values()}:
        raise _refused("zone_not_available")
    key_name = said.get("key_name")
    if key_name is not None and key_name != key_of(ask.who.user):
        raise _refused("key_not_found")
    _groups(said)
    counts = msgspec.convert(said, _Count)
    return Order(
        name=str(said["name"]),
        flavor=flavor,
        image=image,
        network=_network(ask.world, said, project),
        zone=zone,
        key_name=None if key_name is None else str(key_name),
        description=None if said.get("description") is None else str(said["description"]),
        metadata=msgspec.convert(said.get("metadata", {}), dict[str, str]),
        count=max(counts.min_count, counts.max_count),
        project=project,
        user=ask.who.user,
    )


def _said(ask: Ask) -> dict[str, object]:
    try:
        return ask.json(_Body).server
    except msgspec.ValidationError as error:
        raise RefusalError(400, "'server' is a required property") from error
    except msgspec.DecodeError as error:
        raise RefusalError(400, "Malformed request body") from error


def _known(said: dict[str, object], minor: int) -> None:
    required = ["name", "flavorRef", *(["networks"] if minor >= _NETWORKS_REQUIRED_SINCE else [])]
    for name in said:
        if name not in _KNOWN:
            raise _invalid("server", said, f"Additional properties are not allowed ({name!r} was unexpected)")
    for name in required:
        if name not in said:
            raise _invalid("server", said, f"{name!r} is a required property")
    if said["name"] == "":
        raise _invalid("name", "", "'' is too short")


def _flavor(world: World, said: dict[str, object]) -> Flavor:
    wanted = str(said["flavorRef"]).rpartition("/")[2]
    flavor = world.flavors.get(wanted)
    if flavor is None:
        raise RefusalError(400, f"Flavor {wanted} could not be found.")
    return flavor


def _image(world: World, said: dict[str, object]) -> Image | None:
    """None for one that boots from a volume."""
    wanted = str(said.get("imageRef") or "")
    if not wanted:
        if "block_device_mapping_v2" in said or "block_device_mapping" in said:
            return None
        raise RefusalError(400, "Missing imageRef attribute")
    image = world.images.get(wanted)
    if image is None:
        raise _refused("image_not_found")
    if image.status != "active":
        raise RefusalError(400, f"Image {wanted} is not active.")
    return image


def _network(world: World, said: dict[str, object], project: Project) -> Network | None:
    wanted = said.get("networks", "auto")
    if wanted == "none":
        return None
    visible = [network for network in (project.network, world.shared) if network is not None]
    if wanted == "auto" or not isinstance(wanted, list) or not wanted:
        if len(visible) > 1:
            raise _refused("networks_ambiguous", 409)
        return visible[0] if visible else None
    identity = wanted[0].get("uuid") if isinstance(wanted[0], dict) else None
    for network in visible:
        if network.network_id == identity:
            return network
    if world.external is not None and identity == world.external.network_id:
        raise RefusalError(403, f"It is not allowed to create an interface on external network {identity}")
    raise RefusalError(400, f"Network {identity} could not be found.")


def _groups(said: dict[str, object]) -> None:
    for group in msgspec.convert(said.get("security_groups", []), list[dict[str, str]]):
        if group.get("name") != "default":
            text = f"Unable to find security_group with name or id {group.get('name')!r}"
            raise RefusalError(400, text)


def _refused(name: str, status: int = 400) -> RefusalError:
    return RefusalError(status, REFUSALS[name].text)


def _invalid(field: str, value: object, why: str) -> RefusalError:
    return RefusalError(400, f"Invalid input for field/attribute {field}. Value: {value}. {why}")
