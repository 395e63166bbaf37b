"""Neutron's objects as its API shows them; administrators see more."""

from collections.abc import Sequence

from stratoscope.demo.openstack.http_request import Json, Request
from stratoscope.demo.openstack.texts import ipv4, mac_address, moment, spaced
from stratoscope.demo.world.models import Daemon, FloatingIP, Network, Port, Project, Router, Subnet


def _owned(identity: str, project: Project | None) -> Json:
    return {"id": identity, "project_id": "" if project is None else project.id}


def network(request: Request, one: Network) -> Json:
    provider: Json = {
        "provider:network_type": "flat" if one.is_external else "vxlan",
        "provider:physical_network": "physnet1" if one.is_external else None,
        "provider:segmentation_id": None if one.is_external else one.segment,
    }
    return {
        **_owned(one.id, one.project),
        "name": one.name,
        "admin_state_up": one.is_enabled,
        "mtu": 1500 if one.is_external else 1450,
        "status": "ACTIVE",
        "shared": one.is_shared,
        "router:external": one.is_external,
        **(provider if request.caller.is_admin else {}),
    }


def subnet(_: Request, one: Subnet) -> Json:
    return {
        **_owned(one.id, one.network.project),
        "name": one.name,
        "network_id": one.network.id,
        "ip_version": 4,
        "subnetpool_id": None,
        "enable_dhcp": one.has_dhcp,
        "gateway_ip": ipv4(one.first + 1),
        "cidr": cidr(one),
        "allocation_pools": [{"start": ipv4(one.first + 2), "end": ipv4(one.first + one.total + 1)}],
        "dns_nameservers": [],
    }


def cidr(one: Subnet) -> str:
    return f"{ipv4(one.first)}/{one.prefix}"


def port(request: Request, one: Port) -> Json:
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
        "admin_state_up": one.is_enabled,
        "status": one.status,
        "device_id": one.device_id,
        "device_owner": one.device_owner,
        "fixed_ips": [_fixed(one)],
        **(binding if request.caller.is_admin else {}),
    }


def router(request: Request, one: Router) -> Json:
    gateway = {"network_id": one.gateway.subnet.network.id, "external_fixed_ips": [_fixed(one.gateway)]}
    return {
        **_owned(one.id, one.project),
        "name": one.name,
        "admin_state_up": one.is_enabled,
        "status": one.status,
        "external_gateway_info": gateway,
        **({"distributed": False, "ha": False} if request.caller.is_admin else {}),
    }


def floating_ip(request: Request, one: FloatingIP) -> Json:
    bound = one.port
    is_active = bound is not None and one.active_from <= request.now
    return {
        **_owned(one.id, one.project),
        "updated_at": moment(one.updated),
        "description": one.description,
        "floating_ip_address": address(one.own),
        "floating_network_id": one.own.subnet.network.id,
        "router_id": one.router.id if bound and one.router else None,
        "port_id": bound.id if bound else None,
        "fixed_ip_address": address(bound) if bound else None,
        "status": "ACTIVE" if is_active else "DOWN",
    }


def agent(request: Request, daemon: Daemon) -> Json:
    return {
        "id": daemon.id,
        "agent_type": daemon.agent_type,
        "binary": daemon.binary,
        "host": daemon.host,
        "admin_state_up": daemon.is_enabled,
        "heartbeat_timestamp": spaced(daemon.heartbeat(request.now)),
        "description": None,
        "availability_zone": daemon.zone,
        "alive": daemon.is_up(request.now),
    }


def availability(_: Request, network: Network) -> Json:
    """The addresses of a network, and how many of them are in use."""
    rows: Sequence[Json] = [
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
        "project_id": network.project.id,
        "subnet_ip_availability": rows,
    }


def _fixed(one: Port) -> Json:
    return {"subnet_id": one.subnet.id, "ip_address": address(one)}


def address(one: Port) -> str:
    return ipv4(one.subnet.first + one.offset)
