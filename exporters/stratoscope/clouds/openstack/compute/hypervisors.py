"""Hosts as Nova counts them. Source: GET /os-hypervisors/detail and /os-services; role admin.

Microversion 2.53 is the newest that is asked for: since 2.88 the list no longer tells sizes, and asks every
host for its uptime over the message queue instead (40 times as dear on a cloud of four). Where 2.53 is one
day no more, sizes and promises are Placement's, as far as they are known.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.model import Host, Hosts, Resource
from stratoscope.clouds.openstack.agents import only_admins_see
from stratoscope.clouds.openstack.api import Api
from stratoscope.clouds.openstack.compute.servers import Servers
from stratoscope.clouds.openstack.compute.services import SERVICES
from stratoscope.clouds.openstack.fields import GIB, MIB, Text
from stratoscope.clouds.openstack.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.providers import Providers
from stratoscope.core.collector import Every
from stratoscope.core.errors import LeftOut, LeftOutError

STATES: Final = ("up", "down")


class _ServiceOf(msgspec.Struct, frozen=True, gc=False):
    host: Text
    disabled_reason: Text | None = None


class _Hypervisor(msgspec.Struct, frozen=True, gc=False):
    """One of `hypervisors`; MiB and GiB.

    Attributes:
        id: Also that of its resource provider in Placement.
    """

    id: Text | int
    hypervisor_hostname: Text
    state: Text
    status: Text
    hypervisor_type: Text
    hypervisor_version: int | Text
    service: _ServiceOf
    vcpus: int | None = None
    memory_mb: int | None = None
    local_gb: int | None = None
    vcpus_used: int | None = None
    memory_mb_used: int | None = None
    local_gb_used: int | None = None
    running_vms: int | None = None
    disk_available_least: int | None = None


_HYPERVISORS: Final = Listing("compute", "/os-hypervisors/detail", "hypervisors", _Hypervisor, version="2.53")


class Node(msgspec.Struct, frozen=True, gc=False):
    """A hypervisor as Placement's readers need it.

    Attributes:
        host: The service that it belongs to: what servers are labelled with.
        takes_vms: It is up and enabled.
    """

    host: str
    zone: str
    takes_vms: bool


class Hypervisors:
    """Nova's hosts, read once for all who ask.

    A host is a nova-compute service, as servers name it. Where it has several nodes (Ironic), these are added
    up.
    """

    def __init__(
        self, api: Api, servers: Servers, providers: Providers, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api, self._servers, self._providers, self._clock = api, servers, providers, clock
        self._one_at_a_time = asyncio.Lock()
        self._nodes: tuple[float, Mapping[str, Node]] | None = None

    def questions(self) -> Sequence[Question[Hosts]]:
        return (
            Question(
                "hypervisors",
                Hosts,
                self.read,
                Every(60, 30, 180),
                cost="1 for each 1,000 hypervisors, 1 for their services",
                role="admin",
            ),
        )

    async def read(self) -> Hosts:
        """All hosts as they are now.

        Raises:
            CollectError: As Api.
            LeftOutError: As Api; `unauthorized` also for an empty list that is not to be believed.
        """
        async with self._one_at_a_time:
            return await self._read()

    async def nodes(self, max_age_s: float) -> Mapping[str, Node]:
        """The nodes by id, no older than that. Raises as `read`."""
        async with self._one_at_a_time:
            if self._nodes is None or self._clock() - self._nodes[0] > max_age_s:
                await self._read()
            return self._nodes[1] if self._nodes is not None else {}

    async def _read(self) -> Hosts:
        rows, malformed = await self._api.items(_HYPERVISORS, WHOLE_PAGE)
        if not rows and not malformed:
            await only_admins_see(self._api, "hypervisors")
            if self._servers.ledger.sees_hosts:
                raise LeftOutError(
                    LeftOut.UNAUTHORIZED, "hypervisors: an empty list, yet servers are on hosts"
                )
        services, _ = await self._api.items(SERVICES, {"binary": "nova-compute"})
        zones = {service.host: service.zone or "" for service in services}
        self._nodes = (self._clock(), {str(row.id): _node(row, zones) for row in rows})
        by_host: dict[str, list[_Hypervisor]] = {}
        for row in rows:
            by_host.setdefault(row.service.host, []).append(row)
        hosts = tuple(self._host(of_host, zones.get(host, "")) for host, of_host in by_host.items())
        return Hosts(hosts, STATES, malformed)

    def _host(self, rows: Sequence[_Hypervisor], zone: str) -> Host:
        """The host that these nodes belong to; their state is that of their one service."""
        first = rows[0]
        return Host(
            host=first.service.host,
            zone=zone,
            state=first.state,
            is_enabled=first.status != "disabled",
            reason=first.service.disabled_reason or "",
            kind=first.hypervisor_type,
            version=str(first.hypervisor_version),
            vms=_total(row.running_vms for row in rows),
            disk_available_least=_bytes(_total(row.disk_available_least for row in rows), GIB),
            resources=self._resources(rows),
        )

    def _resources(self, rows: Sequence[_Hypervisor]) -> Mapping[str, Resource]:
        sizes = {
            "vcpus": (_total(row.vcpus for row in rows), _total(row.vcpus_used for row in rows), 1),
            "memory": (
                _total(row.memory_mb for row in rows),
                _total(row.memory_mb_used for row in rows),
                MIB,
            ),
            "disk": (_total(row.local_gb for row in rows), _total(row.local_gb_used for row in rows), GIB),
        }
        told = {
            name: Resource(total * unit, None, None, _bytes(used, unit))
            for name, (total, used, unit) in sizes.items()
            if total is not None
        }
        return told or self._providers.resources([str(row.id) for row in rows])


def _node(row: _Hypervisor, zones: Mapping[str, str]) -> Node:
    host = row.service.host
    return Node(host, zones.get(host, ""), row.state == "up" and row.status == "enabled")


def _total(numbers: Iterable[int | None]) -> int | None:
    """Their sum; None when one is not told."""
    total = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total


def _bytes(number: int | None, unit: int) -> int | None:
    return None if number is None else number * unit
