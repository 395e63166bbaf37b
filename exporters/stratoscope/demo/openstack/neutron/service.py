"""Neutron as a service: versions, collections and their visibility, errors."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.neutron import agents_and_quotas, floating_ips, views
from stratoscope.demo.openstack.neutron.collection import Collection
from stratoscope.demo.openstack.service import Route, Service
from stratoscope.demo.world.models import FloatingIP, Network, Port, Router, SecurityGroup, Subnet

_TYPES: Final = {400: "HTTPBadRequest", 403: "PolicyNotAuthorized", 404: "HTTPNotFound"}


class Neutron(Service):
    """Everything below one prefix; the version is a part of the paths, not of the endpoint."""

    kind, name, prefix = "network", "neutron", "/network"
    denial = "rule:{} is disallowed by policy"

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "", _versions, is_open=True)
        yield Route("GET", "/", _versions, is_open=True)
        for collection in self._collections():
            yield from collection.routes()
        yield Route("DELETE", "/v2.0/ports/{port}", _delete_port)
        yield from floating_ips.ROUTES
        yield from agents_and_quotas.ROUTES

    def _collections(self) -> Iterable[Collection[Any]]:
        world = self.world
        yield Collection(
            singular="network", index=world.networks, view=views.network, is_visible=_sees_network,
            error="NetworkNotFound", missing="Network {} could not be found.",
        )  # fmt: skip
        yield Collection(
            singular="subnet", index=world.subnets, view=views.subnet, is_visible=_sees_subnet,
            error="SubnetNotFound", missing="Subnet {} could not be found.",
        )  # fmt: skip
        yield Collection(
            singular="port", index=world.ports, view=views.port, is_visible=_sees_port,
            error="PortNotFound", missing="Port {} could not be found.",
            filters={"device_id": lambda one: one.device_id, "device_owner": lambda one: one.device_owner},
        )  # fmt: skip
        yield Collection(
            singular="router", index=world.routers, view=views.router, is_visible=_owns,
            error="RouterNotFound", missing="Router {} could not be found",
        )  # fmt: skip
        yield Collection(
            singular="floatingip", index=world.floating_ips, view=views.floating_ip, is_visible=_owns,
            error="FloatingIPNotFound", missing="Floating IP {} could not be found",
        )  # fmt: skip
        yield Collection(
            singular="security_group", index=world.groups, view=views.group, is_visible=_owns,
            error="SecurityGroupNotFound", missing="Security group {} does not exist",
        )  # fmt: skip

    def error(self, request: Request, error: HttpError) -> Response:  # noqa: ARG002 - one format for all
        phrase = HTTPStatus(error.status).phrase.replace(" ", "")
        kind = error.kind or _TYPES.get(error.status, f"HTTP{phrase}")
        body: Json = {"type": kind, "message": error.message, "detail": ""}
        return Response({"NeutronError": body}, error.status)

    def unknown(self, request: Request) -> Response:
        return self.error(request, HttpError(404, "The resource could not be found."))

    def headers(self, request: Request, response: Response) -> None:
        if request.path.strip("/"):
            super().headers(request, response)


def _versions(request: Request) -> Response:
    links = [{"rel": "self", "href": f"{request.base}/v2.0/"}]
    return Response({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})


def _delete_port(request: Request) -> Response:
    port = request.world.ports.get(request.args["port"])
    if port is None or not (request.caller.is_admin or request.caller.owns(port.project)):
        raise HttpError(404, f"Port {request.args['port']} could not be found.", "PortNotFound")
    if port.device_owner.startswith("network:"):
        why = f"has device owner {port.device_owner}"
        text = f"Port {port.id} cannot be deleted directly via the port API: {why}."
        raise HttpError(409, text, "ServicePortInUse")
    vm = request.world.vms.get(port.device_id)
    if vm is not None:
        vm.ports = tuple(one for one in vm.ports if one is not port)
        request.world.touch(vm)
    request.world.unplug(port)
    return Response(status=204)


def _owns(request: Request, one: Router | FloatingIP | SecurityGroup) -> bool:
    return request.caller.owns(one.project)


def _sees_network(request: Request, one: Network) -> bool:
    return one.is_shared or one.is_external or request.caller.owns(one.project)


def _sees_subnet(request: Request, one: Subnet) -> bool:
    return _sees_network(request, one.network)


def _sees_port(request: Request, one: Port) -> bool:
    """Neutron's policy: also ports of others on the caller's networks."""
    return request.caller.owns(one.project) or request.caller.owns(one.subnet.network.project)
