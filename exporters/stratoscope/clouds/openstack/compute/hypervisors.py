"""Hosts as Nova counts them. Source: GET /os-hypervisors/detail and /os-services; role admin.

The newest microversion that is requested is 2.53: since 2.88 the list has no sizes, and Nova asks every host
for its uptime over the message queue (40 times the cost on a cloud of four hosts). If a cloud no longer
supports 2.53, sizes and allocations come from Placement, as far as they are known.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

import msgspec

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.model import Host, Hosts, Resource
from stratoscope.clouds.openstack.agents import only_admins_see
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import GIB, MIB, Id, Number, Text
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing
from stratoscope.clouds.openstack.compute.servers import Servers
from stratoscope.clouds.openstack.compute.services import ComputeServices
from stratoscope.clouds.openstack.placement.providers import Providers
from stratoscope.clouds.sums import whole_sum
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every
from stratoscope.core.errors import LeftOut, LeftOutError

STATES: Final = ("up", "down")
_OF_LIBVIRT: Final = frozenset({"QEMU", "KVM", "LXC", "XEN", "PARALLELS"})
"""Kinds of hypervisors of which a nova-compute has only one."""
_SERVICES_S: Final = 90.0
"""The maximum age of the list of services, which has the hosts' zones; `compute_services` reads it every
minute."""


class _ServiceOf(msgspec.Struct, frozen=True, gc=False):
    host: Text
    disabled_reason: str | None = None


class _Hypervisor(msgspec.Struct, frozen=True, gc=False):
    """One of `hypervisors`; MiB and GiB.

    Attributes:
        id: Also that of its resource provider in Placement.
        disk_available_least: Negative if more is allocated than the host has.
    """

    id: Id | int
    hypervisor_hostname: Text
    state: Text
    status: Text
    service: _ServiceOf
    hypervisor_type: Text = ""
    hypervisor_version: int | Text = ""
    vcpus: Number | None = None
    memory_mb: Number | None = None
    local_gb: Number | None = None
    vcpus_used: Number | None = None
    memory_mb_used: Number | None = None
    local_gb_used: Number | None = None
    running_vms: Number | None = None
    current_workload: Number | None = None
    disk_available_least: int | None = None


_SIZES: Final = {"vcpus": ("vcpus", 1), "memory": ("memory_mb", MIB), "disk": ("local_gb", GIB)}
"""The field of the total, and its unit, by resource; the use is in the field of the same name and `_used`."""
_HYPERVISORS: Final = Listing("compute", "/os-hypervisors/detail", "hypervisors", _Hypervisor, version="2.53")


class Node(msgspec.Struct, frozen=True, gc=False):
    """A hypervisor, for the readers of Placement.

    Attributes:
        host: Its service, as servers name it; "" for a leftover of a host that was renamed.
        takes_vms: It is up and enabled.
    """

    host: str
    zone: str
    takes_vms: bool

    @property
    def is_left_over(self) -> bool:
        """Its host was renamed, so that its resources are listed twice."""
        return not self.host


_LEFT_OVER: Final = Node("", "", takes_vms=False)


class Hypervisors(Reader):
    """Nova's hosts, read once for all callers.

    A host is a nova-compute service, as servers name it. Several nodes of one host (Ironic) are added up.
    With libvirt a host has one node. If its name has changed, there are several rows: the one that is up is
    used, else the last one; the others are malformed.

    Attributes:
        services: Nova's services, which have the zones; a separate question.
        servers, providers: The known servers and resource providers.
    """

    def __init__(self, api: Api, servers: Servers, providers: Providers, clock: Clock = CLOCK) -> None:
        self.services = ComputeServices(api, clock)
        self._api, self.servers, self.providers = api, servers, providers
        self._last = TTLCache(self._ask, clock)

    @question(
        "hypervisors",
        Every(60, 30, 180),
        cost="1 for each 1,000 hypervisors, 1 for their services unless `compute_services` has just read "
        "them",
        role="admin",
    )
    async def read(self) -> Hosts:
        """All current hosts. Raises as Api; LeftOutError also for an empty list without the role."""
        hosts, _ = await self._last.anew()
        return hosts

    async def nodes(self, max_age_s: float) -> Mapping[str, Node]:
        """The nodes by id, not older than that. Raises as `read`."""
        _, nodes = await self._last.not_older_than(max_age_s)
        return nodes

    async def _ask(self) -> tuple[Hosts, Mapping[str, Node]]:
        rows, malformed = await self._api.items(_HYPERVISORS, WHOLE_PAGE)
        if not rows and not malformed:
            await only_admins_see(self._api, "hypervisors")
            if self.servers.index.sees_hosts:
                raise LeftOutError(
                    LeftOut.UNAUTHORIZED, "hypervisors: an empty list, yet servers are on hosts"
                )
        by_host, left_over = _by_host(rows)
        zones = await self._zones(by_host.keys())
        hosts = tuple(self._host(of_host, zones.get(host, "")) for host, of_host in by_host.items())
        nodes = {str(row.id): _node(row, zones) for row in rows}
        nodes |= {str(row.id): _LEFT_OVER for row in left_over}
        return Hosts(hosts, STATES, malformed + len(left_over)), nodes

    async def _zones(self, hosts: AbstractSet[str]) -> Mapping[str, str]:
        """Zones by host, without hosts that are too new; empty if the services may not be read."""
        try:
            zones = await self.services.zones(_SERVICES_S)
            return zones if hosts <= zones.keys() else await self.services.zones(0.0)
        except ForbiddenError:
            return {}

    def _host(self, rows: Sequence[_Hypervisor], zone: str) -> Host:
        """The host of these nodes; its state is that of its service."""
        first = rows[0]
        return Host(
            host=first.service.host,
            zone=zone,
            state=first.state,
            is_enabled=first.status != "disabled",
            reason=first.service.disabled_reason or "",
            kind=first.hypervisor_type,
            version=str(first.hypervisor_version),
            vms=whole_sum(row.running_vms for row in rows),
            tasks=whole_sum(row.current_workload for row in rows),
            disk_available_least=_bytes(whole_sum(row.disk_available_least for row in rows), GIB),
            resources=self._resources(rows),
        )

    def _resources(self, rows: Sequence[_Hypervisor]) -> Mapping[str, Resource]:
        known = {}
        for name, (field, unit) in _SIZES.items():
            total, used = (whole_sum(getattr(row, one) for row in rows) for one in (field, f"{field}_used"))
            if total is not None:
                known[name] = Resource(total * unit, None, None, _bytes(used, unit))
        return known or self.providers.resources([str(row.id) for row in rows])


def _by_host(rows: Iterable[_Hypervisor]) -> tuple[Mapping[str, Sequence[_Hypervisor]], list[_Hypervisor]]:
    """The nodes of each host, and leftovers from before a host was renamed."""
    by_host: dict[str, list[_Hypervisor]] = {}
    for row in rows:
        by_host.setdefault(row.service.host, []).append(row)
    left_over = []
    for host, of_host in by_host.items():
        if all(row.hypervisor_type.upper() in _OF_LIBVIRT for row in of_host):
            # The one that is up; else the last, as a cell lists them in the order in which they were added.
            best = max(of_host[::-1], key=lambda row: row.state == "up")
            left_over += [row for row in of_host if row is not best]
            by_host[host] = [best]
    return by_host, left_over


def _node(row: _Hypervisor, zones: Mapping[str, str]) -> Node:
    host = row.service.host
    return Node(host, zones.get(host, ""), row.state == "up" and row.status == "enabled")


def _bytes(number: int | None, unit: int) -> int | None:
    return None if number is None else number * unit
