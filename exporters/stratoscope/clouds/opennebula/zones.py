"""oned's endpoint, those of the federation's other zones, and the servers of the own zone's Raft."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
from yarl import URL

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.checks import Checks
from stratoscope.clouds.model import (
    Count,
    Endpoints,
    Objects,
    OtherService,
    Service,
)
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.opennebula.client.items import Element, fields, root
from stratoscope.clouds.opennebula.client.oned import SERVICE, Oned
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.opennebula.config import is_here
from stratoscope.clouds.ttl_cache import TTLCache
from stratoscope.core.collector import Every
from stratoscope.core.deadline import at_most_s
from stratoscope.core.errors import CollectError, LeftOutError, Reason

MOST: Final = 30
_TIMEOUT_S: Final = 10.0
_KEPT_S: Final = 600.0
_ERROR: Final = "ERROR"
"""The state of a server that does not answer, as OpenNebula's own tools call it."""
_DOWN: Final = frozenset({_ERROR, states.CANDIDATE})
"""An election takes seconds. Servers that stay candidates have no leader: oned changes nothing any more."""


class Server(msgspec.Struct, frozen=True):
    """A server of a zone that has several. Attributes: url: None if what the zone has is no address."""

    name: str
    url: URL | None


class Zone(msgspec.Struct, frozen=True):
    """A zone of the federation.

    Attributes:
        url: None if what somebody wrote is no address (`-`, or one without http://).
        servers: Empty for a zone of one server, which does not list it.
    """

    name: str
    state: str
    url: URL | None
    servers: tuple[Server, ...]


class Zones(Reader):
    """The zones of the federation, of which the cloud is one."""

    def __init__(self, oned: Oned, pools: Pools, timeout_s: float = _TIMEOUT_S) -> None:
        self._oned, self._pools, self._timeout_s = oned, pools, timeout_s
        self._zones = TTLCache(self._read_zones, oned.budget.clock, failure_s=_TIMEOUT_S)
        self._checks: dict[str, Checks] = {}

    @question("endpoints", Every(30, 30, 120), cost=f"1 for each zone and server, {MOST} at most", role="any")
    async def endpoints(self) -> Endpoints:
        """Whether each answers XML-RPC, asked without a credential. No error: a silent one is down."""
        places = {SERVICE: self._oned.url} | await self._others()
        asked = [*places][:MOST]
        self._checks = {name: self._checks.get(name, Checks()) for name in asked}
        async with asyncio.TaskGroup() as group:
            for name in asked:
                group.create_task(self._look(name, places[name]))
        return Endpoints(tuple(self._checks[name].endpoint(name) for name in asked))

    @question("zones", Every(60, 30, 180), cost="2, and 1 for each server of a zone with several", role="any")
    async def servers(self) -> OtherService:
        """The servers of the own zone, and in which state of Raft each is, the leader. Raises as Pools."""
        zones, malformed = await self._zones.anew()
        own = own_zone(zones, self._oned.url)
        found: dict[str, str] = {}
        if own is None or not own.servers:
            found[self._oned.url.host or ""] = await self._raft(self._oned.url)
        else:
            async with asyncio.TaskGroup() as group:
                asked = {one.name: group.create_task(self._state(one)) for one in own.servers[:MOST]}
            found = {name: task.result() for name, task in asked.items()}
        zone = "" if own is None else own.name
        counted = (("servers", found.values()), ("zones", [one.state for one in zones]))
        objects = [
            Objects(sort, {name: Count(number) for name, number in Counter(of_sort).items()}, None, {})
            for sort, of_sort in counted
        ]
        agents = [_agent(name, state, zone) for name, state in found.items()]
        return OtherService(SERVICE, tuple(agents), tuple(objects), malformed)

    async def _others(self) -> dict[str, URL]:
        """The endpoints beside the configured one, by the name that is shown; none while they are unknown."""
        try:
            zones, _ = await self._zones.not_older_than(_KEPT_S)
        except (CollectError, LeftOutError):
            zones, _ = self._zones.last or ([], 0)
        own = own_zone(zones, self._oned.url)
        others: list[Zone | Server] = [one for one in zones if one is not own]
        servers = () if own is None else own.servers
        named = {f"{SERVICE}/{one.name}": one.url for one in (*others, *servers)}
        return {name: url for name, url in named.items() if url is not None and self._is_another(url)}

    def _is_another(self, url: URL) -> bool:
        """Whether it is another's, as seen from here: `localhost` is oned's machine only if oned is here."""
        return url != self._oned.url and (not is_here(url) or is_here(self._oned.url))

    async def _state(self, server: Server) -> str:
        try:
            return _ERROR if server.url is None else await self._raft(server.url)
        except (CollectError, LeftOutError):
            return _ERROR

    async def _raft(self, url: URL) -> str:
        """The server's state. The credential goes to another server of the zone, whose users are the same."""
        if self._oned.url.scheme == "https" and url.scheme != "https":
            return _ERROR
        text = await self._oned.call("zone.raftstatus", url=url)
        try:
            return states.raft(int(root(text).findtext("STATE", "")))
        except ValueError as error:
            raise CollectError(Reason.MALFORMED, f"{SERVICE}: zone.raftstatus: {error}") from error

    async def _look(self, name: str, url: URL) -> None:
        checks = self._checks[name]
        await checks.record(self._oned.look("check", url, at_most_s(self._timeout_s)))

    async def _read_zones(self) -> tuple[list[Zone], int]:
        return await self._pools.whole("zonepool.info", "ZONE", zone)


def own_zone(zones: Sequence[Zone], url: URL) -> Zone | None:
    """The zone of an endpoint: the one that names it, else the only one; None if it cannot be told."""
    named = [zone for zone in zones if url in (zone.url, *(server.url for server in zone.servers))]
    candidates = named or zones
    return candidates[0] if len(candidates) == 1 else None


def zone(element: Element) -> Zone:
    """A zone of the pool. Raises ValueError, KeyError if it makes no sense."""
    found = fields(element)
    servers = [fields(one) for one in element.iterfind("SERVER_POOL/SERVER")]
    return Zone(
        found["NAME"],
        states.zone(int(found.get("STATE") or 0)),
        _address(element.findtext("TEMPLATE/ENDPOINT", "")),
        tuple(Server(one["NAME"], _address(one["ENDPOINT"])) for one in servers),
    )


def _address(text: str) -> URL | None:
    try:
        url = URL(text)
        is_good = url.scheme in ("http", "https") and bool(url.host) and url.port != 0
    except ValueError:
        return None
    return url if is_good else None


def _agent(name: str, state: str, zone_name: str) -> Service:
    return Service(
        service=SERVICE,
        binary=SERVICE,
        host=name,
        zone=zone_name,
        is_up=state not in _DOWN,
        is_enabled=None,
        reason="",
        heartbeat=None,
        is_leader=None if state == states.SOLO else state == states.LEADER,
    )
