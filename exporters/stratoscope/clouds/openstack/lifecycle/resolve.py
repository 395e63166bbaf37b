"""Looks up what a description of a VM names. Sources: GET /flavors/detail and /os-availability-zone of Nova,
/v2/images of Glance, /v2.0/networks of Neutron, /types of Cinder; any role.

Each is one request, and the external network of a floating IP one more; only for an error message another one
lists the names that exist.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.lifecycle import Resolved, RunReason, StepError
from stratoscope.clouds.nearest_names import NEAREST, only, unknown
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Id, Text
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query, fields_of
from stratoscope.clouds.openstack.lifecycle.description import NO_NETWORK, Description
from stratoscope.clouds.openstack.lifecycle.errors import is_left_out
from stratoscope.core.errors import LeftOutError

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_ACTIVE: Final = "active"


class Flavor(msgspec.Struct, frozen=True):
    """One of `flavors`; `ram` in MiB."""

    id: Id
    name: Text
    vcpus: int
    ram: int


class _Source(msgspec.Struct, frozen=True):
    """A disk of an image that was made of a VM with volumes."""

    snapshot_id: Id | None = None
    delete_on_termination: bool | None = None


class Image(msgspec.Struct, frozen=True, rename={"disks": "block_device_mapping"}):
    """Attributes: disks: JSON; only of images that were made of VMs with volumes."""

    id: Id
    status: Text
    name: Text | None = None
    disks: Text | None = None

    @property
    def leaves_volumes(self) -> bool:
        """Whether Nova makes volumes for each VM of it that it does not delete with the VM."""
        try:
            sources = msgspec.json.decode(self.disks or "[]", type=list[_Source])
        except (msgspec.DecodeError, RecursionError):
            return False
        return any(one.snapshot_id and not one.delete_on_termination for one in sources)


class Network(msgspec.Struct, frozen=True, rename={"is_external": "router:external", "is_shared": "shared"}):
    id: Id
    name: Text = ""
    is_external: bool = False
    is_shared: bool = False
    project_id: Id = ""


class _VolumeType(msgspec.Struct, frozen=True):
    id: Id
    name: Text


class _ZoneState(msgspec.Struct, frozen=True):
    available: bool


class _Zone(msgspec.Struct, frozen=True, rename={"name": "zoneName", "state": "zoneState"}):
    name: Text
    state: _ZoneState


class _Zones(msgspec.Struct, frozen=True, rename={"zones": "availabilityZoneInfo"}):
    zones: list[_Zone]


_FLAVORS: Final = Listing("compute", "/flavors/detail", "flavors", Flavor)
_IMAGES: Final = Listing("image", "/v2/images", "images", Image)
_NETWORKS: Final = Listing("network", "/v2.0/networks", "networks", Network)
_VOLUME_TYPES: Final = Listing("block-storage", "/types", "volume_types", _VolumeType)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a description stands for.

    Attributes:
        network_id: None for no network.
        floating_network_id: Of the external network; "" for no floating IP.
        resize_flavor: None for no resize.
    """

    flavor: Flavor
    image_id: str
    network_id: str | None
    floating_network_id: str = ""
    resize_flavor: Flavor | None = None


async def resolve(api: Api, described: Description) -> Resolved:
    """What a description stands for now. Raises StepError, and as Api."""
    flavors, _ = await api.items(_FLAVORS, {**WHOLE_PAGE, "is_public": "None"})
    flavor = _flavor(flavors, described.flavor, "flavor")
    resize_flavor = _flavor(flavors, described.resize, "resize") if described.resize else None
    if resize_flavor is not None and resize_flavor.id == flavor.id:
        what = f"resize: {described.resize!r} is the flavor that the VM has; name another"
        raise StepError(RunReason.PROBE_MISCONFIGURED, what)
    image = await _image(api, described.image)
    network_id = await _network(api, described.network)
    if described.zone:
        await _check_zone(api, described.zone)
    floating_id = await _external_network(api, described.floating_ip) if described.floating_ip else ""
    if described.volume_type:
        await _check_volume_type(api, described.volume_type)
    return Resolved(image.id, Plan(flavor, image.id, network_id, floating_id, resize_flavor))


