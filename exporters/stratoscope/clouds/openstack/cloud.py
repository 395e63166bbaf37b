"""An OpenStack as the management exporter sees it: one region, and all questions to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from stratoscope.clouds.abilities import Fetch, Question, Reader
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.events import Events
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.endpoints import Endpoints
from stratoscope.clouds.openstack.client.services import Client
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.compute.aggregates import Aggregates
from stratoscope.clouds.openstack.compute.flavors import Flavors
from stratoscope.clouds.openstack.compute.hypervisors import Hypervisors
from stratoscope.clouds.openstack.compute.migration_list import MigrationList
from stratoscope.clouds.openstack.compute.migrations import ComputeMigrations
from stratoscope.clouds.openstack.compute.servers import Servers
from stratoscope.clouds.openstack.compute.services import ComputeServices
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.clouds.openstack.each.table import EachObject
from stratoscope.clouds.openstack.events import NO_NOTIFICATIONS, Listener
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.clouds.openstack.identity.objects import Keystone
from stratoscope.clouds.openstack.image import Image
from stratoscope.clouds.openstack.network.addresses import Addresses
from stratoscope.clouds.openstack.network.objects import Network
from stratoscope.clouds.openstack.other_services.table import OtherServices
from stratoscope.clouds.openstack.placement.allocations import PlacementAllocations
from stratoscope.clouds.openstack.placement.capacity import Capacity
from stratoscope.clouds.openstack.placement.inventories import Placement
from stratoscope.clouds.openstack.placement.providers import Providers
from stratoscope.clouds.openstack.quotas import ProjectQuotas
from stratoscope.clouds.openstack.volume import Volume

READERS: Final[Sequence[type[Reader]]] = (
    Endpoints, ComputeServices, Servers, ComputeMigrations, Hypervisors, Placement, PlacementAllocations,
    Flavors, Aggregates,
    Capacity, Names, ProjectQuotas, Network, Addresses, Volume, Image, OtherServices, Keystone, EachObject,
)  # fmt: skip
"""The readers of an OpenStack, in the order of the page."""


class OpenStack:
    """Implements Management.

    Attributes:
        created: By credential: the kinds of objects that steps of probes create, such as `volume`.
    """

    questions: ClassVar[Sequence[Question]] = [one for reader in READERS for one in reader.questions()]

    def __init__(self, config: OpenStackCloud, clock: Clock = CLOCK) -> None:
        self.cloud, self._config = config.name, config
        self.budget = Budget(config.budget, clock)
        client = Client(config, self.budget)
        self.created: dict[str, set[str]] = {}
        self._sessions = {config.os_cloud: Session(config.name, client)}
        self.events = (
            None if config.events is None else Events(clock, f"cloud={config.name}: {NO_NOTIFICATIONS}")
        )
        read_by = readers(self.session(), self.events)
        self._fetches = fetches([Endpoints(client), *read_by])
        if config.events is not None and self.events is not None:
            servers = next(one for one in read_by if isinstance(one, Servers))
            self._listener = Listener(config.name, config.events, self.events, servers.hear)

    def session(self, os_cloud: str = "") -> Session:
        """The session of a credential; this sends no request. The cloud closes it.

        All sessions share the budget; each has its own token, catalogue and log-in back-off.

        Args:
            os_cloud: The credential's name in the same clouds.yaml; by default the entry's own.
        """
        os_cloud = os_cloud or self._config.os_cloud
        if os_cloud not in self._sessions:
            client = Client(replace(self._config, os_cloud=os_cloud), self.budget)
            self._sessions[os_cloud] = Session(self.cloud, client)
        return self._sessions[os_cloud]

    async def ask(self, name: str) -> Any:
        """The answer to a question; the requests of each refresh are bounded. Raises as Fetch."""
        with self.budget.refresh():
            return await self._fetches[name]()

    async def listen(self) -> None:
        """Receive notifications until the connection is lost. Raises CollectError."""
        await self._listener.listen()

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()


def fetches(readers: Iterable[Reader]) -> Mapping[str, Fetch]:
    """The method that answers each question, by the question's name."""
    return {name: ask for reader in readers for name, ask in reader.fetches().items()}


def readers(api: Api, events: Events | None = None) -> Sequence[Reader]:
    """Readers of one cloud, except for its endpoints; what several of them need is read once."""
    names = Names(api)
    servers = Servers(api, names, events=events)
    hypervisors = Hypervisors(api, servers, Providers())
    placement = Placement(api, hypervisors)
    capacity = Capacity(api, hypervisors, placement)
    migrations = MigrationList(api)
    return (
        hypervisors.services,
        servers,
        ComputeMigrations(api, migrations),
        hypervisors,
        placement,
        PlacementAllocations(api, hypervisors, placement, migrations),
        capacity.flavors,
        capacity.aggregates,
        capacity,
        names,
        ProjectQuotas(api, names),
        Network(api),
        Addresses(api),
        Volume(api),
        Image(api),
        OtherServices(api),
        Keystone(api),
        EachObject(api),
    )
