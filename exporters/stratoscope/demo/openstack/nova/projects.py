"""What Nova keeps of projects: quotas, limits, usage, server groups, key pairs."""

from collections.abc import Iterable
from typing import Final

from stratoscope.demo.openstack.asking import Answer, Ask, Json
from stratoscope.demo.openstack.nova.paging import only
from stratoscope.demo.openstack.nova.service import administrators, forbidden
from stratoscope.demo.openstack.seed.catalog import DEFAULT_LIMITS
from stratoscope.demo.openstack.seed.vms import key_of
from stratoscope.demo.openstack.service import Route
from stratoscope.demo.openstack.things import Project, ServerGroup
from stratoscope.demo.openstack.world import World

_RESOURCES: Final = (
    ("cores", 100, None),
    ("fixed_ips", 35, -1),
    ("floating_ips", 35, -1),
    ("injected_file_content_bytes", 56, 10240),
    ("injected_file_path_bytes", 56, 255),
    ("injected_files", 56, 5),
    ("instances", 100, None),
    ("key_pairs", 100, 100),
    ("metadata_items", 100, 128),
    ("ram", 100, None),
    ("security_group_rules", 35, -1),
    ("security_groups", 35, -1),
    ("server_group_members", 100, 10),
    ("server_groups", 100, 10),
)
"""Name, newest microversion that has it, limit where it is the same for all; in Nova's own order."""
_KEY: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDemoDemoDemoDemoDemoDemoDemoDemoDemoDemo demo"
_PRINT: Final = "57:92:1d:a6:25:74:16:b4:6a:13:41:e9:c0:fe:f9:fe"


class Projects:
    """What belongs to a project."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/os-quota-sets/{project}", self._quotas)
        yield Route("GET", "/os-quota-sets/{project}/detail", self._quotas_in_detail)
        yield Route("GET", "/os-quota-sets/{project}/defaults", self._defaults)
        yield Route("GET", "/limits", self._limits)
        yield Route("GET", "/os-server-groups", self._server_groups)
        yield Route("GET", "/os-keypairs", self._key_pairs)

    def _quotas(self, ask: Ask) -> Answer:
        project = self._own(ask, "os-quota-sets:show")
        limits = {name: _limit(project, name, fixed) for name, fixed in _known(ask)}
        return Answer({"quota_set": {"id": ask.args["project"], **limits}})

    def _quotas_in_detail(self, ask: Ask) -> Answer:
        project = self._own(ask, "os-quota-sets:detail")
        details: Json = {
            name: {"limit": _limit(project, name, fixed), "in_use": _used(project, name), "reserved": 0}
            for name, fixed in _known(ask)
        }
        return Answer({"quota_set": {"id": ask.args["project"], **details}})

    def _defaults(self, ask: Ask) -> Answer:
        defaults = {name: DEFAULT_LIMITS[name] if fixed is None else fixed for name, fixed in _known(ask)}
        return Answer({"quota_set": {"id": ask.args["project"], **defaults}})

    def _own(self, ask: Ask, rule: str) -> Project | None:
        """The caller's own project; for administrators any: Nova does not ask whether it is there."""
        project = self._world.projects.get(ask.args["project"])
        if not ask.who.owns(project):
            administrators(ask, rule)
        return project

    def _limits(self, ask: Ask) -> Answer:
        only(ask, "tenant_id")
        wanted = ask.query.get("tenant_id")
        if wanted is not None and not ask.who.is_admin:
            raise forbidden("limits:other_project")
        project = ask.who.project if wanted is None else self._world.projects.get(wanted)
        return Answer({"limits": {"rate": [], "absolute": _absolute(project, ask.minor)}})

    def _server_groups(self, ask: Ask) -> Answer:
        everybodys = ask.who.is_admin and "all_projects" in ask.query
        groups = [one for one in self._world.server_groups if everybodys or ask.who.owns(one.project)]
        return Answer({"server_groups": [_server_group(ask, one) for one in groups]})

    def _key_pairs(self, ask: Ask) -> Answer:
        user = ask.who.user
        if user.default_project is None:
            return Answer({"keypairs": []})
        pair: Json = {"name": key_of(user), "public_key": _KEY, "fingerprint": _PRINT}
        if ask.since(2):
            pair["type"] = "ssh"
        return Answer({"keypairs": [{"keypair": pair}]})


def _known(ask: Ask) -> list[tuple[str, int | None]]:
    """Resources with quotas, and the limit of those where it is the same for all."""
    return [(name, fixed) for name, newest, fixed in _RESOURCES if ask.minor <= newest]


def _limit(project: Project | None, name: str, fixed: int | None) -> int:
    if fixed is not None:
        return fixed
    return DEFAULT_LIMITS[name] if project is None else project.limits[name]


def _used(project: Project | None, name: str) -> int:
    return 0 if project is None else project.used[name]


def _absolute(project: Project | None, minor: int) -> Json:
    """nova/api/openstack/compute/views/limits.py"""

    def limit(name: str) -> int:
        return _limit(project, name, None)

    rows: tuple[tuple[str, int, int], ...] = (
        ("maxTotalInstances", 100, limit("instances")),
        ("maxTotalCores", 100, limit("cores")),
        ("maxTotalRAMSize", 100, limit("ram")),
        ("maxServerMeta", 100, 128),
        ("maxImageMeta", 38, 128),
        ("maxPersonality", 56, 5),
        ("maxPersonalitySize", 56, 10240),
        ("maxTotalKeypairs", 100, 100),
        ("maxServerGroups", 100, 10),
        ("maxServerGroupMembers", 100, 10),
        ("maxTotalFloatingIps", 35, -1),
        ("maxSecurityGroups", 35, -1),
        ("maxSecurityGroupRules", 35, -1),
        ("totalRAMUsed", 100, _used(project, "ram")),
        ("totalCoresUsed", 100, _used(project, "cores")),
        ("totalInstancesUsed", 100, _used(project, "instances")),
        ("totalFloatingIpsUsed", 35, 0),
        ("totalSecurityGroupsUsed", 35, 0),
        ("totalServerGroupsUsed", 100, _used(project, "server_groups")),
    )
    return {name: value for name, newest, value in rows if minor <= newest}


def _server_group(ask: Ask, group: ServerGroup) -> Json:
    live = [one for one in group.members if (vm := ask.world.vms.get(one)) and vm.terminated is None]
    shown: Json = {"id": group.group_id, "name": group.name}
    if ask.since(64):
        shown |= {"policy": group.policy, "rules": {}, "members": live}
    else:
        shown |= {"policies": [group.policy], "metadata": {}, "members": live}
    if ask.since(13):
        shown |= {"project_id": group.project.project_id, "user_id": group.user.user_id}
    return shown
