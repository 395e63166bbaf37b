"""A cloud whose servers and allocations a test changes between two readings."""

from collections.abc import Mapping
from typing import Any, Final

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.disagreements import Allocations
from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.openstack.compute.hypervisors import Hypervisors
from stratoscope.clouds.openstack.compute.migration_list import MigrationList
from stratoscope.clouds.openstack.compute.migrations import ComputeMigrations
from stratoscope.clouds.openstack.compute.servers import Servers
from stratoscope.clouds.openstack.placement.allocations import PlacementAllocations
from stratoscope.clouds.openstack.placement.inventories import Placement
from stratoscope.clouds.openstack.placement.providers import Providers
from support.fake_migrations import START, FakeMigrations
from support.openstack_answers import answer
from support.owners import owners

HOSTS: Final = {
    "h1": "00000000-0000-0000-0000-000000000001", "h2": "00000000-0000-0000-0000-000000000002"
}  # fmt: skip


class Cloud:
    """Two hosts, on which `a` and `b` are.

    Attributes:
        servers: The host of each, with what else is said of it.
        held: The consumers of each host's provider.
        types: Of consumers that have one.
        migrations: The question of that name to the same cloud.
    """

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.servers: dict[str, dict[str, Any]] = {"a": self.on("h1"), "b": self.on("h2")}
        self.held: dict[str, set[str]] = {"h1": {"a"}, "h2": {"b"}}
        self.types: dict[str, str] = {}
        self.generations = dict.fromkeys(HOSTS, 1)
        self.api = FakeMigrations("placement")
        clock = Clock(monotonic=lambda: self.now, now=lambda: self.now)
        self._servers = Servers(self.api, owners(), clock)
        hypervisors = Hypervisors(self.api, self._servers, Providers(), clock)
        placement, migrations = Placement(self.api, hypervisors, clock), MigrationList(self.api, clock)
        self._allocations = PlacementAllocations(self.api, hypervisors, placement, migrations, clock)
        self.migrations = ComputeMigrations(self.api, migrations)

    @staticmethod
    def on(host: str | None, **more: Any) -> dict[str, Any]:
        return {"OS-EXT-SRV-ATTR:host": host, "OS-EXT-STS:task_state": None, "status": "ACTIVE"} | more

    def hold(self, host: str, *consumers: str) -> None:
        """These are the consumers of a host now."""
        self.held[host] = {*consumers}
        self.generations[host] += 1

    def migrate(self, status: str, days_ago: float = 0.0) -> None:
        """The migration `m` of the server `a` is in this state since then."""
        since = self.now - START - days_ago * 86400
        self.api.put(1, status, created=since - 60, updated=since, uuid="m", instance_uuid="a")

    async def read(self, seconds: float = 0.0) -> Allocations:
        """After so long, with the servers that there are then."""
        self.now += seconds
        self.api.calls.clear()
        self.api.answers = self._answers()
        await self._servers.read()
        return await self._allocations.read()

    async def found(self, *seconds: float) -> list[tuple[str, str, str, str]]:
        """Reason, consumer, VM and host of what is found after these times."""
        read = await self.read()
        for one in seconds:
            read = await self.read(one)
        assert read.disagreements is not None
        return sorted((one.reason, one.consumer_id, one.vm_id, one.host) for one in read.disagreements)

    async def without_new_servers(self, seconds: float) -> list[str]:
        """What is found after so long if the list of servers is not read."""
        self.now += seconds
        self.generations = {host: number + 1 for host, number in self.generations.items()}
        self.api.answers = self._answers()
        return [one.consumer_id for one in (await self._allocations.read()).disagreements or ()]

    def asked(self, path: str) -> int:
        return sum(1 for call in self.api.calls if call.path.startswith(path))

    def _answers(self) -> dict[tuple[str, str], Any]:
        row, hypervisor = answer("servers")["servers"][0], answer("hypervisors")["hypervisors"][0]
        answers: dict[tuple[str, str], Any] = {
            ("compute", "/servers/detail"): {
                "servers": [{**row, "id": one, "fault": None, **said} for one, said in self.servers.items()]
            },
            ("compute", "/servers"): {"servers": []},
            ("compute", "/os-services"): answer("compute_services"),
            ("compute", "/os-hypervisors/detail"): {
                "hypervisors": [
                    {**hypervisor, "id": uuid, "service": {"host": host, "disabled_reason": None}}
                    for host, uuid in HOSTS.items()
                ]
            },
            ("placement", "/allocation_candidates"): {"provider_summaries": {}},
            ("placement", "/resource_providers"): {
                "resource_providers": [
                    {"uuid": uuid, "name": host, "generation": self.generations[host]}
                    for host, uuid in HOSTS.items()
                ]
            },
        }
        for host, uuid in HOSTS.items():
            answers["placement", f"/resource_providers/{uuid}/allocations"] = {
                "allocations": {one: {"resources": {"VCPU": 1}} for one in self.held[host]},
                "resource_provider_generation": self.generations[host],
            }
            for one in self.held[host] - self.servers.keys():
                answers["compute", f"/servers/{one}"] = NotThereError("404")
                answers["placement", f"/allocations/{one}"] = {
                    "allocations": {uuid: {"resources": {"VCPU": 1}, "generation": 1}},
                    "consumer_type": self.types.get(one, "unknown"),
                }
        return {**answers, **self.changed}

    changed: Mapping[tuple[str, str], Any] = {}
