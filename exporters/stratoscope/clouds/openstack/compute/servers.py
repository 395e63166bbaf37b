"""All servers. Source: Nova's GET /servers/detail?all_tenants=1; role admin, others see their own project's.

The complete list is read every 30 minutes, in between only changes (`changes-since`), including deleted
servers. A list that takes longer than a refresh may continues at the next one, from the page that it reached.

Some changes are only in the complete list: a new floating address does not count as a change of the server.

With notifications both lists are read every 10 and 30 minutes, and the answer comes from what is known.
"""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.events import ASKED_S, Events, Missed, Outcome
from stratoscope.clouds.events import MOST as MOST_HEARD
from stratoscope.clouds.model import VM, VMs
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import unix_seconds
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Page, Query
from stratoscope.clouds.openstack.compute.missing_faults import MOST, MissingFaults
from stratoscope.clouds.openstack.compute.notification import Notification
from stratoscope.clouds.openstack.compute.server import (
    BUILD,
    CONDITIONS,
    GONE,
    SERVER_IDS,
    SERVERS,
    Server,
    Texts,
    of_unknown_state,
    vm,
)
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.clouds.resources import by_uuid
from stratoscope.clouds.vm_index import VMIndex
from stratoscope.core.collector import Every
from stratoscope.core.deadline import time_left_s
from stratoscope.core.errors import CollectError, Reason

_LISTED_EVERY_S: Final = 1800.0
_FORGOTTEN_S: Final = 3600.0
"""After this time without an answer the complete list is read, as at the start: a list of changes might not
end in time."""
_OVERLAP_S: Final = 60.0
"""A list of changes begins this long before the last list: each of Nova's services has its own clock, and
services whose clocks differ by more count as down (`service_down_time`)."""
_DOUBTFUL_S: Final = 86400.0
"""So long after a server vanished without a word the list is no proof that a server is gone: its cell may not
answer."""
_CLOCK_OFF_S: Final = 3600.0
"""The most by which this machine's clock can be ahead of the cloud's: with more, tokens would be invalid."""
_EVERYBODYS: Final = {"all_tenants": "1"}
_OWN: Final[Mapping[str, str]] = {}
_STATES: Final = ("ACTIVE", "BUILD", "ERROR", "SHUTOFF")
"""States that are counted even if no server was ever in them."""
_TRIES: Final = 3
_AT_ONCE: Final = 50
"""Servers that are processed in one turn of the event loop, 0.4 ms: a scrape waits for several turns."""
_TEXTS: Final = 100_000
"""With more texts than that, many are no longer used: images are created and deleted."""
_OUT_OF_TIME: Final = frozenset({Reason.TIMEOUT, Reason.BUSY})


class _WholeList:
    """A complete list that is being read.

    Attributes:
        began, began_at: On the monotonic clock; as Unix seconds.
        scope: Of the query: all projects' servers, or those of the credential's project.
        unlisted: Servers that were known when it began, and have not been listed since.
        failures: How often the request for the next page failed.
        malformed: Number of malformed items so far.
    """

    def __init__(self, clock: Clock, scope: Mapping[str, str], known: dict[str, VM]) -> None:
        self.began, self.began_at = clock.monotonic(), clock.now()
        self.scope, self.unlisted = scope, known
        self.failures = self.malformed = 0
        self._query: Query = {**scope, **WHOLE_PAGE}
        self._last: Sequence[str] = ()

    def came_to(self, query: Query, servers: Sequence[Server]) -> None:
        """Record that a page was read. Args: query: For the next page. servers: Those of this page."""
        self._query, self._last = query, [server.id for server in servers]
        self.failures = 0

    def next_page(self, index: VMIndex) -> Query:
        """The query for the next page: after the last server that still exists, since Nova requires that."""
        still_there = (vm_id for vm_id in reversed(self._last) if index.get(vm_id) is not None)
        marker = next(still_there, None)
        return {**dict(self._query), "marker": marker} if marker is not None else self._query


