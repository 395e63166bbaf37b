"""What consumers of allocations are that are on no list of servers. Role: admin.

Source: Nova's list of migrations and /servers/{id}, Placement's /allocations/{consumer}.

While a server moves, its migration holds what is allocated on the host that it leaves (since Queens, which
lists migrations with their ids). What ended before the first reading is looked for once among the newest. A
consumer that is no migration may be of another service: then Placement (since 1.38, Xena) knows its type, if
that service gave one. Nova gives none (up to 2025.1), and is asked for a server: one that is deleted softly
is on no list, and keeps its allocation.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.disagreements import DisagreementReason
from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Text, segment
from stratoscope.clouds.openstack.compute.migration_list import MigrationList, Move

CHECKED: Final = 20
_CHECKED_EVERY_S: Final = 3600.0
_MIGRATIONS_S: Final = 50.0
"""Less than a disagreement must last: a migration that holds an allocation then is on the list."""
_WITH_TYPES: Final = "1.38"
_UNKNOWN: Final = "unknown"
_OF_NOVA: Final = frozenset({_UNKNOWN, "INSTANCE", "MIGRATION"})
"""Types that Nova's consumers may have: `unknown` is what was given no type."""
Explained: TypeAlias = tuple[DisagreementReason, str]
"""What is wrong, and the id of the VM, "" if it is not known."""


class _Server(msgspec.Struct, frozen=True, gc=False):
    """Only that it is there."""


class _One(msgspec.Struct, frozen=True, gc=False):
    server: _Server


class _Consumer(msgspec.Struct, frozen=True, gc=False):
    """Of its allocations; without any there is no type."""

    consumer_type: Text = _UNKNOWN


class Consumers:
    """What is known of consumers that are no servers of the list."""

    def __init__(self, api: Api, migrations: MigrationList, clock: Clock = CLOCK) -> None:
        self._api, self._list, self._clock = api, migrations, clock
        # All by the consumer's id. Each is looked up as a migration, then by its type, then as a server.
        self._moves: dict[str, Move] = {}
        self._no_migrations: set[str] = set()
        self._types: dict[str, str] = {}
        self._gone: set[str] = set()  # Nova answers 404 for the server
        self._there: dict[str, float] = {}  # when Nova last answered that the server exists

    @property
    def of_others(self) -> Mapping[str, int]:
        """How many consumers other services than Nova have, by type, as far as it is known."""
        return Counter(one for one in self._types.values() if one not in _OF_NOVA)

    async def explain(self, consumers: Sequence[str]) -> Mapping[str, Explained]:
        """What is wrong with these, by id, as far as it is known; those that are right are not in it.

        All others are forgotten. Raises as Api.
        """
        self._forget(frozenset(consumers))
        unsure = [one for one in consumers if self._is_unsure(one)]
        if any(one not in self._no_migrations for one in unsure):
            await self._look_for_migrations(unsure)
        await self._check([one for one in unsure if one in self._no_migrations])
        found: dict[str, Explained] = dict.fromkeys(
            self._gone, (DisagreementReason.ALLOCATION_WITHOUT_VM, "")
        )
        for one, move in self._moves.items():
            if move.is_over:
                found[one] = DisagreementReason.ENDED_MIGRATION, move.vm_id
        return found

    def _is_unsure(self, consumer: str) -> bool:
        move = self._moves.get(consumer)
        is_over = move is not None and move.is_over
        is_of_others = self._types.get(consumer, _UNKNOWN) not in _OF_NOVA
        return consumer not in self._gone and not is_over and not is_of_others

    def _forget(self, present: frozenset[str]) -> None:
        self._moves = {one: known for one, known in self._moves.items() if one in present}
        self._there = {one: moment for one, moment in self._there.items() if one in present}
        self._types = {one: type_ for one, type_ in self._types.items() if one in present}
        self._no_migrations &= present
        self._gone &= present

    async def _look_for_migrations(self, wanted: Iterable[str]) -> None:
        """Those that are in progress are looked up each time; what is no migration never becomes one."""
        left = [one for one in wanted if one not in self._no_migrations]
        if await self._list.is_supported():
            await self._list.refresh(_MIGRATIONS_S)
            moves = {one: self._list.move(one) for one in left}
            found = {one: move for one, move in moves.items() if move is not None}
            older = [one for one in left if one not in found]
            if older:
                found |= await self._list.look_through(older)
            self._moves |= found
            left = [one for one in left if one not in found]
        self._no_migrations.update(left)

    async def _check(self, consumers: Iterable[str]) -> None:
        """Request a few of them, those longest ago first: whose they are, and then as servers."""
        now = self._clock.monotonic()
        due = [one for one in consumers if now - self._there.get(one, -_CHECKED_EVERY_S) >= _CHECKED_EVERY_S]
        for one in sorted(due, key=lambda one: self._there.get(one, 0.0))[:CHECKED]:
            if one not in self._types:
                self._types[one] = await self._type(one)
            if self._types[one] not in _OF_NOVA:
                continue
            try:
                path = f"/servers/{segment(one)}"
                await self._api.get("compute", path, _One, operation="server", version="2.96")
            except NotThereError:
                self._gone.add(one)
            else:
                self._there[one] = now

    async def _type(self, consumer: str) -> str:
        """The consumer's type, which its service gave it."""
        if not await self._api.knows("placement", _WITH_TYPES):
            return _UNKNOWN
        path = f"/allocations/{segment(consumer)}"
        try:
            read = await self._api.get(
                "placement", path, _Consumer, operation="allocations", version=_WITH_TYPES
            )
        except (ForbiddenError, NotThereError):
            return _UNKNOWN
        return read.consumer_type
