"""A server of a probe: the request for it, and what Nova shows of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from stratoscope.clouds.lifecycle import Mark, Object, Phase, RunReason, StepError, Underway
from stratoscope.clouds.openstack.client.fields import Id, PathId, Text
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.clouds.openstack.compute.faults import fault_reason
from stratoscope.clouds.openstack.lifecycle.description import NO_NETWORK, Description
from stratoscope.clouds.openstack.lifecycle.marks import LONGEST_VALUE, mark_in, metadata
from stratoscope.clouds.openstack.lifecycle.resolve import Plan

SERVER: Final = "server"
"""The kind of its Object."""
VERSION: Final = "2.74"
"""The newest microversion that a request needs: the first with `host`."""
_WITH_DESCRIPTION: Final = "2.19"
_WITH_TAGS: Final = "2.52"
VERSIONS: Final = (VERSION, _WITH_DESCRIPTION, _WITH_TAGS)
"""Those that add a key to the request."""

_LONGEST_TAG: Final = 60
_ACTIVE: Final = "ACTIVE"
_ERROR: Final = "ERROR"
_FLOATING: Final = "floating"


class Accepted(msgspec.Struct, frozen=True):
    """What Nova answers; the password that it made is not read."""

    id: PathId


class AcceptedAnswer(msgspec.Struct, frozen=True):
    server: Accepted


class _Address(msgspec.Struct, frozen=True, rename={"sort": "OS-EXT-IPS:type"}):
    addr: Text
    sort: Text = ""


class _Flavor(msgspec.Struct, frozen=True):
    """Attributes: id: Only before microversion 2.47."""

    id: Id = ""


class _Fault(msgspec.Struct, frozen=True):
    message: Text = ""


class Server(msgspec.Struct, frozen=True, rename={"host": "OS-EXT-SRV-ATTR:host", "host_id": "hostId"}):
    """One of `servers`.

    Attributes:
        host: Only administrators get it.
        host_id: A digest of project and host.
    """

    id: PathId
    status: Text
    name: Text = ""
    host: Id | None = None
    host_id: Id | None = None
    addresses: dict[str, list[_Address]] = {}
    flavor: _Flavor = _Flavor()
    fault: _Fault | None = None
    metadata: dict[str, str] = {}

    @property
    def all_addresses(self) -> Sequence[str]:
        """Those of all networks; floating ones come first."""
        found = [one for of_network in self.addresses.values() for one in of_network]
        return tuple(one.addr for one in sorted(found, key=lambda one: one.sort != _FLOATING))

    @property
    def is_built(self) -> bool:
        return self.status == _ACTIVE

    @property
    def failure(self) -> StepError | None:
        """Why it will never run; None unless it is in error."""
        if self.status != _ERROR:
            return None
        text = self.fault.message if self.fault is not None else ""
        return StepError(RunReason(fault_reason(text)), text or "in ERROR, and Nova does not say why")

    @property
    def mark(self) -> Mark | None:
        """None for a server that no probe made."""
        return mark_in(self.metadata)

    @property
    def object(self) -> Object:
        return Object(SERVER, self.id, self.name, self.mark)


class ServerAnswer(msgspec.Struct, frozen=True):
    server: Server


SERVERS: Final = Listing("compute", "/servers/detail", "servers", Server)


class Place(NamedTuple):
    """Where a VM must be; "" for anywhere."""

    zone: str
    host: str


def body(described: Description, run: Underway, place: Place, knows: Mapping[str, bool]) -> Mapping[str, Any]:
    """The body of POST /servers. Args: knows: Which of VERSIONS Nova has."""
    plan: Plan = run.resolved.plan
    mark = run.mark
    server: dict[str, Any] = {
        "name": mark.name,
        "flavorRef": plan.flavor.id,
        **_boots_from(plan, run),
        "networks": NO_NETWORK if plan.network_id is None else [{"uuid": plan.network_id}],
        "metadata": metadata(mark),
    }
    if described.security_groups:
        server["security_groups"] = [{"name": one} for one in described.security_groups]
    if described.key_name:
        server["key_name"] = described.key_name
    if place.zone:
        server["availability_zone"] = place.zone
    if place.host and knows[VERSION]:
        server["host"] = place.host
    elif place.host:  # it skips the scheduler's filters
        server["availability_zone"] = f"{place.zone}:{place.host}"
    if knows[_WITH_DESCRIPTION]:
        server["description"] = f"Created by the probe {mark.probe}; it deletes it."[:LONGEST_VALUE]
    if knows[_WITH_TAGS] and _is_tag(mark.tag):
        server["tags"] = [mark.tag]
    return {"server": server}


def _boots_from(plan: Plan, run: Underway) -> Mapping[str, Any]:
    """The image, or the volume of an earlier step, which the run deletes itself."""
    volume = run.objects.get(Phase.VOLUME_CREATED)
    if volume is None:
        return {"imageRef": plan.image_id}
    mapping = {"source_type": "volume", "destination_type": "volume", "uuid": volume.id}
    return {"block_device_mapping_v2": [{**mapping, "boot_index": 0, "delete_on_termination": False}]}


def _is_tag(text: str) -> bool:
    """Whether Nova takes a text as a tag."""
    return 0 < len(text) <= _LONGEST_TAG and not {*"/,"} & {*text}