class Servers(Reader):
    """The servers of one cloud, kept up to date. Attributes: index: The known servers."""

    def __init__(self, api: Api, names: Names, clock: Clock = CLOCK, events: Events | None = None) -> None:
        self.index = VMIndex(_STATES, CONDITIONS)
        self._api, self._names, self._clock = api, names, clock
        self._events = Events(clock) if events is None else events
        self._began = 0.0
        self._vouched = False
        self._texts, self._missing_faults = Texts(), MissingFaults(api)
        self._scope: Mapping[str, str] = _EVERYBODYS
        self._list: _WholeList | None = None
        self._listed_at: float | None = None
        self._known_until = self._known_at = self._newest = 0.0
        self._building: set[str] = set()
        self._silent: set[str] = set()
        self._missing: set[str] = set()
        self._lost: set[str] = set()
        self._overlooked = False
        self._doubtful: dict[str, float] = {}

    @property
    def whole_at(self) -> float | None:
        """The moment, by the monotonic clock, for which the servers of all projects are known; None if they
        are not.
        """
        is_whole = self._listed_at is not None and self._scope is _EVERYBODYS
        return self._known_at if is_whole else None

    @question(
        "servers",
        Every(60, 50, 300),
        cost="1 for each 1,000 servers that changed, 1 more while any stays in BUILD, "
        f"at most {MOST} for servers in error whose fault no list has; "
        "every 30 minutes 1 for each 1,000 servers; with `events` the others every 10 minutes, and "
        "at most every 5 s while an event lacks values",
        role="admin; any other sees its own project's",
        lists=by_uuid("vms"),
    )
    async def read(self) -> VMs:
        """All current servers.

        Raises as Api; CollectError `busy` until the first list is complete: a part is not shown as all.
        """
        malformed, self._began = 0, self._clock.monotonic()
        self._events.settle()
        if self._is_spared():
            return replace(await self._answer(0), as_of=self._known_until)
        self._vouched = self._listed_at is not None and self._events.vouches(self._known_at)
        if self._listed_at is not None and self._clock.monotonic() - self._known_at > _FORGOTTEN_S:
            self._list, self._listed_at = None, None
            self._forget(self._scope)
        # Before a whole list, too: those that it lacks are gone if the changes say so.
        if self._listed_at is not None:
            malformed = await self._read_changes()
        listed_at = -math.inf if self._listed_at is None else self._listed_at
        if self._list is not None or self._clock.monotonic() - listed_at >= _LISTED_EVERY_S:
            malformed += await self._read_all()
        if self._listed_at is None:
            raise CollectError(Reason.BUSY, f"the first list is incomplete: {len(self.index)} servers so far")
        if self._missing:
            await self._read_changes()  # what makes no sense in it was counted above
        await self._missing_faults.ask(self.index)
        return await self._answer(malformed)

    def hear(self, said: Notification) -> Outcome:
        """Apply a notification, unless a list or another notification was newer.

        Raises ValueError for one of a moment to come, after which all others would be late.
        """
        server = said.server
        known = None if server is None else self.index.get(server.id)
        if server is None or (self._scope is _OWN and known is None):
            return Outcome.ASKED if said.is_lacking else Outcome.IGNORED
        if known is None and len(self.index) + len(self.index.ended) >= MOST_HEARD:
            return Outcome.IGNORED
        updated = unix_seconds(server.updated or server.created)
        if updated > self._clock.now() + _CLOCK_OFF_S:
            raise ValueError("a moment to come")
        is_old = known is not None and known.state != BUILD and updated < known.changed
        if is_old or self._events.is_late(server.id, updated):
            return Outcome.LATE
        is_lacking = said.is_lacking or self._is_in_doubt(server, known, updated)
        self._events.says(server.id, updated, is_gone=server.status in GONE)
        if server.status in GONE:
            self.index.end(server.id)
            self._forget_one(server.id)
        else:
            self._keep(server, known)
        if self._list is not None:
            self._list.unlisted.pop(server.id, None)
        self._missing.discard(server.id)
        self._doubtful.pop(server.id, None)
        return Outcome.ASKED if is_lacking else Outcome.APPLIED

    def _is_in_doubt(self, server: Server, known: VM | None, updated: float) -> bool:
        """Whether source and destination of a migration say different hosts in the same second."""
        is_moved = known is not None and known.host and server.host and known.host != server.host
        return bool(is_moved) and self._events.is_newer(server.id, updated, -math.inf)

    def _is_spared(self) -> bool:
        """Whether the answer needs no request: notifications have said all changes."""
        now = self._clock.monotonic()
        is_listed = self._listed_at is not None and now - self._listed_at < _LISTED_EVERY_S
        if not is_listed or self._list is not None or self._missing or self._scope is _OWN:
            return False
        is_asked = self._events.is_asked and now - self._known_at >= ASKED_S
        return self._events.spares(self._known_at) and not is_asked

    async def _answer(self, malformed: int) -> VMs:
        answer = self.index.vms(
            {},
            {},
            is_whole=self._scope is _EVERYBODYS,
            malformed=malformed,
            is_complete=self._is_complete(),
        )
        projects, users = await self._names.projects(), await self._names.users(answer.by_user)
        return replace(answer, projects=projects, users=users)

    def _is_complete(self) -> bool:
        """Whether a server that is not known is gone, or never was."""
        since = self._clock.monotonic() - _DOUBTFUL_S
        self._doubtful = {vm_id: at for vm_id, at in self._doubtful.items() if at > since}
        return not (self._overlooked or self._lost or self._missing or self._doubtful)

    async def _read_all(self) -> int:
        """Continue the complete list, or begin one. Returns the number of malformed items.

        If Nova refuses all projects' servers, which it does at the first page, the credential's project is
        listed.
        """
        whole = self._list = self._list or _WholeList(self._clock, _EVERYBODYS, self.index.known())
        try:
            return await self._read_pages(whole)
        except ForbiddenError:
            self._list = None
            if whole.scope is _OWN:
                raise
        except CollectError as error:
            whole.failures += error.reason not in _OUT_OF_TIME
            if whole.failures == _TRIES:
                self._list = None
            raise
        self._list = _WholeList(self._clock, _OWN, self.index.known())
        return await self._read_all()

    async def _read_pages(self, whole: _WholeList) -> int:
        """Read pages while there is time for another one and for the changes."""
        malformed, longest_s, began = 0, 0.0, time.monotonic()
        async with aclosing(self._api.pages(SERVERS, whole.next_page(self.index))) as pages:
            async for page in pages:
                if whole.scope is not self._scope:
                    self._forget(whole.scope)
                await self._take(page)
                malformed += page.malformed
                whole.malformed += page.malformed
                if page.next_query is None:
                    SERVERS.check(len(self.index), malformed)
                    self._end_list(whole)
                    await asyncio.sleep(0)
                    break
                whole.came_to(page.next_query, page.items)
                longest_s = max(longest_s, time.monotonic() - began)
                if time_left_s() < 4 * longest_s + 1:
                    break
                began = time.monotonic()
        return malformed

    async def _read_changes(self) -> int:
        """Read what changed since the last list. Returns the number of malformed items."""
        began, began_at = self._clock.monotonic(), self._clock.now()
        silent, mentioned, malformed = self._silent, set[str](), 0
        is_asked, self._events.is_asked = self._events.is_asked, False
        try:
            building = await self._read_building() if silent else frozenset()
            async for page in self._api.pages(SERVERS, self._changes()):
                mentioned |= await self._take(page)
                malformed += page.malformed
        except ForbiddenError:
            self._listed_at = None  # the right was taken away: begin anew with what may be seen
            raise
        except CollectError:
            self._events.is_asked = is_asked or self._events.is_asked
            raise
        self._overlooked = self._overlooked or malformed > 0
        self._known_until, self._known_at = began_at, began
        self._end_changes(silent - building - mentioned)
        self._silent = self._building - mentioned
        return malformed

    def _changes(self) -> Query:
        """The query for changes since the last list, by the earlier of the cloud's clock and this
        machine's.
        """
        newest = max(self._newest, self._known_until - _CLOCK_OFF_S)
        since = min(newest, self._known_until) - _OVERLAP_S
        text = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {**self._scope, **WHOLE_PAGE, "changes-since": text}

    async def _read_building(self) -> AbstractSet[str]:
        """Ids of the servers in BUILD; of all that may be in BUILD if some items are malformed.

        A server that was deleted before it was in a cell is in no list of changes.
        """
        building: set[str] = set()
        async for page in self._api.pages(SERVER_IDS, {**self._scope, **WHOLE_PAGE, "status": BUILD}):
            building.update(server.id for server in page.items)
            if page.malformed:
                building |= self._silent
        return building

    async def _take(self, page: Page[Server]) -> AbstractSet[str]:
        """Put the servers of a page into the index, a few at a time so that the event loop runs. Returns
        their ids.
        """
        for start in range(0, len(page.items), _AT_ONCE):
            for server in page.items[start : start + _AT_ONCE]:
                self._put(server)
            await asyncio.sleep(0)
        ids = {server.id for server in page.items}
        self._missing -= ids
        if self._list is not None:
            for vm_id in ids:
                self._list.unlisted.pop(vm_id, None)
        return ids

    def _put(self, server: Server) -> None:
        """Take a server of a list, unless a notification said more of it while the list was read."""
        updated, known = unix_seconds(server.updated or server.created), self.index.get(server.id)
        if server.updated is not None:
            self._newest = max(self._newest, updated)
        self._doubtful.pop(server.id, None)
        if self._events.is_newer(server.id, updated, self._began):
            return
        if server.status in GONE:
            self._drop(server.id)
        elif server.is_partial and known is not None:
            self._set(of_unknown_state(known), server)
        else:
            self._set(vm(server, self._texts), server)
        if self._vouched:
            self._compare(server.id, known, self.index.get(server.id))

    def _keep(self, server: Server, known: VM | None) -> None:
        """Take a server of a notification, which lacks what is known: floating addresses, mostly the zone."""
        one = vm(server, self._texts)
        if known is not None and known.state != BUILD:
            one = replace(one, addresses=known.addresses)
        if known is not None and known.host == one.host:
            one = replace(one, zone=known.zone)
        self._set(one, server)

    def _compare(self, vm_id: str, before: VM | None, after: VM | None) -> None:
        """Note a change that a list has, and that notifications should have said."""
        if before is after:
            return
        if before is None or after is None:
            self._events.found(vm_id, Missed.ADDED if before is None else Missed.REMOVED)
        elif _sayable(before) != _sayable(after):
            self._events.found(vm_id, Missed.CHANGED)

    def _set(self, one: VM, server: Server) -> None:
        self.index.put(self._with_fault(one, is_listed=server.fault is not None))
        if server.status == BUILD:
            self._building.add(server.id)
        else:
            self._building.discard(server.id)

    def _with_fault(self, one: VM, *, is_listed: bool) -> VM:
        if one.fault is not None and not is_listed:
            return self._missing_faults.explained(one)
        if one.vm_id in self._missing_faults:
            self._missing_faults.drop(one.vm_id)
        return one

    def _end_list(self, whole: _WholeList) -> None:
        """End a complete list. A server that is not on it is gone if it is in the changes, now or later.

        Nova omits the servers of a cell that does not answer from a list of several pages, without an error.
        They, and those whose item is malformed, are shown as UNKNOWN until the next complete list.
        """
        missing = {vm_id for vm_id in whole.unlisted if self.index.get(vm_id) is not None}
        self._doubtful |= dict.fromkeys(missing & self._lost, whole.began)
        for vm_id in missing & (self._lost | self._building):
            self._drop(vm_id)
        for vm_id in [*self.index.ended]:
            if not self._events.is_newer(vm_id, 0.0, whole.began):
                self._drop(vm_id)
        self._missing = missing - self._lost - self._building
        self._lost, self._overlooked = set(), whole.malformed > 0
        self._list, self._listed_at = None, whole.began
        if len(self._texts) > _TEXTS:
            self._texts = Texts()
        self._known_until = max(self._known_until, whole.began_at)
        self._known_at = max(self._known_at, whole.began)

    def _end_changes(self, vanished: AbstractSet[str]) -> None:
        for vm_id in vanished:
            if self._vouched:
                self._compare(vm_id, self.index.get(vm_id), None)
            self._drop(vm_id)
        for vm_id in self._missing:
            known = self.index.get(vm_id)
            if known is not None:
                self.index.put(of_unknown_state(known))
                self._lost.add(vm_id)
        self._missing = set()

    def _drop(self, vm_id: str) -> None:
        self.index.drop(vm_id)
        self._forget_one(vm_id)

    def _forget_one(self, vm_id: str) -> None:
        self._building.discard(vm_id)
        self._missing_faults.drop(vm_id)

    def _forget(self, scope: Mapping[str, str]) -> None:
        """Forget all. Args: scope: Of the next lists: all projects' servers, or those of the credential's
        project.
        """
        self._scope, self.index = scope, VMIndex(_STATES, CONDITIONS)
        self._building, self._silent, self._missing, self._lost = set(), set(), set(), set()
        self._overlooked, self._doubtful = False, {}


def _sayable(one: VM) -> VM:
    """A VM without what notifications do not say."""
    return replace(one, changed=0.0, zone="", addresses=None, fault=None)
