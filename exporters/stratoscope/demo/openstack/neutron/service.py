"""The front of Neutron: which collections it has, who sees what of them, and how it says no."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Final

from stratoscope.demo.openstack.asking import Answer, Ask, Json, RefusalError
from stratoscope.demo.openstack.neutron import views
from stratoscope.demo.openstack.neutron.agents import Agents
from stratoscope.demo.openstack.neutron.collection import Collection
from stratoscope.demo.openstack.neutron.whole import Whole
from stratoscope.demo.openstack.service import Route, Service
from stratoscope.demo.openstack.things import FloatingIP, Network, Port, Router, SecurityGroup, Subnet
from stratoscope.demo.openstack.world import World

_TYPES: Final = {400: "HTTPBadRequest", 403: "PolicyNotAuthorized", 404: "HTTPNotFound"}
_BASIC: Final = ("network", "subnet", "subnetpool", "port")


class Neutron(Service):
    """Everything below one prefix; the version is a part of the paths, not of the endpoint."""

    kind, name, prefix = "network", "neutron", "/network"

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "", self._versions, is_open=True)
        yield Route("GET", "/", self._versions, is_open=True)
        yield Route("GET", "/v2.0/", self._resources)
        yield Route("GET", "/v2.0/subnetpools", lambda _: Answer({"subnetpools": []}))
        yield from _networks(self.world).routes()
        yield from _subnets(self.world).routes()
        yield from _ports(self.world).routes()
        yield from _routers(self.world).routes()
        yield from _floating_ips(self.world).routes()
        yield from _groups(self.world).routes()
        yield from Agents(self.world).routes()
        yield from Whole(self.world).routes()

    def refusal(self, ask: Ask, error: RefusalError) -> Answer:  # noqa: ARG002 - one word for all
        kind = error.kind or _TYPES.get(
            error.status, f"HTTP{HTTPStatus(error.status).phrase.replace(' ', '')}"
        )
        body: Json = {"type": kind, "message": error.message, "detail": ""}
        return Answer({"NeutronError": body}, error.status)

    def unknown(self, ask: Ask) -> Answer:
        return self.refusal(ask, RefusalError(404, "The resource could not be found."))

    def headers(self, ask: Ask, answer: Answer) -> None:
        if ask.path.strip("/"):
            super().headers(ask, answer)

    def _versions(self, ask: Ask) -> Answer:
        links = [{"rel": "self", "href": f"{ask.base}/v2.0/"}]
        return Answer({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})

    def _resources(self, ask: Ask) -> Answer:
        return Answer(
            {
                "resources": [
                    {
                        "name": name,
                        "collection": f"{name}s",
                        "links": [{"rel": "self", "href": f"{ask.base}/v2.0/{name}s"}],
                    }
                    for name in _BASIC
                ]
            }
        )


def _networks(world: World) -> Collection[Network]:
    return Collection(
        "networks",
        "network",
        ("NetworkNotFound", "Network {} could not be found."),
        world.networks,
        lambda one: one.network_id,
        views.network,
        _sees_network,
        {"id": lambda one: one.network_id, "name": lambda one: one.name},
    )


def _subnets(world: World) -> Collection[Subnet]:
    return Collection(
        "subnets",
        "subnet",
        ("SubnetNotFound", "Subnet {} could not be found."),
        world.subnets,
        lambda one: one.subnet_id,
        views.subnet,
        lambda ask, one: _sees_network(ask, one.network),
        {"id": lambda one: one.subnet_id, "network_id": lambda one: one.network.network_id},
    )


def _ports(world: World) -> Collection[Port]:
    return Collection(
        "ports",
        "port",
        ("PortNotFound", "Port {} could not be found."),
        world.ports,
        lambda one: one.port_id,
        views.port,
        # Neutron's policy: also those on networks of one's own.
        lambda ask, one: ask.who.owns(one.project) or ask.who.owns(one.subnet.network.project),
        {
            "id": lambda one: one.port_id,
            "device_id": lambda one: one.device_id,
            "device_owner": lambda one: one.device_owner,
            "network_id": lambda one: one.subnet.network.network_id,
            "status": lambda one: one.status,
            "project_id": lambda one: one.project.project_id if one.project else "",
            "tenant_id": lambda one: one.project.project_id if one.project else "",
            "binding:host_id": lambda one: one.host,
        },
        _keep,
    )


def _keep(one: Port, shape: object, make: Callable[[], bytes]) -> bytes:
    """The bytes that were made before, if nothing has changed."""
    if one.shown_as != shape:
        one.shown, one.shown_as = make(), shape
    return one.shown


def _routers(world: World) -> Collection[Router]:
    return Collection(
        "routers",
        "router",
        ("RouterNotFound", "Router {} could not be found"),
        world.routers,
        lambda one: one.router_id,
        views.router,
        lambda ask, one: ask.who.owns(one.project),
        {"id": lambda one: one.router_id, "name": lambda one: one.name},
    )


def _floating_ips(world: World) -> Collection[FloatingIP]:
    return Collection(
        "floatingips",
        "floatingip",
        ("FloatingIPNotFound", "Floating IP {} could not be found"),
        world.floating_ips,
        lambda one: one.floating_ip_id,
        views.floating_ip,
        lambda ask, one: ask.who.owns(one.project),
        {"id": lambda one: one.floating_ip_id, "project_id": lambda one: one.project.project_id},
    )


def _groups(world: World) -> Collection[SecurityGroup]:
    return Collection(
        "security_groups",
        "security_group",
        ("SecurityGroupNotFound", "Security group {} does not exist"),
        world.groups,
        lambda one: one.group_id,
        views.group,
        lambda ask, one: ask.who.owns(one.project),
        {"id": lambda one: one.group_id, "project_id": lambda one: one.project.project_id},
    )


def _sees_network(ask: Ask, one: Network) -> bool:
    return one.is_shared or one.is_external or ask.who.owns(one.project)
