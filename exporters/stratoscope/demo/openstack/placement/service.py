"""Placement: resource providers, allocations and candidates; versions, microversions, errors."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.placement.resources import (
    CLASSES,
    by_class,
    capacities,
    has_room,
    inventories,
    traits,
    uses,
)
from stratoscope.demo.openstack.service import Route, Service
from stratoscope.demo.openstack.texts import http_date
from stratoscope.demo.world.models import VM, Host
from stratoscope.demo.world.world import World

_EXPLAINED: Final = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    403: "Access was denied to this resource.",
    404: "The resource could not be found.",
    406: "The resource could not be generated that was acceptable to your browser (content of type "
    "application/json. ",
}
"""webob's explanation of each status, before Placement's own message."""
_FILTERS: Final = ("name", "uuid")
_LIMITED_SINCE: Final = 16


class Placement(Service):
    """Resource providers: one for each host, none nested or shared."""

    kind, name, prefix = "placement", "placement", "/placement"
    absent = "  "
    newest = 39

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "", self._versions, is_open=True)
        yield Route("GET", "/", self._versions, is_open=True)
        yield from _ROUTES

    def denied(self, rule: str) -> HttpError:
        return HttpError(403, f"Policy does not allow placement:{rule} to be performed.  ", is_early=True)

    def negotiate(self, request: Request) -> None:
        header = request.raw.headers.get("OpenStack-API-Version", "").lower().strip()
        version = header.removeprefix("placement").strip() if header.startswith("placement") else "1.0"
        if version == "latest":
            version = f"1.{self.newest}"
        match = re.fullmatch(r"(\d+)\.(\d+)", version)
        if match is None:
            text = (
                f"Invalid microversion: invalid version string: {version}; invalid literal for int() with "
                f"base 10: {version!r}  "
            )
            raise HttpError(400, text, is_early=True)
        if match[1] != "1" or int(match[2]) > self.newest:
            text = f"Invalid microversion: Unacceptable version header: {version}"
            raise HttpError(406, text, is_early=True)
        request.minor = int(match[2])

    def error(self, request: Request, error: HttpError) -> Response:
        phrase = HTTPStatus(error.status).phrase
        body: Json = {
            "status": error.status,
            "title": phrase,
            "detail": f"{_EXPLAINED.get(error.status, phrase)}\n\n {error.message}",
            "request_id": request.request_id,
            **request.newer({23: {"code": error.kind or "placement.undefined_code"}}),
        }
        if error.status == HTTPStatus.NOT_ACCEPTABLE:
            body |= {"max_version": f"1.{self.newest}", "min_version": "1.0"}
        return Response({"errors": [body]}, error.status)

    def unknown(self, request: Request) -> Response:
        return self.fail(request, HttpError(404, "  ", is_early=True))

    def headers(self, request: Request, response: Response) -> None:
        knows_version = response.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_ACCEPTABLE)
        if knows_version and not (response.is_early and response.status == HTTPStatus.BAD_REQUEST):
            response.headers["openstack-api-version"] = f"placement 1.{request.minor}"
            if not response.is_early:
                response.headers["vary"] = "openstack-api-version"
        if request.since(15) and response.status == HTTPStatus.OK:
            response.headers["Last-Modified"] = http_date(request.now)
            response.headers["Cache-Control"] = "no-cache"
        super().headers(request, response)

    def _versions(self, request: Request) -> Response:  # noqa: ARG002 - the same for all
        version: Json = {
            "id": "v1.0",
            "max_version": f"1.{self.newest}",
            "min_version": "1.0",
            "status": "CURRENT",
            "links": [{"rel": "self", "href": ""}],
        }
        return Response({"versions": [version]})


# -- Providers -------------------------------------------------------------------------------------


def _providers(request: Request) -> Response:
    for name in request.query:
        if name not in _FILTERS:
            raise _unexpected(name)
    hosts = [host for host in request.world.hosts.values() if request.matches(name=host.name, uuid=host.id)]
    return Response({"resource_providers": [_provider(request, host) for host in hosts]})


def _provider(request: Request, host: Host) -> Json:
    here = f"/resource_providers/{host.id}"
    parts = (("inventories", 0), ("usages", 0), ("aggregates", 1), ("traits", 6), ("allocations", 11))
    links = [{"rel": "self", "href": here}]
    links += [{"rel": part, "href": f"{here}/{part}"} for part, since in parts if request.since(since)]
    return {
        "uuid": host.id,
        "name": host.name,
        "generation": host.generation,
        "links": links,
        **request.newer({14: {"parent_provider_uuid": None, "root_provider_uuid": host.id}}),
    }


def _host(request: Request) -> Host:
    for host in request.world.hosts.values():
        if host.id == request.args["rp"]:
            return host
    raise HttpError(404, f"No resource provider with uuid {request.args['rp']} found  ", is_early=True)


def _part(host: Host, **part: object) -> Response:
    return Response({"resource_provider_generation": host.generation, **part})


def _inventories(request: Request) -> Response:
    host = _host(request)
    return _part(host, inventories=inventories(host))


def _usages(request: Request) -> Response:
    host = _host(request)
    return _part(host, usages=uses(host))


def _aggregates(request: Request) -> Response:
    host = _host(request)
    aggregates = [aggregate.id for aggregate in host.aggregates]
    return _part(host, aggregates=aggregates) if request.since(19) else Response({"aggregates": aggregates})


def _traits(request: Request) -> Response:
    host = _host(request)
    return _part(host, traits=sorted(traits(host)))


def _allocations_of(request: Request) -> Response:
    host = _host(request)
    allocations = {
        consumer: {"resources": by_class(claim), **request.newer({28: {"consumer_generation": 1}})}
        for consumer, claim in host.claims.items()
    }
    return _part(host, allocations=allocations)


# -- Consumers -------------------------------------------------------------------------------------


def _allocations(request: Request) -> Response:
    consumer = request.args["consumer"]
    allocations = {
        host.id: {"resources": by_class(host.claims[consumer]), "generation": host.generation}
        for host in request.world.hosts.values()
        if consumer in host.claims
    }
    vm = _owner(request.world, consumer) if allocations else None
    additions: dict[int, Json] = {
        12: {"project_id": vm.project.id, "user_id": vm.user.id} if vm else {},
        28: {"consumer_generation": 1},
        38: {"consumer_type": "unknown"},
    }
    return Response({"allocations": allocations, **(request.newer(additions) if vm else {})})


def _owner(world: World, consumer: str) -> VM | None:
    """The VM of a consumer, which is the VM or one of its migrations."""
    moving = (one.vm for one in world.migrations.values() if one.id == consumer)
    return world.vms.get(consumer) or next(moving, None)


def _candidates(request: Request) -> Response:
    """GET /allocation_candidates, without traits, aggregates, groups and nesting."""
    amounts, limit = _amounts(request), request.query.get("limit")
    for name in request.query:
        if name not in ("resources", "limit") or (name == "limit" and not request.since(_LIMITED_SINCE)):
            raise _unexpected(name)
    hosts = [host for host in request.world.hosts.values() if has_room(host, amounts)]
    hosts = hosts[: int(limit) if limit is not None else None]
    summaries = {host.id: _summary(request, host, amounts) for host in hosts}
    requests = [_allocation_request(request, host, amounts) for host in hosts]
    return Response({"allocation_requests": requests, "provider_summaries": summaries})


def _amounts(request: Request) -> dict[str, int]:
    text = request.query.get("resources")
    if text is None:
        message = "There must be at least one resources or resources[$S] parameter.  "
        raise HttpError(400, message, "placement.query.missing_value")
    amounts = {}
    for part in text.split(","):
        name, _, number = part.partition(":")
        if name not in CLASSES:
            message = f"Invalid resource class in resources parameter: No such resource class {name}.  "
            raise HttpError(400, message)
        amounts[name] = int(number)
    return amounts


def _allocation_request(request: Request, host: Host, amounts: dict[str, int]) -> Json:
    allocations: object = {host.id: {"resources": amounts}}
    if not request.since(12):
        allocations = [{"resource_provider": {"uuid": host.id}, "resources": amounts}]
    return {"allocations": allocations, **request.newer({34: {"mappings": {"": [host.id]}}})}


def _summary(request: Request, host: Host, amounts: dict[str, int]) -> Json:
    used = uses(host)
    resources = {
        name: {"capacity": capacity, "used": used[name]}
        for name, capacity in capacities(host).items()
        if request.since(27) or name in amounts
    }
    additions: dict[int, Json] = {
        17: {"traits": sorted(traits(host))},
        29: {"parent_provider_uuid": None, "root_provider_uuid": host.id},
    }
    return {"resources": resources, **request.newer(additions)}


def _unexpected(name: str) -> HttpError:
    """The error for an unknown query parameter."""
    text = (
        f"Invalid query string parameters: Additional properties are not allowed ({name!r} was unexpected)  "
    )
    return HttpError(400, text)


_ROUTES: Final = (
    Route("GET", "/resource_providers", _providers, "resource_providers:list"),
    Route("GET", "/resource_providers/{rp}/inventories", _inventories, "resource_providers:inventories:list"),
    Route("GET", "/resource_providers/{rp}/usages", _usages, "resource_providers:usages"),
    Route(
        "GET",
        "/resource_providers/{rp}/aggregates",
        _aggregates,
        "resource_providers:aggregates:list",
        since=1,
    ),
    Route("GET", "/resource_providers/{rp}/traits", _traits, "resource_providers:traits:list", since=6),
    Route(
        "GET", "/resource_providers/{rp}/allocations", _allocations_of, "resource_providers:allocations:list"
    ),
    Route("GET", "/allocations/{consumer}", _allocations, "allocations:list"),
    Route("GET", "/allocation_candidates", _candidates, "allocation_candidates:list", since=10),
)
