"""Neutron as a service: its lists and who sees what, quotas, and the deletion of ports."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from stratoscope.demo.openstack.collection import Collection
from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.neutron import floating_ips
from stratoscope.demo.openstack.neutron.floating_ips import address_of
from stratoscope.demo.openstack.quotas import details, limits_of
from stratoscope.demo.openstack.service import NOT_FOUND, Route, Service
from stratoscope.demo.openstack.texts import ipv4, mac_address, moment, shown, spaced
from stratoscope.demo.world.models import Daemon, FloatingIP, Network, Port, Project, Router, Subnet
from stratoscope.demo.world.world import World

_L3: Final = "L3 agent"
_QUOTAS: Final = ("network", "subnet", "port", "router", "floatingip", "security_group")
_FIXED: Final = {"subnetpool": -1, "rbac_policy": 10}
"""Limits that are the same for all projects."""
_NONE: Final[tuple[Json, ...]] = ()


def _owned(identity: str, project: Project | None) -> Json:
    return {"id": identity, "project_id": "" if project is None else project.id}


def _network(request: Request, one: Network) -> Json:
    provider: Json = {
        "provider:network_type": "flat" if one.is_external else "vxlan",
        "provider:physical_network": "physnet1" if one.is_external else None,
        "provider:segmentation_id": None if one.is_external else one.segment,
    }
    return {
        **_owned(one.id, one.project),
        **shown(one, "name", admin_state_up="is_enabled", shared="is_shared"),
        "mtu": 1500 if one.is_external else 1450,
        "status": "ACTIVE",
        "router:external": one.is_external,
        **(provider if request.caller.is_admin else {}),
    }


def _subnet(_: Request, one: Subnet) -> Json:
    return {
        **_owned(one.id, one.network.project),
        **shown(one, "name"),
        "enable_dhcp": not one.network.is_external,
        "network_id": one.network.id,
        "ip_version": 4,
        "subnetpool_id": None,
        "gateway_ip": ipv4(one.first + 1),
        "cidr": _cidr(one),
        "allocation_pools": [{"start": ipv4(one.first + 2), "end": ipv4(one.first + one.total + 1)}],
        "dns_nameservers": [],
    }


def _cidr(one: Subnet) -> str:
    return f"{ipv4(one.first)}/{one.prefix}"


def _port(request: Request, one: Port) -> Json:
    binding: Json = {
        "binding:host_id": one.host,
        "binding:vif_type": "ovs" if one.host else "unbound",
    }
    return {
        **_owned(one.id, one.project),
        "updated_at": moment(one.updated),
        "name": "",
        "network_id": one.subnet.network.id,
        "mac_address": mac_address(one.mac),
        **shown(one, "status", "device_id", "device_owner", admin_state_up="is_enabled"),
        "fixed_ips": [_fixed(one)],
        **(binding if request.caller.is_admin else {}),
    }


def _router(request: Request, one: Router) -> Json:
    gateway = {"network_id": one.gateway.subnet.network.id, "external_fixed_ips": [_fixed(one.gateway)]}
    return {
        **_owned(one.id, one.project),
        **shown(one, "name", "status", admin_state_up="is_enabled"),
        "external_gateway_info": gateway,
        **({"distributed": False, "ha": False} if request.caller.is_admin else {}),
    }


def _agent(request: Request, daemon: Daemon) -> Json:
    heartbeat, names = spaced(daemon.heartbeat(request.now)), ("id", "agent_type", "binary", "host")
    return {
        **shown(daemon, *names, admin_state_up="is_enabled", availability_zone="zone"),
        "heartbeat_timestamp": heartbeat,
        "description": None,
        "alive": daemon.is_up(request.now),
    }


def _availability(_: Request, network: Network) -> Json:
    """The addresses of a network, and how many of them are in use."""
    rows: Sequence[Json] = [
        {
            "subnet_id": subnet.id,
            "ip_version": 4,
            "cidr": _cidr(subnet),
            "subnet_name": subnet.name,
            "used_ips": len(subnet.taken),
            "total_ips": subnet.total,
        }
        for subnet in network.subnets
    ]
    return {
        "network_id": network.id,
        "network_name": network.name,
        "project_id": network.project.id,
        "subnet_ip_availability": rows,
    }


def _fixed(one: Port) -> Json:
    return {"subnet_id": one.subnet.id, "ip_address": address_of(one)}


def _owns(request: Request, one: Router | FloatingIP) -> bool:
    return request.caller.sees(one.project)


def _sees_network(request: Request, one: Network) -> bool:
    return one.is_shared or one.is_external or request.caller.sees(one.project)


def _sees_subnet(request: Request, one: Subnet) -> bool:
    return _sees_network(request, one.network)


def _sees_port(request: Request, one: Port) -> bool:
    """Neutron's policy: also ports of others on the caller's networks."""
    return request.caller.sees(one.project) or request.caller.owns(one.subnet.network.project)


def _is_admin(request: Request, _: object) -> bool:
    return request.caller.is_admin


def _agents(world: World) -> list[Daemon]:
    agents = (one for one in world.daemons if one.service == "network")
    return sorted(agents, key=lambda daemon: daemon.id)


_COLLECTIONS: Final[tuple[Collection[Any], ...]] = (
    Collection("/v2.0/networks", lambda world: world.networks, _network, sees=_sees_network),
    Collection("/v2.0/subnets", lambda world: world.subnets, _subnet, sees=_sees_subnet),
    Collection(
        "/v2.0/ports",
        lambda world: world.ports,
        _port,
        sees=_sees_port,
        filters={"device_id": lambda one: one.device_id, "device_owner": lambda one: one.device_owner},
        refuses_markers=False,
        is_cached=True,
    ),
    Collection("/v2.0/routers", lambda world: world.routers, _router, sees=_owns),
    Collection("/v2.0/floatingips", lambda world: world.floating_ips, floating_ips.view, sees=_owns),
    Collection("/v2.0/agents", _agents, _agent, sees=_is_admin),
    Collection(
        "/v2.0/network-ip-availabilities", lambda world: world.networks, _availability, sees=_is_admin
    ),
    Collection("/v2.0/subnetpools", lambda _: _NONE, lambda _, one: one),
)


class Neutron(Service):
    """Everything below one prefix; the version is a part of the paths, not of the endpoint."""

    kind, name, prefix, version, version_path = "network", "neutron", "/network", "v2.0", "/v2.0"
    denial = "rule:{} is disallowed by policy"

    def own_routes(self) -> Iterable[Route]:
        yield from (one.route for one in _COLLECTIONS)
        yield from floating_ips.ROUTES
        yield Route("GET", "/v2.0/agents/{agent}/l3-routers", _routers)
        yield Route("GET", "/v2.0/quotas/{project}/details.json", _quotas)
        yield Route("DELETE", "/v2.0/ports/{port}", _delete_port)


def _routers(request: Request) -> Response:
    """A router is with the agent of the host that its gateway's port is on."""
    agent = next((one for one in _agents(request.world) if one.id == request.args["agent"]), None)
    if agent is None or not request.caller.is_admin:
        raise HttpError(404, NOT_FOUND)
    routers = (one for one in request.world.routers if one.gateway.host == agent.host)
    found = [_router(request, one) for one in routers if agent.agent_type == _L3]
    return Response({"routers": found})


def _quotas(request: Request) -> Response:
    project = request.own_project("get_quota")
    limits = {name: limits_of(project)[name] for name in _QUOTAS} | _FIXED
    return Response({"quota": details(project, limits, used="used")})


def _delete_port(request: Request) -> Response:
    port = request.world.ports.get(request.args["port"])
    if port is None or not request.caller.sees(port.project):
        raise HttpError(404, f"Port {request.args['port']} could not be found.")
    if port.device_owner.startswith("network:"):
        raise HttpError(409, f"Port {port.id} cannot be deleted directly via the port API.")
    vm = request.world.vms.get(port.device_id)
    if vm is not None:
        vm.ports = tuple(one for one in vm.ports if one is not port)
        request.world.touch(vm)
    request.world.unplug(port)
    return Response(status=204)
