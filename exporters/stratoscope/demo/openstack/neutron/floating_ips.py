"""Neutron's floating addresses of users: one of them, POST /v2.0/floatingips, and DELETE."""

from functools import partial
from typing import Final

import msgspec

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import ipv4, moment, shown
from stratoscope.demo.world.models import FloatingIP, Port, Router
from stratoscope.demo.world.world import World

_WIRED_S: Final = 1.0
"""Until the router has an address, and Nova knows it."""


class _Wanted(msgspec.Struct):
    floating_network_id: str
    port_id: str | None = None
    description: str = ""


class _Body(msgspec.Struct):
    floatingip: _Wanted


def view(request: Request, one: FloatingIP) -> Json:
    bound = one.port
    is_active = bound is not None and one.active_from <= request.now
    return {
        **shown(one, "id", "description"),
        "project_id": one.project.id,
        "updated_at": moment(one.updated),
        "floating_ip_address": address_of(one.own),
        "floating_network_id": one.own.subnet.network.id,
        "router_id": one.router.id if bound and one.router else None,
        "port_id": bound.id if bound else None,
        "fixed_ip_address": address_of(bound) if bound else None,
        "status": "ACTIVE" if is_active else "DOWN",
    }


def address_of(one: Port) -> str:
    return ipv4(one.subnet.first + one.offset)


def _create(request: Request) -> Response:
    request.only_member("create_floatingip")
    project, world, wanted = request.caller.project, request.world, request.body(_Body).floatingip
    if project is None:
        raise request.denied("create_floatingip")
    if 0 <= project.limits["floatingip"] < project.used["floatingip"] + 1:
        raise HttpError(409, "Quota exceeded for resources: ['floatingip'].")
    network = world.networks.get(wanted.floating_network_id)
    if network is None or not network.is_external:
        raise HttpError(400, f"Network {wanted.floating_network_id} is not a valid external network.")
    port = _port(request, wanted.port_id)
    router = None if port is None else _router(world, port)
    address = world.add_floating_ip(project, network.subnets[0])
    if address is None:
        raise HttpError(409, f"No more IP addresses available on network {network.id}.")
    address.description, address.router = wanted.description, router
    if port is not None:
        _associate(world, address, port)
    return Response({"floatingip": view(request, address)}, 201)


def _find(request: Request) -> FloatingIP:
    address = request.world.floating_ips.get(request.args["address"])
    if address is None or not request.caller.sees(address.project):
        raise HttpError(404, f"Floating IP {request.args['address']} could not be found")
    return address


def _show(request: Request) -> Response:
    return Response({"floatingip": view(request, _find(request))})


def _delete(request: Request) -> Response:
    address = _find(request)
    request.only_member("delete_floatingip")
    port = address.port
    request.world.remove_floating_ip(address)
    if port is not None:
        _tell_nova(request.world, port)
    return Response(status=204)


ROUTES: Final = (
    Route("POST", "/v2.0/floatingips", _create),
    Route("GET", "/v2.0/floatingips/{address}", _show),
    Route("DELETE", "/v2.0/floatingips/{address}", _delete),
)


def _port(request: Request, identity: str | None) -> Port | None:
    if identity is None:
        return None
    port = request.world.ports.get(identity)
    if port is None or not request.caller.owns(port.project):
        raise HttpError(404, f"Port {identity} could not be found.")
    if port.floating_ip is not None:
        raise HttpError(409, f"Port {port.id} already has a floating IP on the external network.")
    return port


def _router(world: World, port: Port) -> Router:
    """The router between a port's network and the external one: a project's own network has it."""
    is_own = port.project is not None and port.subnet.network is port.project.network
    for router in world.routers:
        if is_own and router.project is port.project:
            return router
    raise HttpError(404, f"The external network is not reachable from subnet {port.subnet.id}.")


def _associate(world: World, address: FloatingIP, port: Port) -> None:
    world.associate(address, port)
    address.active_from = world.now + _WIRED_S
    world.timeline.after(_WIRED_S, partial(_tell_nova, world, port))


def _tell_nova(world: World, port: Port) -> None:
    """Nova reads the addresses of the port's VM anew."""
    vm = world.vms.get(port.device_id)
    if vm is not None and vm.terminated is None:
        world.touch(vm)
