"""The catalogue: the services and their endpoints."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stratoscope.demo.openstack.http_request import Json, Request
from stratoscope.demo.openstack.service import Service
from stratoscope.demo.world.ids import Dice

REGION: Final = "RegionOne"
_INTERFACES: Final = ("public", "internal", "admin")


@dataclass(frozen=True, slots=True)
class Entry:
    """One service of the catalogue. Attributes: endpoints: Ids by interface."""

    id: str
    service: Service
    endpoints: dict[str, str]

    def view(self, request: Request) -> Json:
        url = f"{request.origin}{self.service.prefix}{self.service.endpoint}"
        endpoints = [
            {"id": identity, "interface": interface, "region_id": REGION, "region": REGION, "url": url}
            for interface, identity in self.endpoints.items()
        ]
        return {"endpoints": endpoints, "id": self.id, "type": self.service.kind, "name": self.service.name}


def catalogue(services: Iterable[Service], dice: Dice) -> list[Entry]:
    """All services, each with an endpoint for every interface."""
    return [
        Entry(dice.hex_id(), service, {interface: dice.hex_id() for interface in _INTERFACES})
        for service in services
    ]
