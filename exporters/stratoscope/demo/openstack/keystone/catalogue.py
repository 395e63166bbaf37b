"""The catalogue: the services and their endpoints."""

from typing import Final

from stratoscope.demo.openstack.http_request import Json, Request
from stratoscope.demo.openstack.service import INTERFACES, Service

REGION: Final = "RegionOne"


def entry(request: Request, service: Service) -> Json:
    """A service, with an endpoint for every interface."""
    place = {
        "region_id": REGION,
        "region": REGION,
        "url": f"{request.origin}{service.prefix + service.endpoint}",
    }
    own, *others = service.ids
    endpoints = [
        {"id": one, "interface": name, **place} for name, one in zip(INTERFACES, others, strict=True)
    ]
    return {"id": own, "type": service.kind, "name": service.name, "endpoints": endpoints}
