"""Neutron's agents with their routers, free addresses, quotas and extensions."""

from typing import Final

from stratoscope.demo.openstack.http_request import HttpError, Json, Request, Response
from stratoscope.demo.openstack.neutron.collection import selected
from stratoscope.demo.openstack.neutron.views import cidr, router
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.texts import spaced
from stratoscope.demo.world.models import Daemon, Network, Project
from stratoscope.demo.world.seed.catalog import DEFAULT_LIMITS

_L3: Final = "L3 agent"
_QUOTAS: Final = (
    "network", "subnet", "subnetpool", "port", "router", "floatingip", "rbac_policy", "security_group",
    "security_group_rule",
)  # fmt: skip
_FIXED: Final = {"subnetpool": -1, "rbac_policy": 10}
"""Limits that are the same for all projects."""
_EXTENSIONS: Final = (
    "agent", "allowed-address-pairs", "availability_zone", "binding", "dhcp_agent_scheduler", "external-net",
    "extra_dhcp_opt", "extraroute", "filter-validation", "fip-port-details", "floatingip-pools",
    "l3-ha", "l3_agent_scheduler", "multi-provider", "net-mtu", "network-ip-availability",
    "network_availability_zone", "pagination", "port-security", "project-id", "provider", "qos",
    "quota_details", "quotas", "rbac-policies", "router", "router_availability_zone", "security-group",
    "service-type", "sorting", "standard-attr-description", "standard-attr-revisions", "standard-attr-tag",
    "standard-attr-timestamp", "subnet-external-network", "subnet_allocation",
)  # fmt: skip


# -- Agents ----------------------------------------------------------------------------------------


def _agents(request: Request) -> Response:
    """Nothing for callers who are no administrators."""
    shown = [_agent(request, daemon) for daemon in _daemons(request)]
    for name in ("binary", "host", "agent_type", "alive", "id"):
        if (wanted := request.query.get(name)) is not None:
            shown = [one for one in shown if str(one[name]).lower() == wanted.lower()]
    fields = request.query.getall("fields", ())
    return Response({"agents": [selected(one, fields) for one in shown]})


def _daemons(request: Request) -> list[Daemon]:
    agents = (
        daemon for daemon in request.world.daemons if daemon.service == "network" and request.caller.is_admin
    )
    return sorted(agents, key=lambda daemon: daemon.id)


def _agent(request: Request, daemon: Daemon) -> Json:
    return {
        "id": daemon.id,
        "agent_type": daemon.agent_type,
        "binary": daemon.binary,
        "topic": daemon.topic,
        "host": daemon.host,
        "admin_state_up": daemon.is_enabled,
        "created_at": spaced(daemon.started),
        "started_at": spaced(daemon.started),
        "heartbeat_timestamp": spaced(daemon.heartbeat(request.now)),
        "description": None,
        "resources_synced": None,
        "availability_zone": daemon.zone,
        "alive": daemon.is_up(request.now),
        "configurations": {},
    }


def _routers(request: Request) -> Response:
    """A router is with the agent of the host that its gateway's port is on."""
    for agent in _daemons(request):
        if agent.id == request.args["agent"]:
            break
    else:
        raise HttpError(404, "The resource could not be found.", "HTTPNotFound")
    shown = [
        {
            **router(request, one),
            "gw_port_id": one.gateway.id,
            "ha_vr_id": 0,
            "enable_default_route_ecmp": False,
            "enable_default_route_bfd": False,
        }
        for one in request.world.routers
        if agent.agent_type == _L3 and one.gateway.host == agent.host
    ]
    return Response({"routers": shown})


# -- Addresses -------------------------------------------------------------------------------------


def _availabilities(request: Request) -> Response:
    """Nothing for callers who are no administrators."""
    networks = request.world.networks if request.caller.is_admin else ()
    return Response({"network_ip_availabilities": [_availability(network) for network in networks]})


def _availability(network: Network) -> Json:
    rows: list[Json] = [
        {
            "subnet_id": subnet.id,
            "ip_version": 4,
            "cidr": cidr(subnet),
            "subnet_name": subnet.name,
            "used_ips": len(subnet.taken),
            "total_ips": subnet.total,
        }
        for subnet in network.subnets
    ]
    return {
        "network_id": network.id,
        "network_name": network.name,
        "tenant_id": network.project.id,
        "project_id": network.project.id,
        "subnet_ip_availability": rows,
        "used_ips": sum(len(subnet.taken) for subnet in network.subnets),
        "total_ips": sum(subnet.total for subnet in network.subnets),
    }


# -- Quotas and extensions -------------------------------------------------------------------------


def _quotas(request: Request) -> Response:
    return Response({"quota": _limits(request.own_project("get_quota"))})


def _quotas_in_detail(request: Request) -> Response:
    project = request.world.projects.get(request.args["project"])
    if not (request.caller.is_admin or request.caller.owns(project)):
        text = (
            "User does not have admin privileges: Only admin is authorized to access quotas for another "
            "project."
        )
        raise HttpError(403, text, "AdminRequired")
    used = project.used if project else {}
    details: Json = {
        name: {"limit": limit, "used": used.get(name, 0), "reserved": 0}
        for name, limit in _limits(project).items()
    }
    return Response({"quota": details})


def _limits(project: Project | None) -> dict[str, int]:
    limits = (DEFAULT_LIMITS if project is None else project.limits) | _FIXED
    return {name: limits[name] for name in _QUOTAS}


def _extensions(_: Request) -> Response:
    updated = "2018-01-01T10:00:00-00:00"
    extensions: list[Json] = [
        {"name": alias, "alias": alias, "description": alias, "updated": updated, "links": []}
        for alias in _EXTENSIONS
    ]
    return Response({"extensions": extensions})


ROUTES: Final = (
    Route("GET", "/v2.0/agents", _agents),
    Route("GET", "/v2.0/agents/{agent}/l3-routers", _routers),
    Route("GET", "/v2.0/network-ip-availabilities", _availabilities),
    Route("GET", "/v2.0/quotas/{project}", _quotas),
    Route("GET", "/v2.0/quotas/{project}/details.json", _quotas_in_detail),
    Route("GET", "/v2.0/quotas/{project}/details", _quotas_in_detail),
    Route("GET", "/v2.0/extensions", _extensions),
    Route("GET", "/v2.0/subnetpools", lambda _: Response({"subnetpools": []})),
)
