"""An OpenStack as the management exporter sees it: one region, and everything that it can be asked."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.endpoints import Endpoints
from stratoscope.clouds.openstack.client.services import Client
from stratoscope.clouds.openstack.client.session import Session
from stratoscope.clouds.openstack.compute.hypervisors import Hypervisors
from stratoscope.clouds.openstack.compute.servers import Servers
from stratoscope.clouds.openstack.config import OpenStackCloud
from stratoscope.clouds.openstack.each.all import EachObject
from stratoscope.clouds.openstack.extras.all import Extras
from stratoscope.clouds.openstack.extras.keystone import Keystone
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.clouds.openstack.identity.projects import Identity
from stratoscope.clouds.openstack.image import Image
from stratoscope.clouds.openstack.network.addresses import Addresses
from stratoscope.clouds.openstack.network.objects import Network
from stratoscope.clouds.openstack.placement.capacity import Capacity
from stratoscope.clouds.openstack.placement.inventories import Placement
from stratoscope.clouds.openstack.placement.providers import Providers
from stratoscope.clouds.openstack.quotas import ProjectQuotas
from stratoscope.clouds.openstack.volume import Volume

Ask = Callable[[], Awaitable[Any]]


class Reader(Protocol):
    """Reads one part of a cloud."""

    def questions(self) -> Sequence[Question[Any]]: ...


class OpenStack:
    """Implements Management.

    Attributes:
        cloud: The name that the operator gave it.
        budget: What it may be asked, and has been.
        api: What its readers ask.
    """

    def __init__(self, config: OpenStackCloud, clock: Clock = CLOCK) -> None:
        self.cloud = config.name
        self._client = Client(config, clock)
        self.budget: Budget = self._client.budget
        self.api: Api = Session(config.name, self._client)
        self._readers = (Endpoints(self._client), *readers(self.api))

    def questions(self) -> Sequence[Question[Any]]:
        """Everything that it can be asked; the requests of each refresh are bounded."""
        questions = [question for reader in self._readers for question in reader.questions()]
        return [replace(question, ask=self._bounded(question.ask)) for question in questions]

    async def close(self) -> None:
        await self._client.close()

    def _bounded(self, ask: Ask) -> Ask:
        async def bounded() -> Any:
            with self.budget.refresh():
                return await ask()

        return bounded


def readers(api: Api) -> Sequence[Reader]:
    """Readers of one cloud; what several of them know is read once."""
    names, providers = Names(api), Providers()
    servers = Servers(api, names)
    hypervisors = Hypervisors(api, servers, providers)
    placement = Placement(api, hypervisors, servers, providers)
    capacity = Capacity(api, hypervisors, placement, providers)
    return (
        hypervisors.services,
        servers,
        hypervisors,
        placement,
        capacity.flavors,
        capacity.aggregates,
        capacity,
        Identity(names),
        ProjectQuotas(api, names),
        Network(api),
        Addresses(api),
        Volume(api),
        Image(api),
        Extras(api),
        Keystone(api),
        EachObject(api),
    )