def _flavor(flavors: Sequence[Flavor], wanted: str, key: str) -> Flavor:
    """By id or by name; Nova lets no two flavors have the same name."""
    for found in (
        [one for one in flavors if one.id == wanted],
        [one for one in flavors if one.name == wanted],
    ):
        if found:
            return only(found, key, wanted)
    raise unknown(key, wanted, (one.name for one in flavors))


async def _image(api: Api, wanted: str) -> Image:
    """The only active one of this name, or the one of this id."""
    found = await _image_of_id(api, wanted) if _UUID.fullmatch(wanted) else []
    if not found:
        found, _ = await api.items(_IMAGES, {**WHOLE_PAGE, "name": wanted})
    active = [one for one in found if one.status == _ACTIVE]
    if active and (image := only(active, "image", wanted)).leaves_volumes:
        what = f"image {wanted!r} is of snapshots: each VM would leave volumes that Nova does not delete"
        raise StepError(RunReason.PROBE_MISCONFIGURED, what)
    if active:
        return image
    if found:
        states = ", ".join(sorted({one.status for one in found}))
        raise StepError(RunReason.IMAGE, f"image {wanted!r} is not active: {states}")
    images, _ = await api.items(_IMAGES, WHOLE_PAGE)
    raise unknown("image", wanted, (one.name or "" for one in images if one.status == _ACTIVE))


async def _image_of_id(api: Api, image_id: str) -> list[Image]:
    try:
        return [await api.get("image", f"/v2/images/{image_id}", Image, operation="image")]
    except NotThereError:
        return []


async def _network(api: Api, wanted: str) -> str | None:
    """By id or by name; without either the only one that a VM of the project can have."""
    if wanted == NO_NETWORK:
        return None
    if not wanted:
        return (await _default_network(api)).id
    by = "id" if _UUID.fullmatch(wanted) else "name"
    found, _ = await api.items(_NETWORKS, _networks_query((by, wanted)))
    if found:
        return only(found, "network", wanted).id
    networks, _ = await api.items(_NETWORKS, _networks_query())
    raise unknown("network", wanted, (one.name for one in networks))


async def _default_network(api: Api) -> Network:
    """The only network that Nova would choose from: the project's own ones, and the shared ones."""
    networks, _ = await api.items(_NETWORKS, _networks_query())
    project_id = (await api.access()).project_id
    found = [one for one in networks if one.is_shared or one.project_id == project_id]
    usable = [one for one in found if not one.is_external]
    if len(usable) == 1:
        return usable[0]
    names = ", ".join(sorted(one.name for one in usable)[:NEAREST]) or "none"
    what = f"network: the project may use {len(usable)} networks ({names}); name one"
    raise StepError(RunReason.PROBE_MISCONFIGURED, what)


async def _external_network(api: Api, wanted: str) -> str:
    """By id or by name; the project may use others for floating IPs only."""
    networks, _ = await api.items(_NETWORKS, _networks_query(("router:external", "True")))
    found = [one for one in networks if wanted in (one.id, one.name)]
    if found:
        return only(found, "floating_ip", wanted).id
    raise unknown("floating_ip", wanted, (one.name for one in networks))


async def _check_volume_type(api: Api, wanted: str) -> None:
    """Where Cinder is absent, or the credential may not list its types, the step itself says so."""
    try:
        types, _ = await api.items(_VOLUME_TYPES, {"is_public": "None"})
    except LeftOutError as error:
        if not is_left_out(error):
            raise
        return
    if all(wanted not in (one.id, one.name) for one in types):
        raise unknown("volume_type", wanted, (one.name for one in types))


def _networks_query(*more: tuple[str, str]) -> Query:
    return [*fields_of(Network), *more]


async def _check_zone(api: Api, wanted: str) -> None:
    found = await api.get("compute", "/os-availability-zone", _Zones, operation="availability_zones")
    states = {one.name: one.state.available for one in found.zones}
    if wanted not in states:
        raise unknown("zone", wanted, states)
    if not states[wanted]:
        raise StepError(RunReason.NO_VALID_HOST, f"zone {wanted!r} is not available")
