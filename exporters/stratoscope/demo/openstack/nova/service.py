"""Nova as a service, and its quotas of projects."""

from collections.abc import Callable, Iterable
from typing import Final

from stratoscope.demo.openstack.http_request import Request, Response
from stratoscope.demo.openstack.nova import view, views
from stratoscope.demo.openstack.nova.server_actions import ServerActions
from stratoscope.demo.openstack.quotas import absolute, details, limits_of
from stratoscope.demo.openstack.service import Microversions, Route, Service
from stratoscope.demo.world.boot_errors import BootError
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.world import World

_RESOURCES: Final = ("cores", "instances", "ram")
_FIXED: Final = {"key_pairs": 100, "metadata_items": 128, "server_group_members": 10, "server_groups": 10}
"""Limits that are the same for all projects."""
_NAMES: Final = {
    "instances": ("maxTotalInstances", "totalInstancesUsed"),
    "cores": ("maxTotalCores", "totalCoresUsed"),
    "ram": ("maxTotalRAMSize", "totalRAMUsed"),
    "server_groups": ("", "totalServerGroupsUsed"),
}
"""The names of limit and use in GET /limits."""
_MOST: Final = {"maxServerMeta": 128, "maxTotalKeypairs": 100, "maxServerGroups": 10}
"""As _FIXED, by the names in GET /limits."""


class Nova(Service):
    """Version 2.1 of its API."""

    kind, name, prefix, endpoint, version = "compute", "nova", "/compute", "/v2.1", "v2.1"
    denial = "Policy doesn't allow os_compute_api:{} to be performed."
    microversions = Microversions("compute", 2, 1)
    newest = 100

    def __init__(
        self, world: World, operations: Operations, boot_error: Callable[[str], BootError | None]
    ) -> None:
        """Args: boot_error: Called at each boot with its image's name; the error with which it is to fail."""
        super().__init__(world)
        self._actions = ServerActions(world, operations, boot_error)

    def own_routes(self) -> Iterable[Route]:
        yield from (*view.ROUTES, *views.ROUTES, *self._actions.routes())
        yield Route("GET", "/v2.1/os-quota-sets/{project}/detail", _quotas)
        yield Route("GET", "/v2.1/limits", lambda request: absolute(request, _NAMES, _MOST))


def _quotas(request: Request) -> Response:
    project = request.own_project("os-quota-sets:detail")
    limits = {name: limits_of(project)[name] for name in _RESOURCES} | _FIXED
    return Response({"quota_set": {"id": request.args["project"], **details(project, limits)}})
