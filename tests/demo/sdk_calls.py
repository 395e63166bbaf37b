"""What openstacksdk is asked for, on a real OpenStack by record.py and on the embedded one by a test."""

from collections.abc import Callable, Iterable
from typing import Any

from openstack.connection import Connection

SDK_CALLS: dict[str, Callable[[Connection], Iterable[Any]]] = {
    "servers": lambda cloud: cloud.compute.servers(all_projects=True),
    "server": lambda cloud: [cloud.compute.get_server(next(cloud.compute.servers(all_projects=True)).id)],
    "flavors": lambda cloud: cloud.compute.flavors(),
    "compute services": lambda cloud: cloud.compute.services(),
    "hypervisors": lambda cloud: cloud.compute.hypervisors(details=True),
    "aggregates": lambda cloud: cloud.compute.aggregates(),
    "server groups": lambda cloud: cloud.compute.server_groups(all_projects=True),
    "compute limits": lambda cloud: [cloud.compute.get_limits()],
    "compute quota": lambda cloud: [cloud.compute.get_quota_set(cloud.current_project_id, usage=True)],
    "networks": lambda cloud: cloud.network.networks(),
    "subnets": lambda cloud: cloud.network.subnets(),
    "ports": lambda cloud: cloud.network.ports(),
    "routers": lambda cloud: cloud.network.routers(),
    "floating addresses": lambda cloud: cloud.network.ips(),
    "agents": lambda cloud: cloud.network.agents(),
    "network quota": lambda cloud: [cloud.network.get_quota(cloud.current_project_id, details=True)],
    "addresses left": lambda cloud: cloud.network.network_ip_availabilities(),
    "security groups": lambda cloud: cloud.network.security_groups(),
    "volumes": lambda cloud: cloud.block_storage.volumes(all_projects=True),
    "snapshots": lambda cloud: cloud.block_storage.snapshots(all_projects=True),
    "backups": lambda cloud: cloud.block_storage.backups(all_projects=True),
    "volume services": lambda cloud: cloud.block_storage.services(),
    "pools": lambda cloud: cloud.block_storage.backend_pools(),
    "images": lambda cloud: cloud.image.images(),
    "providers": lambda cloud: cloud.placement.resource_providers(),
    "inventories": lambda cloud: cloud.placement.resource_provider_inventories(
        next(cloud.placement.resource_providers())
    ),
    "projects": lambda cloud: cloud.identity.projects(),
    "users": lambda cloud: cloud.identity.users(),
    "domains": lambda cloud: cloud.identity.domains(),
    "regions": lambda cloud: cloud.identity.regions(),
}
"""Each returns resources; all as an administrator."""


def attributes(resource: Any) -> dict[str, Any]:
    """Of a resource, without where it was found."""
    found: dict[str, Any] = resource.to_dict(original_names=False)
    found.pop("location", None)
    return found
