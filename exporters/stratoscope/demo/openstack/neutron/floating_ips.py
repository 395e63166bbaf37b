"""Neutron's floating addresses of users: POST /v2.0/floatingips, and DELETE."""

from functools import partial
from typing import Final

import msgspec

from stratoscope.demo.openstack.http_request import HttpError, Request, Response
from stratoscope.demo.openstack.neutron import views
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import ipv4
from stratoscope.demo.world.models import FloatingIP, Network, Port, Router
from stratoscope.demo.world.world import World

_WIRED_S: Final = 1.0
"""Until the router has an address, and Nova knows it."""


class _Wanted(msgspec.Struct):
    floating_network_id: str = ""
    port_id: str | None = None
    description: str = ""


class _Body(msgspec.Struct):
    floatingip: _Wanted


def _create(request: Request) -> Response:
    project = request.caller.project
    if project is None or "member" not in request.caller.roles:
        raise request.denied("create_floatingip")
    wanted = _read(request)
    if 0 <= project.limits["floatingip"] < project.used["floatingip"] + 1:
        raise HttpError(409, "Quota exceeded for resources: ['floatingip'].", "OverQuota")
    network = _external(request, wanted.floating_network_id)
    port = _port(request, wanted.port_id)
    router = None if port is None else _router(request.world, network, port)
    address = request.world.add_floating_ip(project, network.subnets[0])
    if address is None:
        text = f"No more IP addresses available on network {network.id}."
        raise HttpError(409, text, "IpAddressGenerationFailure")
    address.description, address.router = wanted.description, router
    if port is not None:
        _associate(request.world, address, port)
    return Response({"floatingip": views.floating_ip(request, address)}, 201)


def _delete(request: Request) -> Response:
    address = request.world.floating_ips.get(request.args["address"])
    if address is None or not (request.caller.is_admin or request.caller.owns(address.project)):
        text = f"Floating IP {request.args['address']} could not be found"
        raise HttpError(404, text, "FloatingIPNotFound")
    if "member" not in request.caller.roles:
        raise request.denied("delete_floatingip")
    port = address.port
    request.world.remove_floating_ip(address)
    if port is not None:
        _tell_nova(request.world, port)
    return Response(status=204)


ROUTES: Final = (
    Route("POST", "/v2.0/floatingips", _create),
    Route("DELETE", "/v2.0/floatingips/{address}", _delete),
)


def _read(request: Request) -> _Wanted:
    try:
        wanted = request.json(_Body).floatingip
    except msgspec.DecodeError as error:
        raise HttpError(400, "Unable to find 'floatingip' in request body") from error
    if not wanted.floating_network_id:
        text = "Failed to parse request. Required attribute 'floating_network_id' not specified"
        raise HttpError(400, text)
    return wanted


def _external(request: Request, identity: str) -> Network:
    network = request.world.networks.get(identity)
    if network is None or not network.is_external:
        text = f"Bad floatingip request: Network {identity} is not a valid external network."
        raise HttpError(400, text, "BadRequest")
    return network


def _port(request: Request, identity: str | None) -> Port | None:
    if identity is None:
        return None
    port = request.world.ports.get(identity)
    if port is None or not request.caller.owns(port.project):
        raise HttpError(404, f"Port {identity} could not be found.", "PortNotFound")
    if port.floating_ip is not None:
        other, subnet = port.floating_ip, port.floating_ip.own.subnet
        text = (
            f"Cannot associate floating IP {ipv4(subnet.first + other.own.offset)} ({other.id}) with port "
            f"{port.id} using fixed IP {ipv4(port.subnet.first + port.offset)}, as that fixed IP already has "
            f"a floating IP on external network {subnet.network.id}."
        )
        raise HttpError(409, text, "FloatingIPPortAlreadyAssociated")
    return port


def _router(world: World, outside: Network, port: Port) -> Router:
    """The router between a port's network and the external one: a project's own network has it."""
    is_own = port.project is not None and port.subnet.network is port.project.network
    for router in world.routers:
        if is_own and router.project is port.project:
            return router
    text = (
        f"External network {outside.id} is not reachable from subnet {port.subnet.id}.  Therefore, cannot "
        f"associate Port {port.id} with a Floating IP."
    )
    raise HttpError(404, text, "ExternalGatewayForFloatingIPNotFound")


def _associate(world: World, address: FloatingIP, port: Port) -> None:
    world.associate(address, port)
    address.active_from = world.now + _WIRED_S
    world.timeline.after(_WIRED_S, partial(_tell_nova, world, port))


def _tell_nova(world: World, port: Port) -> None:
    """Nova reads the addresses of the port's VM anew."""
    vm = world.vms.get(port.device_id)
    if vm is not None and vm.terminated is None:
        world.touch(vm)
