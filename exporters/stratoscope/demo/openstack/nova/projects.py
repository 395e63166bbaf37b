"""What Nova has of projects and users: quotas, limits, server groups, key pairs."""

from typing import Final

from stratoscope.demo.openstack.http_request import Json, Request, Response
from stratoscope.demo.openstack.nova.paging import only
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.world.models import Project, ServerGroup
from stratoscope.demo.world.seed.catalog import DEFAULT_LIMITS
from stratoscope.demo.world.seed.vms import key_of

_ALL: Final = 1_000_000
_RESOURCES: Final = (
    ("cores", _ALL, None),
    ("fixed_ips", 35, -1),
    ("floating_ips", 35, -1),
    ("injected_file_content_bytes", 56, 10240),
    ("injected_file_path_bytes", 56, 255),
    ("injected_files", 56, 5),
    ("instances", _ALL, None),
    ("key_pairs", _ALL, 100),
    ("metadata_items", _ALL, 128),
    ("ram", _ALL, None),
    ("security_group_rules", 35, -1),
    ("security_groups", 35, -1),
    ("server_group_members", _ALL, 10),
    ("server_groups", _ALL, 10),
)
"""Name, newest microversion that has it, limit where it is the same for all projects."""
_ABSOLUTE: Final = (
    ("maxServerMeta", _ALL, 128),
    ("maxImageMeta", 38, 128),
    ("maxPersonality", 56, 5),
    ("maxPersonalitySize", 56, 10240),
    ("maxTotalKeypairs", _ALL, 100),
    ("maxServerGroups", _ALL, 10),
    ("maxServerGroupMembers", _ALL, 10),
    ("maxTotalFloatingIps", 35, -1),
    ("maxSecurityGroups", 35, -1),
    ("maxSecurityGroupRules", 35, -1),
    ("totalFloatingIpsUsed", 35, 0),
    ("totalSecurityGroupsUsed", 35, 0),
)
"""Name, newest microversion that has it, value: nova/api/openstack/compute/views/limits.py."""
_KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoDemoDemoDemoDemoDemoDemoDemoDemoDemo demo"
_PRINT: Final = "57:92:1d:a6:25:74:16:b4:6a:13:41:e9:c0:fe:f9:fe"


def _quotas(request: Request) -> Response:
    project = request.own_project("os-quota-sets:detail")
    details: Json = {
        name: {
            "limit": _limit(project, name) if fixed is None else fixed,
            "in_use": _used(project, name),
            "reserved": 0,
        }
        for name, newest, fixed in _RESOURCES
        if request.minor <= newest
    }
    return Response({"quota_set": {"id": request.args["project"], **details}})


def _limits(request: Request) -> Response:
    only(request, "tenant_id")
    other = request.query.get("tenant_id")
    if other is not None:
        request.only_admin("limits:other_project")
    project = request.caller.project if other is None else request.world.projects.get(other)
    absolute: Json = {
        "maxTotalInstances": _limit(project, "instances"),
        "maxTotalCores": _limit(project, "cores"),
        "maxTotalRAMSize": _limit(project, "ram"),
        "totalRAMUsed": _used(project, "ram"),
        "totalCoresUsed": _used(project, "cores"),
        "totalInstancesUsed": _used(project, "instances"),
        "totalServerGroupsUsed": _used(project, "server_groups"),
        **{name: value for name, newest, value in _ABSOLUTE if request.minor <= newest},
    }
    return Response({"limits": {"rate": [], "absolute": absolute}})


def _limit(project: Project | None, name: str) -> int:
    return DEFAULT_LIMITS[name] if project is None else project.limits[name]


def _used(project: Project | None, name: str) -> int:
    return 0 if project is None else project.used[name]


def _server_groups(request: Request) -> Response:
    is_for_all = request.caller.is_admin and "all_projects" in request.query
    groups = [one for one in request.world.server_groups if is_for_all or request.caller.owns(one.project)]
    return Response({"server_groups": [_server_group(request, one) for one in groups]})


def _server_group(request: Request, group: ServerGroup) -> Json:
    vms = request.world.vms
    policy: Json = {"policies": [group.policy], "metadata": {}}
    if request.since(64):
        policy = {"policy": group.policy, "rules": {}}
    return {
        "id": group.id,
        "name": group.name,
        "members": [one for one in group.members if (vm := vms.get(one)) and vm.terminated is None],
        **policy,
        **request.newer({13: {"project_id": group.project.id, "user_id": group.user.id}}),
    }


def _key_pairs(request: Request) -> Response:
    user = request.caller.user
    pair: Json = {
        "name": key_of(user),
        "public_key": _KEY,
        "fingerprint": _PRINT,
        **request.newer({2: {"type": "ssh"}}),
    }
    return Response({"keypairs": [] if user.default_project is None else [{"keypair": pair}]})


ROUTES: Final = (
    Route("GET", "/os-quota-sets/{project}/detail", _quotas),
    Route("GET", "/limits", _limits),
    Route("GET", "/os-server-groups", _server_groups),
    Route("GET", "/os-keypairs", _key_pairs),
)
