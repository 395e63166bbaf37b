"""Looks up what a description of a VM names. Sources: GET /flavors/detail and /os-availability-zone of Nova,
/v2/images of Glance, /v2.0/networks of Neutron; any role.

Each is one request; only for an error message a second one lists the names that exist.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, TypeVar

import msgspec

from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.lifecycle import Resolved, RunReason, StepError
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Id, Text
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query, fields_of
from stratoscope.clouds.openstack.lifecycle.description import NO_NETWORK, Description

_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_NEAREST: Final = 5
_COMPARED: Final = 1000
"""Names among which the nearest are looked for, which takes 25 ms: those with the same first letter first."""
_ACTIVE: Final = "active"


class Flavor(msgspec.Struct, frozen=True):
    """One of `flavors`; `ram` in MiB."""

    id: Id
    name: Text
    vcpus: int
    ram: int


class Image(msgspec.Struct, frozen=True):
    id: Id
    status: Text
    name: Text | None = None


class Network(msgspec.Struct, frozen=True, rename={"is_external": "router:external", "is_shared": "shared"}):
    id: Id
    name: Text = ""
    is_external: bool = False
    is_shared: bool = False
    project_id: Id = ""


class _ZoneState(msgspec.Struct, frozen=True):
    available: bool


class _Zone(msgspec.Struct, frozen=True, rename={"name": "zoneName", "state": "zoneState"}):
    name: Text
    state: _ZoneState


class _Zones(msgspec.Struct, frozen=True, rename={"zones": "availabilityZoneInfo"}):
    zones: list[_Zone]


T = TypeVar("T", Flavor, Image, Network)

_FLAVORS: Final = Listing("compute", "/flavors/detail", "flavors", Flavor)
_IMAGES: Final = Listing("image", "/v2/images", "images", Image)
_NETWORKS: Final = Listing("network", "/v2.0/networks", "networks", Network)


@dataclass(frozen=True, slots=True)
class Plan:
    """Attributes: network_id: None for no network."""

    flavor: Flavor
    image_id: str
    network_id: str | None


async def resolve(api: Api, described: Description) -> Resolved:
    """What a description stands for now. Raises StepError, and as Api."""
    flavor = await _flavor(api, described.flavor)
    image = await _image(api, described.image)
    network_id = await _network(api, described.network)
    if described.zone:
        await _check_zone(api, described.zone)
    return Resolved(image.id, Plan(flavor, image.id, network_id))


async def _flavor(api: Api, wanted: str) -> Flavor:
    """By id or by name; Nova lets no two flavors have the same name."""
    flavors, _ = await api.items(_FLAVORS, {**WHOLE_PAGE, "is_public": "None"})
    for found in (
        [one for one in flavors if one.id == wanted],
        [one for one in flavors if one.name == wanted],
    ):
        if found:
            return _only(found, "flavor", wanted)
    raise _unknown("flavor", wanted, (one.name for one in flavors))


async def _image(api: Api, wanted: str) -> Image:
    """The only active one of this name, or the one of this id."""
    found = await _image_of_id(api, wanted) if _UUID.fullmatch(wanted) else []
    if not found:
        found, _ = await api.items(_IMAGES, {**WHOLE_PAGE, "name": wanted})
    active = [one for one in found if one.status == _ACTIVE]
    if active:
        return _only(active, "image", wanted)
    if found:
        states = ", ".join(sorted({one.status for one in found}))
        raise StepError(RunReason.IMAGE, f"image {wanted!r} is not active: {states}")
    images, _ = await api.items(_IMAGES, WHOLE_PAGE)
    raise _unknown("image", wanted, (one.name or "" for one in images if one.status == _ACTIVE))


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
        return _only(found, "network", wanted).id
    networks, _ = await api.items(_NETWORKS, _networks_query())
    raise _unknown("network", wanted, (one.name for one in networks))


async def _default_network(api: Api) -> Network:
    """The only network that Nova would choose from: the project's own ones, and the shared ones."""
    networks, _ = await api.items(_NETWORKS, _networks_query())
    project_id = (await api.access()).project_id
    found = [one for one in networks if one.is_shared or one.project_id == project_id]
    usable = [one for one in found if not one.is_external]
    if len(usable) == 1:
        return usable[0]
    names = ", ".join(sorted(one.name for one in usable)[:_NEAREST]) or "none"
    what = f"network: the project may use {len(usable)} networks ({names}); name one"
    raise StepError(RunReason.PROBE_MISCONFIGURED, what)


def _networks_query(*more: tuple[str, str]) -> Query:
    return [*fields_of(Network), *more]


async def _check_zone(api: Api, wanted: str) -> None:
    found = await api.get("compute", "/os-availability-zone", _Zones, operation="availability_zones")
    states = {one.name: one.state.available for one in found.zones}
    if wanted not in states:
        raise _unknown("zone", wanted, states)
    if not states[wanted]:
        raise StepError(RunReason.NO_VALID_HOST, f"zone {wanted!r} is not available")


def _only(found: Sequence[T], what: str, wanted: str) -> T:
    """The only one. Raises StepError for several."""
    if len(found) > 1:
        ids = ", ".join(sorted(one.id for one in found)[:_NEAREST])
        text = f"{what}: {len(found)} have the name {wanted!r}; name one by its id: {ids}"
        raise StepError(RunReason.PROBE_MISCONFIGURED, text)
    return found[0]


def _unknown(what: str, wanted: str, known: Iterable[str]) -> StepError:
    """An error with the nearest names that exist; for a name unlike all of them with the first ones."""
    names = sorted({one for one in known if one})
    compared = sorted(names, key=lambda one: one[0] != wanted[0])[:_COMPARED]
    nearest = get_close_matches(wanted, compared, _NEAREST) or names[:_NEAREST]
    text = f"{what}: the project has no {wanted!r}; the nearest it has: {', '.join(nearest) or 'none at all'}"
    return StepError(RunReason.PROBE_MISCONFIGURED, text)
