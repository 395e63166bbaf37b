"""The catalogue: which service is where, for whom."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stratoscope.demo.openstack.asking import Ask, Json
from stratoscope.demo.openstack.ids import Dice
from stratoscope.demo.openstack.service import Service

REGION: Final = "RegionOne"
_INTERFACES: Final = ("public", "internal", "admin")


@dataclass(frozen=True, slots=True)
class Endpoint:
    endpoint_id: str
    interface: str
    path: str

    def shown(self, ask: Ask) -> Json:
        """As it stands in the catalogue."""
        return {
            "id": self.endpoint_id,
            "interface": self.interface,
            "region_id": REGION,
            "url": f"{ask.request.scheme}://{ask.request.host}{self.path}",
            "region": REGION,
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """One service of the catalogue."""

    service_id: str
    kind: str
    name: str
    endpoints: tuple[Endpoint, ...]

    def shown(self, ask: Ask) -> Json:
        endpoints = [endpoint.shown(ask) for endpoint in self.endpoints]
        return {"endpoints": endpoints, "id": self.service_id, "type": self.kind, "name": self.name}


def catalogue(services: Iterable[Service], dice: Dice) -> list[Entry]:
    """All services, each with an endpoint for every interface."""
    return [
        Entry(
            dice.hex_id(),
            service.kind,
            service.name,
            tuple(
                Endpoint(dice.hex_id(), interface, service.prefix + service.endpoint)
                for interface in _INTERFACES
            ),
        )
        for service in services
    ]
