"""Nova as a service."""

from collections.abc import Callable, Iterable

from stratoscope.demo.openstack.nova import quotas, view, views
from stratoscope.demo.openstack.nova.server_actions import ServerActions
from stratoscope.demo.openstack.service import Microversions, Route, Service
from stratoscope.demo.world.boot_errors import BootError
from stratoscope.demo.world.operations import Operations
from stratoscope.demo.world.world import World


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
        return (*view.ROUTES, *views.ROUTES, *quotas.ROUTES, *self._actions.routes())
