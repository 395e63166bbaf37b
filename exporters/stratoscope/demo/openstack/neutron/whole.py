"""What Neutron answers in one piece: addresses left, quotas, extensions."""

from collections.abc import Iterable
from typing import Final

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.neutron.agents import nothing
from stratoscope.demo.openstack.neutron.extensions import EXTENSIONS
from stratoscope.demo.openstack.neutron.views import cidr
from stratoscope.demo.openstack.seed.catalog import DEFAULT_LIMITS
from stratoscope.demo.openstack.service import Route, webob
from stratoscope.demo.openstack.things import Network, Project
from stratoscope.demo.openstack.world import World

_QUOTAS: Final = (
    "network", "subnet", "subnetpool", "port", "router", "floatingip", "rbac_policy", "security_group",
    "security_group_rule",
)  # fmt: skip
_FIXED: Final = {"subnetpool": -1, "rbac_policy": 10}
"""Limits that are the same for all."""


class Whole:
    """Each list for administrators alone, quotas and extensions aside."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/v2.0/network-ip-availabilities", self._availabilities)
        yield Route("GET", "/v2.0/network-ip-availabilities/{network}", self._availability)
        yield Route("GET", "/v2.0/quotas", self._all_quotas)
        yield Route("GET", "/v2.0/quotas/{project}", self._quotas)
        yield Route("GET", "/v2.0/quotas/{project}/default", self._defaults)
        yield Route("GET", "/v2.0/quotas/{project}/details.json", self._details)
        yield Route("GET", "/v2.0/quotas/{project}/details", self._details)
        yield Route(
            "GET", "/v2.0/extensions", lambda _: Answer({"extensions": list(map(_extension, EXTENSIONS))})
        )
        yield Route("GET", "/v2.0/extensions/{alias}", self._extension)
        yield Route("GET", "/v2.0/availability_zones", self._zones)

    # -- Addresses ---------------------------------------------------------------------------------

    def _availabilities(self, ask: Ask) -> Answer:
        networks = self._world.networks if ask.who.is_admin else ()
        return Answer({"network_ip_availabilities": [_left(network) for network in networks]})

    def _availability(self, ask: Ask) -> Answer:
        network = self._world.networks.get(ask.args["network"])
        if network is None or not ask.who.is_admin:
            raise nothing()
        return Answer({"network_ip_availability": _left(network)})

    # -- Quotas ------------------------------------------------------------------------------------

    def _all_quotas(self, ask: Ask) -> Answer:
        if not ask.who.is_admin:
            raise _disallowed("get_quota")
        return Answer(
            {
                "quotas": [
                    {**_limits(one), "project_id": one.project_id, "tenant_id": one.project_id}
                    for one in self._world.projects
                    if not one.has_default_limits
                ]
            }
        )

    def _quotas(self, ask: Ask) -> Answer:
        return Answer({"quota": _limits(self._own(ask))})

    def _defaults(self, ask: Ask) -> Answer:
        self._own(ask)
        return Answer({"quota": _limits(None)})

    def _details(self, ask: Ask) -> Answer:
        project = self._world.projects.get(ask.args["project"])
        if not (ask.who.is_admin or ask.who.owns(project)):
            text = (
                "User does not have admin privileges: Only admin is authorized to access quotas for another "
                "project."
            )
            raise RefusalError(403, text, "AdminRequired")
        used = project.used if project else {}
        details: Json = {
            name: {"limit": limit, "used": used.get(name, 0), "reserved": 0}
            for name, limit in _limits(project).items()
        }
        return Answer({"quota": details})

    def _own(self, ask: Ask) -> Project | None:
        """The caller's own project; for administrators any, also one that there is not."""
        project = self._world.projects.get(ask.args["project"])
        if not (ask.who.is_admin or ask.who.owns(project)):
            raise _disallowed("get_quota")
        return project

    # -- Extensions and zones ----------------------------------------------------------------------

    def _extension(self, ask: Ask) -> Answer:
        alias = ask.args["alias"]
        for row in EXTENSIONS:
            if row[0] == alias:
                return Answer({"extension": _extension(row)})
        text = "The resource could not be found.<br /><br />\nExtension with alias {} does not exist"
        answer = webob(ask, 404, "")
        if isinstance(answer.body, dict):
            answer.body["message"] = text.format(alias) + "\n\n"
        return answer

    def _zones(self, ask: Ask) -> Answer:  # noqa: ARG002 - the same for all
        kinds = ("router", "network")
        zones = [{"state": "available", "name": "nova", "resource": kind} for kind in kinds]
        return Answer({"availability_zones": zones})


def _left(network: Network) -> Json:
    rows: list[Json] = [
        {
            "subnet_id": subnet.subnet_id,
            "ip_version": 4,
            "cidr": cidr(subnet),
            "subnet_name": subnet.name,
            "used_ips": len(subnet.taken),
            "total_ips": subnet.total,
        }
        for subnet in network.subnets
    ]
    return {
        "network_id": network.network_id,
        "network_name": network.name,
        "tenant_id": network.project.project_id,
        "project_id": network.project.project_id,
        "subnet_ip_availability": rows,
        "used_ips": sum(len(subnet.taken) for subnet in network.subnets),
        "total_ips": sum(subnet.total for subnet in network.subnets),
    }


def _limits(project: Project | None) -> dict[str, int]:
    own = DEFAULT_LIMITS if project is None else project.limits
    return {name: _FIXED[name] if name in _FIXED else own[name] for name in _QUOTAS}


def _extension(row: tuple[str, str, str]) -> Json:
    alias, name, text = row
    updated = "2018-01-01T10:00:00-00:00"
    return {"name": name, "alias": alias, "description": text, "updated": updated, "links": []}


def _disallowed(rule: str) -> RefusalError:
    return RefusalError(403, f"rule:{rule} is disallowed by policy", "PolicyNotAuthorized")
