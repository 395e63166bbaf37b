"""The ids with which the calls of calls.py are made, of a real OpenStack or of the embedded one.

They are read from the cloud: the server is the one of user1 that has most to show.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from demo.exchange import Asked

Ask = Callable[[str, str, str, str], Any]
"""The body that a cloud of clouds.yaml is answered by a service, path and version."""

_FLAVOR, _BIG_FLAVOR = ("probe.tiny", "m1.small"), ("m1.huge", "x1.whole")


def places(asked: Asked) -> Mapping[str, str]:
    """Id by name of the placeholder."""

    def ask(cloud: str, service: str, path: str, version: str = "") -> Any:
        return json.loads(asked(cloud, service, path, version).content)

    project = asked.projects["user1"]
    names = {one["id"]: one["name"] for one in ask("admin", "identity", "/v3/projects")["projects"]}
    users = {one["name"]: one["id"] for one in ask("admin", "identity", "/v3/users")["users"]}
    servers = ask("user1", "compute", "/servers/detail", "2.96")["servers"]
    server = max(servers, key=_worth)
    seen = ask("admin", "compute", f"/servers/{server['id']}", "2.96")["server"]
    hypervisors = ask("admin", "compute", "/os-hypervisors/detail", "2.53")["hypervisors"]
    host = seen["OS-EXT-SRV-ATTR:host"]
    hypervisor = next(one["id"] for one in hypervisors if one["hypervisor_hostname"] == host)
    flavors = ask("admin", "compute", "/flavors/detail?is_public=None", "2.96")["flavors"]
    port = ask("user1", "network", f"/v2.0/ports?device_id={server['id']}")["ports"][0]
    addresses = ask("user1", "network", "/v2.0/floatingips")["floatingips"]
    volumes = ask("user1", "block-storage", "/volumes/detail")["volumes"]
    return {
        "project": project,
        "project_name": names[project],
        "user": users["user1"],
        "server": server["id"],
        "name": server["name"],
        "stopped": next(one["id"] for one in servers if one["status"] == "SHUTOFF"),
        "since": "2020-01-01T00:00:00Z",
        "host": host,
        "rp": hypervisor,
        "flavor": next(one["id"] for one in flavors if one["name"] in _FLAVOR),
        "big_flavor": next(one["id"] for one in flavors if one["name"] in _BIG_FLAVOR),
        "network": port["network_id"],
        "subnet": port["fixed_ips"][0]["subnet_id"],
        "port": port["id"],
        "router": ask("user1", "network", "/v2.0/routers")["routers"][0]["id"],
        "floatingip": next(one["id"] for one in addresses if one["port_id"]),
        "l3_agent": ask("admin", "network", "/v2.0/agents?agent_type=L3%20agent")["agents"][0]["id"],
        "volume": next(one["id"] for one in volumes if one["attachments"]),
        "image": next(
            one["id"] for one in ask("admin", "image", "/v2/images")["images"] if one["name"] == "cirros"
        ),
        "new": "made-by-a-test",
    }


def _worth(server: Mapping[str, Any]) -> tuple[bool, ...]:
    return (
        server["status"] == "ACTIVE",
        bool(server["image"]),
        any(len(found) > 1 for found in server["addresses"].values()),
        bool(server["os-extended-volumes:volumes_attached"]),
        server["key_name"] is not None,
    )
