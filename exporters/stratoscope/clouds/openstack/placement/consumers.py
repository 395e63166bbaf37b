"""What consumers of allocations are that are on no list of servers. Role: admin.

Source: Nova's /os-migrations and /servers/{id}.

While a server moves, its migration holds what is allocated on the host that it leaves (since Queens, whose
2.59 has the ids of migrations). The newest 3,000 migrations are looked through, and resizes that wait to be
confirmed. A consumer that is none of them is requested as a server: one that is deleted softly is on no list,
and keeps its allocation.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Final, TypeAlias

import msgspec

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.disagreements import DisagreementReason
from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Id, Text, segment
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query

PAGES: Final = 3
CHECKED: Final = 20
_CHECKED_EVERY_S: Final = 3600.0
_WITH_IDS: Final = "2.59"
_ENDED: Final = frozenset({"confirmed", "reverted", "error", "failed", "completed", "cancelled", "done"})
"""The states in which a migration is over (nova/db/main/api.py: migration_get_in_progress_by_host_and_node).
`finished` is a resize that waits to be confirmed."""

_UNCONFIRMED: Final = {**WHOLE_PAGE, "status": "finished"}
"""Resizes wait for weeks, while many other migrations come after them."""
Explained: TypeAlias = tuple[DisagreementReason, str]
"""What is wrong, and the id of the VM, "" if it is not known."""


class _Migration(msgspec.Struct, frozen=True, gc=False):
    uuid: Id
    status: Text
    instance_uuid: Id = ""


class _Server(msgspec.Struct, frozen=True, gc=False):
    """Only that it is there."""


class _One(msgspec.Struct, frozen=True, gc=False):
    server: _Server


_MIGRATIONS: Final = Listing("compute", "/os-migrations", "migrations", _Migration, version="2.59")


class Consumers:
    """What is known of consumers that are no servers of the list."""

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._api, self._clock = api, clock
        self._migrations: dict[str, _Migration] = {}
        self._no_migrations: set[str] = set()
        self._gone: set[str] = set()
        self._there: dict[str, float] = {}

    async def explain(self, consumers: Sequence[str]) -> Mapping[str, Explained]:
        """What is wrong with these, by id, as far as it is known; those that are right are not in it.

        All others are forgotten. Raises as Api.
        """
        self._forget(frozenset(consumers))
        unsure = [one for one in consumers if one not in self._gone and not self._has_ended(one)]
        if any(one not in self._no_migrations for one in unsure):
            await self._look_through_migrations({*unsure})
        await self._check([one for one in unsure if one in self._no_migrations])
        found: dict[str, Explained] = dict.fromkeys(
            self._gone, (DisagreementReason.ALLOCATION_WITHOUT_VM, "")
        )
        for one, migration in self._migrations.items():
            if migration.status in _ENDED:
                found[one] = DisagreementReason.ENDED_MIGRATION, migration.instance_uuid
        return found

    def _has_ended(self, consumer: str) -> bool:
        migration = self._migrations.get(consumer)
        return migration is not None and migration.status in _ENDED

    def _forget(self, present: frozenset[str]) -> None:
        self._migrations = {one: known for one, known in self._migrations.items() if one in present}
        self._there = {one: moment for one, moment in self._there.items() if one in present}
        self._no_migrations &= present
        self._gone &= present

    async def _look_through_migrations(self, wanted: set[str]) -> None:
        """Those that are in progress are looked up each time; what is no migration never becomes one."""
        left = {*wanted}
        if await self._api.knows("compute", _WITH_IDS):
            for query in (WHOLE_PAGE, _UNCONFIRMED):
                if left:
                    await self._find(left, query)
        self._no_migrations |= left - self._migrations.keys()

    async def _find(self, left: set[str], query: Query) -> None:
        """Take from `left` those that are on a list of migrations."""
        number = 0
        async with aclosing(self._api.pages(_MIGRATIONS, query)) as pages:
            async for page in pages:
                for one in page.items:
                    if one.uuid in left:
                        self._migrations[one.uuid] = one
                        left.discard(one.uuid)
                number += 1
                if not left or number == PAGES:
                    break

    async def _check(self, consumers: Iterable[str]) -> None:
        """Request a few of them as servers: those longest ago first."""
        now = self._clock.monotonic()
        due = [one for one in consumers if now - self._there.get(one, -_CHECKED_EVERY_S) >= _CHECKED_EVERY_S]
        for one in sorted(due, key=lambda one: self._there.get(one, 0.0))[:CHECKED]:
            try:
                path = f"/servers/{segment(one)}"
                await self._api.get("compute", path, _One, operation="server", version="2.96")
            except NotThereError:
                self._gone.add(one)
            else:
                self._there[one] = now
