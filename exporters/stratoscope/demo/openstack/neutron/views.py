"""Neutron's objects as its API shows them; administrators see more."""

from typing import Final

from stratoscope.demo.openstack.http_request import Json, Request
from stratoscope.demo.openstack.texts import ipv4, mac_address, moment
from stratoscope.demo.world.models import (
    FloatingIP,
    Network,
    Port,
    Project,
    Router,
    SecurityGroup,
    Subnet,
)

_VIF: Final[Json] = {
    "connectivity": "l2",
    "port_filter": True,
    "ovs_hybrid_plug": False,
    "datapath_type": "system",
    "bridge_name": "br-int",
    "bound_drivers": {"0": "openvswitch"},
}
_RULES: Final = (("IPv4", "egress"), ("IPv6", "egress"), ("IPv6", "ingress"), ("IPv4", "ingress"))


def _common(identity: str, project: Project | None, created: float, updated: float, revision: int) -> Json:
    """The fields that all objects have."""
    project_id = "" if project is None else project.id
    return {
        "id": identity,
        "tenant_id": project_id,
        "project_id": project_id,
        "description": "",
        "tags": [],
        "created_at": moment(created),
        "updated_at": moment(updated),
        "revision_number": revision,
    }


def network(request: Request, one: Network) -> Json:
    provider: Json = {
        "provider:network_type": "flat" if one.is_external else "vxlan",
        "provider:physical_network": "physnet1" if one.is_external else None,
        "provider:segmentation_id": None if one.is_external else one.segment,
    }
    return {
        **_common(one.id, one.project, one.created, one.created, 2),
        "name": one.name,
        "admin_state_up": one.is_enabled,
        "mtu": 1500 if one.is_external else 1450,
        "status": "ACTIVE",
        "subnets": [subnet.id for subnet in one.subnets],
        "shared": one.is_shared,
        "availability_zone_hints": [],
        "availability_zones": ["nova"],
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        "router:external": one.is_external,
        "port_security_enabled": True,
        "qos_policy_id": None,
        **({"is_default": False} if one.is_external else {}),
        **(provider if request.caller.is_admin else {}),
    }


def subnet(request: Request, one: Subnet) -> Json:  # noqa: ARG001 - the same for all
    pool = {"start": ipv4(one.first + 2), "end": ipv4(one.first + one.total + 1)}
    return {
        **_common(one.id, one.network.project, one.created, one.created, 0),
        "name": one.name,
        "network_id": one.network.id,
        "ip_version": 4,
        "subnetpool_id": None,
        "enable_dhcp": one.has_dhcp,
        "ipv6_ra_mode": None,
        "ipv6_address_mode": None,
        "gateway_ip": ipv4(one.first + 1),
        "cidr": cidr(one),
        "allocation_pools": [pool],
        "host_routes": [],
        "dns_nameservers": [],
        "router:external": one.network.is_external,
        "service_types": [],
    }


def cidr(one: Subnet) -> str:
    return f"{ipv4(one.first)}/{one.prefix}"


def port(request: Request, one: Port) -> Json:
    binding: Json = {
        "binding:profile": {},
        "binding:host_id": one.host,
        "binding:vif_type": "ovs" if one.host else "unbound",
        "binding:vif_details": _VIF if one.host else {},
        "resource_request": None,
    }
    return {
        **_common(one.id, one.project, one.created, one.updated, 4),
        **_details(one),
        "fixed_ips": [_fixed(one)],
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "security_groups": [one.group.id] if one.group else [],
        "binding:vnic_type": "normal",
        "port_security_enabled": one.group is not None,
        "qos_policy_id": None,
        "qos_network_policy_id": None,
        **(binding if request.caller.is_admin else {}),
    }


def _details(one: Port) -> Json:
    return {
        "name": "",
        "network_id": one.subnet.network.id,
        "mac_address": mac_address(one.mac),
        "admin_state_up": one.is_enabled,
        "status": one.status,
        "device_id": one.device_id,
        "device_owner": one.device_owner,
    }


def router(request: Request, one: Router) -> Json:
    return {
        **_common(one.id, one.project, one.created, one.created, 3),
        "name": one.name,
        "admin_state_up": one.is_enabled,
        "status": one.status,
        "external_gateway_info": {
            "network_id": one.gateway.subnet.network.id,
            "external_fixed_ips": [_fixed(one.gateway)],
            "enable_snat": True,
        },
        "availability_zones": ["nova"],
        "availability_zone_hints": [],
        "routes": [],
        "flavor_id": None,
        **({"distributed": False, "ha": False} if request.caller.is_admin else {}),
    }


def floating_ip(request: Request, one: FloatingIP) -> Json:
    bound = one.port
    is_active = bound is not None and one.active_from <= request.now
    return {
        **_common(one.id, one.project, one.created, one.updated, 0),
        "description": one.description,
        "floating_ip_address": _address(one.own),
        "floating_network_id": one.own.subnet.network.id,
        "router_id": one.router.id if bound and one.router else None,
        "port_id": bound.id if bound else None,
        "fixed_ip_address": _address(bound) if bound else None,
        "status": "ACTIVE" if is_active else "DOWN",
        "qos_policy_id": None,
        "port_details": _details(bound) if bound else None,
    }


def group(request: Request, one: SecurityGroup) -> Json:  # noqa: ARG001 - the same for all
    return {
        **_common(one.id, one.project, one.created, one.created, 1),
        "name": "default",
        "stateful": True,
        "description": "Default security group",
        "shared": False,
        "security_group_rules": [
            _rule(one, rule_id, number, *kind)
            for number, (rule_id, kind) in enumerate(zip(one.rules, _RULES, strict=True), start=one.number)
        ],
    }


def _rule(one: SecurityGroup, rule_id: str, number: int, ethertype: str, direction: str) -> Json:
    return {
        **_common(rule_id, one.project, one.created, one.created, 0),
        "description": None,
        "security_group_id": one.id,
        "ethertype": ethertype,
        "direction": direction,
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_address_group_id": None,
        "normalized_cidr": None,
        "remote_group_id": one.id if direction == "ingress" else None,
        "standard_attr_id": number,
        "belongs_to_default_sg": None,
    }


def _fixed(one: Port) -> Json:
    return {"subnet_id": one.subnet.id, "ip_address": _address(one)}


def _address(one: Port) -> str:
    return ipv4(one.subnet.first + one.offset)
