"""Neutron's things as it shows them: administrators see more."""

from typing import Final

from stratoscope.demo.openstack.asking import Ask, Json
from stratoscope.demo.openstack.texts import ipv4, mac_address, moment
from stratoscope.demo.openstack.things import (
    FloatingIP,
    Network,
    Port,
    Project,
    Router,
    SecurityGroup,
    Subnet,
)

_VIF: Json = {
    "connectivity": "l2",
    "port_filter": True,
    "ovs_hybrid_plug": False,
    "datapath_type": "system",
    "bridge_name": "br-int",
    "bound_drivers": {"0": "openvswitch"},
}


def network(ask: Ask, one: Network) -> Json:
    shown: Json = {
        "id": one.network_id,
        "name": one.name,
        "tenant_id": one.project.project_id,
        "admin_state_up": one.is_enabled,
        "mtu": 1500 if one.is_external else 1450,
        "status": "ACTIVE",
        "subnets": [subnet.subnet_id for subnet in one.subnets],
        "shared": one.is_shared,
        "availability_zone_hints": [],
        "availability_zones": ["nova"],
        "ipv4_address_scope": None,
        "ipv6_address_scope": None,
        "router:external": one.is_external,
        "description": "",
        "port_security_enabled": True,
        "qos_policy_id": None,
    }
    if one.is_external:
        shown["is_default"] = False
    shown |= {"tags": [], **_times(one.created, one.created, 2), "project_id": one.project.project_id}
    if ask.who.is_admin:
        shown |= {
            "provider:network_type": "flat" if one.is_external else "vxlan",
            "provider:physical_network": "physnet1" if one.is_external else None,
            "provider:segmentation_id": None if one.is_external else one.segment,
        }
    return shown


def subnet(ask: Ask, one: Subnet) -> Json:  # noqa: ARG001 - the same for all
    project_id = one.network.project.project_id
    pool = {"start": ipv4(one.first + 2), "end": ipv4(one.first + one.total + 1)}
    return {
        "id": one.subnet_id,
        "name": one.name,
        "tenant_id": project_id,
        "network_id": one.network.network_id,
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
        "description": "",
        "router:external": one.network.is_external,
        "service_types": [],
        "tags": [],
        **_times(one.created, one.created, 0),
        "project_id": project_id,
    }


def cidr(one: Subnet) -> str:
    return f"{ipv4(one.first)}/{one.prefix}"


def port(ask: Ask, one: Port) -> Json:
    project_id = _owner(one.project)
    has_security = one.group is not None
    shown: Json = {
        "id": one.port_id,
        "name": "",
        "network_id": one.subnet.network.network_id,
        "tenant_id": project_id,
        "mac_address": mac_address(one.mac),
        "admin_state_up": one.is_enabled,
        "status": one.status,
        "device_id": one.device_id,
        "device_owner": one.device_owner,
        "fixed_ips": [_fixed(one)],
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "security_groups": [one.group.group_id] if one.group else [],
        "description": "",
        "binding:vnic_type": "normal",
    }
    if ask.who.is_admin:
        shown |= {
            "binding:profile": {},
            "binding:host_id": one.host,
            "binding:vif_type": "ovs" if one.host else "unbound",
            "binding:vif_details": _VIF if one.host else {},
        }
    shown |= {"port_security_enabled": has_security, "qos_policy_id": None, "qos_network_policy_id": None}
    if ask.who.is_admin:
        shown["resource_request"] = None
    return shown | {"tags": [], **_times(one.created, one.updated, 4), "project_id": project_id}


def router(ask: Ask, one: Router) -> Json:
    project_id = one.project.project_id
    shown: Json = {
        "id": one.router_id,
        "name": one.name,
        "tenant_id": project_id,
        "admin_state_up": one.is_enabled,
        "status": one.status,
        "external_gateway_info": {
            "network_id": one.gateway.subnet.network.network_id,
            "external_fixed_ips": [_fixed(one.gateway)],
            "enable_snat": True,
        },
        "description": "",
        "availability_zones": ["nova"],
    }
    if ask.who.is_admin:
        shown |= {"distributed": False, "ha": False}
    return shown | {
        "availability_zone_hints": [],
        "routes": [],
        "flavor_id": None,
        "tags": [],
        **_times(one.created, one.created, 3),
        "project_id": project_id,
    }


