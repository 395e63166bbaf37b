"""Placement: a resource provider for each host, none nested or shared; allocations and candidates."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from stratoscope.demo.openstack.collection import Collection
from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.placement import resources
from stratoscope.demo.openstack.service import Microversions, Route, Service
from stratoscope.demo.world.models import Host

_HAS_TREES: Final = 14
_SUMS_UP: Final = 27
_HAS_TRAITS: Final = 17
_HAS_TYPES: Final = 38


class Placement(Service):
    """Microversions 1.0 to 1.39 of its API."""

    kind, name, prefix, version = "placement", "placement", "/placement", "v1.0"
    denial = "Policy does not allow placement:{} to be performed."
    microversions = Microversions("placement", 1)
    newest = 39

    def own_routes(self) -> Iterable[Route]:
        yield _PROVIDERS.route
        for name in _PARTS:
            path, rule = f"/resource_providers/{{rp}}/{name}", f"resource_providers:{name}:list"
            yield Route("GET", path, partial(_part, name), rule, _SINCE.get(name, 0))
        yield Route("GET", "/allocations/{consumer}", _consumer, "allocations:list")
        yield Route("GET", "/allocation_candidates", _candidates, "allocation_candidates:list", since=10)


def _provider(request: Request, host: Host) -> Json:
    shown: Json = {"uuid": host.id, "name": host.name, "generation": host.generation}
    trees = {"parent_provider_uuid": None, "root_provider_uuid": host.id}
    return shown | (trees if request.since(_HAS_TREES) else {})


_PROVIDERS: Final = Collection(
    "/resource_providers", lambda world: world.hosts.values(), _provider, rule="resource_providers:list"
)


def _host(request: Request) -> Host:
    for host in request.world.hosts.values():
        if host.id == request.args["rp"]:
            return host
    raise HttpError(404, f"No resource provider with uuid {request.args['rp']} found")


_PARTS: Final[Mapping[str, Callable[[Host], object]]] = {
    "inventories": resources.inventories,
    "usages": resources.uses,
    "traits": lambda host: sorted(resources.traits(host)),
    "allocations": lambda host: {
        one: {"resources": resources.by_class(claim)} for one, claim in host.claims.items()
    },
}
"""What a provider has."""
_SINCE: Final = {"traits": 6}
"""The minor number of the microversion that has brought a part."""


def _part(name: str, request: Request) -> Response:
    host = _host(request)
    return Response({"resource_provider_generation": host.generation, name: _PARTS[name](host)})


def _consumer(request: Request) -> Response:
    """What a VM or a migration has, as Nova made it: it gives its consumers no type."""
    consumer = request.args["consumer"]
    found: Json = {
        host.id: {"resources": resources.by_class(host.claims[consumer]), "generation": host.generation}
        for host in request.world.hosts.values()
        if consumer in host.claims
    }
    types: Json = {"consumer_type": "unknown"} if found and request.since(_HAS_TYPES) else {}
    return Response({"allocations": found, **types})


def _candidates(request: Request) -> Response:
    """The hosts that have room for an amount of each class; traits, aggregates and groups do not count."""
    amounts = dict(part.split(":") for part in request.query.get("resources", "").split(",") if part)
    wanted = {name: int(number) for name, number in amounts.items()}
    hosts = [host for host in request.world.hosts.values() if resources.has_room(host, wanted)]
    limit = request.query.get("limit")
    shown = hosts[: None if limit is None else int(limit)]
    summaries = {host.id: _summary(request, host, wanted) for host in shown}
    requests = [{"allocations": {host.id: {"resources": wanted}}} for host in shown]
    return Response({"allocation_requests": requests, "provider_summaries": summaries})


def _summary(request: Request, host: Host, wanted: dict[str, int]) -> Json:
    used = resources.uses(host)
    known = {
        name: {"capacity": capacity, "used": used[name]}
        for name, capacity in resources.capacities(host).items()
        if request.since(_SUMS_UP) or name in wanted
    }
    more = {"traits": sorted(resources.traits(host))} if request.since(_HAS_TRAITS) else {}
    return {"resources": known, **more}