def scheduled_router(ask: Ask, one: Router) -> Json:
    """One as the list of an agent's routers has it: with what only agents need."""
    shown: Json = {}
    for key, value in router(ask, one).items():
        shown[key] = value
        shown |= _FOR_AGENTS.get(key, {})
    return shown | {"gw_port_id": one.gateway.port_id}


_FOR_AGENTS: Final[dict[str, Json]] = {
    "external_gateway_info": {"gw_port_id": ""},
    "ha": {"ha_vr_id": 0},
    "availability_zone_hints": {"enable_default_route_ecmp": False, "enable_default_route_bfd": False},
}
"""What follows each of these keys."""


def floating_ip(ask: Ask, one: FloatingIP) -> Json:  # noqa: ARG001 - the same for all
    project_id = one.project.project_id
    bound = one.port
    return {
        "id": one.floating_ip_id,
        "tenant_id": project_id,
        "floating_ip_address": _address(one.own),
        "floating_network_id": one.own.subnet.network.network_id,
        "router_id": one.router.router_id if bound and one.router else None,
        "port_id": bound.port_id if bound else None,
        "fixed_ip_address": _address(bound) if bound else None,
        "status": "ACTIVE" if bound else "DOWN",
        "description": "",
        "qos_policy_id": None,
        "port_details": _details(bound) if bound else None,
        "tags": [],
        **_times(one.created, one.updated, 0),
        "project_id": project_id,
    }


def _details(one: Port) -> Json:
    return {
        "name": "",
        "network_id": one.subnet.network.network_id,
        "mac_address": mac_address(one.mac),
        "admin_state_up": one.is_enabled,
        "status": one.status,
        "device_id": one.device_id,
        "device_owner": one.device_owner,
    }


def group(ask: Ask, one: SecurityGroup) -> Json:  # noqa: ARG001 - the same for all
    project_id = one.project.project_id
    kinds = (("IPv4", "egress"), ("IPv6", "egress"), ("IPv6", "ingress"), ("IPv4", "ingress"))
    return {
        "id": one.group_id,
        "name": "default",
        "stateful": True,
        "tenant_id": project_id,
        "description": "Default security group",
        "shared": False,
        "security_group_rules": [
            _rule(one, rule_id, number, *kind)
            for number, (rule_id, kind) in enumerate(zip(one.rules, kinds, strict=True), start=one.number)
        ],
        "tags": [],
        **_times(one.created, one.created, 1),
        "project_id": project_id,
    }


def _rule(one: SecurityGroup, rule_id: str, number: int, ethertype: str, direction: str) -> Json:
    project_id = one.project.project_id
    return {
        "id": rule_id,
        "project_id": project_id,
        "tenant_id": project_id,
        "security_group_id": one.group_id,
        "ethertype": ethertype,
        "direction": direction,
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_address_group_id": None,
        "normalized_cidr": None,
        "remote_group_id": one.group_id if direction == "ingress" else None,
        "standard_attr_id": number,
        "belongs_to_default_sg": None,
        "description": None,
        "tags": [],
        **_times(one.created, one.created, 0),
    }


def _fixed(one: Port) -> Json:
    return {"subnet_id": one.subnet.subnet_id, "ip_address": _address(one)}


def _address(one: Port) -> str:
    return ipv4(one.subnet.first + one.offset)


def _owner(project: Project | None) -> str:
    return "" if project is None else project.project_id


def _times(created: float, updated: float, revision: int) -> Json:
    return {"created_at": moment(created), "updated_at": moment(updated), "revision_number": revision}
