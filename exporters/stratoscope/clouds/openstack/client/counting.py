"""Counts objects page by page, so that no complete list is held in memory."""

import sys
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from stratoscope.clouds.model import Count, Objects
from stratoscope.clouds.openstack.client.api import Access, Api
from stratoscope.clouds.openstack.client.extensions import extension
from stratoscope.clouds.openstack.client.fields import Id, Text, moment, size
from stratoscope.clouds.openstack.client.listing import Listing, Query
from stratoscope.clouds.orphans import Finder, Orphan, OrphanReason
from stratoscope.clouds.resources import Listed
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason

T = TypeVar("T")

_OUT_OF_TIME: Final = frozenset({Reason.TIMEOUT, Reason.BUSY})
_NO_TIME_S: Final = 1.0
MOST_LISTED: Final = 250_000
"""Objects of one list that are kept by id, some 130 bytes each, and as many again while a list is read."""


async def pages(api: Api, tally: "Tally", listing: Listing[T], query: Query) -> AsyncGenerator[list[T], None]:
    """The items of a list that is read from its beginning at each refresh, page by page.

    Args:
        tally: Counts malformed items. Its sort is the name of the collector whose time-out may be too short.

    Raises CollectError as Api; if the collector's time is over, its text has the number of items that were
    read.
    """
    began, read = time.monotonic(), 0
    async with aclosing(api.pages(listing, query)) as found:
        try:
            async for page in found:
                read += 1
                tally.malformed += page.malformed
                tally.is_cut = tally.is_cut or page.is_cut
                yield page.items
        except CollectError as error:
            if not read or error.reason not in _OUT_OF_TIME or not _is_over():
                raise
            so_far = f"{read} pages read in {time.monotonic() - began:.0f} s, and there are more"
            raise CollectError(
                error.reason, f"{error}; {so_far}: raise management.collectors.{tally.sort}.timeout"
            ) from error


def is_anothers(project_id: str | None, access: Access) -> bool:
    """Whether an object belongs to a project other than the credential's."""
    return bool(project_id) and project_id != access.project_id


def _is_over() -> bool:
    deadline = DEADLINE.get(None)
    return deadline is not None and deadline - time.monotonic() < _NO_TIME_S


def counted_row(names: Mapping[str, str] | None = None, **types: Any) -> type[msgspec.Struct]:
    """The type of an item with an `id`, a `status` and these fields.

    Args:
        names: The source's names of fields, if they are not those of `types`.
        types: Each is None if it is not reported; or a pair with another default.
    """
    pairs = ((name, one if isinstance(one, tuple) else (one | None, None)) for name, one in types.items())
    fields: list[Any] = [("id", Id), ("status", Text, ""), *((name, *pair) for name, pair in pairs)]
    return msgspec.defstruct("row", fields, frozen=True, gc=False, rename=names)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedList:
    """A list whose items are counted by `status`, `project_id` and, where they have it, `admin_state_up`.

    Attributes:
        sort: As `model.Objects.sort`, and the collector's name.
        hidden_owner: The project of an item that is visible only to a credential that sees all projects; else
            None.
        extension: Neutron's or Cinder's extension that the list belongs to; "" for none.
        unit: Bytes of 1 in the field `size`; 0 for items without a size.
        is_orphan: Whether an item is orphaned; None if unknown.
        is_named: Orphans and items in error are returned by name: the row has `name` and `changed`.
        error: What an item that is named is in error by, if its status does not say so; else "".
        default_owner: The project of an item without one; None if unknown.
        keeps_each: Whether the answer has each of them, by id.
    """

    sort: str
    listing: Listing[Any]
    query: Query
    hidden_owner: Callable[[Any], str | None]
    extension: str = ""
    unit: int = 0
    is_orphan: Callable[[Any], bool | None] | None = None
    is_named: bool = False
    error: Callable[[Any], str] = lambda _: ""
    default_owner: Callable[[Access], str | None] = lambda _: ""
    keeps_each: bool = False

    async def read(self, api: Api, each: Callable[[Any], None] = lambda _: None) -> Objects:
        """Count all items. Args: each: Called with each item. Raises as Api, and `extension`."""
        access, is_orphan = await api.access(), self.is_orphan or (lambda _: False)
        has_admin_state = "admin_state_up" in self.listing.fields
        tally = Tally(
            self.sort,
            is_sized=bool(self.unit),
            has_orphans=self.is_orphan is not None,
            has_admin_state=has_admin_state,
            is_named=self.is_named,
            keeps_each=self.keeps_each,
        )
        is_whole, default_owner = access.is_admin, self.default_owner(access)
        async with extension(api, self.extension, self.listing.service):
            async for items in pages(api, tally, self.listing, self.query):
                for row in items:
                    is_whole = is_whole or is_anothers(self.hidden_owner(row), access)
                    owner, is_bound_to_nothing = row.project_id or default_owner, is_orphan(row)
                    if self.is_named and (one := self._named(row, owner, is_orphan=is_bound_to_nothing)):
                        tally.name(one)
                    tally.add(
                        row.status,
                        owner,
                        size(row.size, self.unit) if self.unit else 0,
                        is_orphan=is_bound_to_nothing,
                        is_admin_down=_is_taken_down(row.admin_state_up) if has_admin_state else False,
                    )
                    tally.keep(row.id, row.status)
                    each(row)
        return tally.objects(is_whole=is_whole)

    def _named(self, row: Any, owner: str | None, *, is_orphan: bool | None) -> Orphan | None:
        """The item if it is orphaned or in error."""
        why = orphan_reason(row.status, is_orphan=is_orphan)
        if why is not OrphanReason.ERROR and (state := self.error(row)):
            return msgspec.structs.replace(orphan(row, row.name, owner, OrphanReason.ERROR), state=state)
        return None if why is None else orphan(row, row.name, owner, why)


def orphan_reason(state: str, *, is_orphan: bool | None) -> OrphanReason | None:
    """Why an object is named; None if it is not. Cinder has `error`, `error_deleting`, Neutron `ERROR`."""
    if state.lower().startswith("error"):
        return OrphanReason.ERROR
    return OrphanReason.UNBOUND if is_orphan else None


def orphan(row: Any, name: str | None, owner: str | None, reason: OrphanReason) -> Orphan:
    """Args: row: With `id`, `status` and `changed`."""
    return Orphan(row.id, name or "", owner or "", reason, row.status, moment(row.changed))


def _is_taken_down(admin_state_up: bool | None) -> bool | None:
    return None if admin_state_up is None else not admin_state_up


class Tally:
    """How many objects of one sort there are, by state and by project.

    Attributes:
        sort: As `model.Objects.sort`.
        malformed: Number of items that were malformed, or whose size was.
        is_cut: The source truncated the list.
    """

    def __init__(  # noqa: PLR0913 - what a sort has, each by its name
        self,
        sort: str,
        *,
        is_sized: bool = False,
        has_orphans: bool = False,
        has_admin_state: bool = False,
        is_named: bool = False,
        keeps_each: bool = False,
    ) -> None:
        self.sort, self._is_sized = sort, is_sized
        self._by_state: defaultdict[str, list[int]] = defaultdict(_nothing)
        self._by_project: defaultdict[str, list[int]] = defaultdict(_nothing)
        self._orphans = _nothing() if has_orphans else None
        self._admin_down = 0 if has_admin_state else None
        self._named = Finder() if is_named else None
        self._states: dict[str, str] | None = {} if keeps_each else None
        self._counted = self._unsized = 0
        self.malformed = 0
        self.is_cut = False

    def keep(self, one: str, state: str) -> None:
        """Keep an object that was counted by its id, if this sort is kept."""
        if self._states is not None and len(self._states) < MOST_LISTED:
            self._states[one] = sys.intern(state)

    def add(
        self,
        state: str,
        project_id: str | None,
        size: int | None = 0,
        *,
        is_orphan: bool | None = False,
        is_admin_down: bool | None = False,
    ) -> None:
        """Count one object.

        Args:
            project_id: None if the source does not report it.
            size: Bytes; None if unknown: then the sums of its state and its project are unknown, too.
            is_orphan: None if unknown: then the number of orphans is unknown, too.
            is_admin_down: It is administratively down; None as for `is_orphan`.
        """
        self._counted += 1
        if size is None:
            self.malformed += 1
            self._unsized += 1
        _count(self._by_state[state], size)
        if project_id is not None:
            _count(self._by_project[project_id], size)
        if is_orphan is None:
            self._orphans = None
        elif is_orphan and self._orphans is not None:
            _count(self._orphans, size)
        if is_admin_down is None:
            self._admin_down = None
        elif self._admin_down is not None:
            self._admin_down += is_admin_down

    def name(self, one: Orphan) -> None:
        """Return an object by name, if any of this sort is."""
        if self._named is not None:
            self._named.add(one)

    def objects(self, *, is_whole: bool) -> Objects:
        """The counts; empty for a truncated list, whose sums would be too small.

        Raises CollectError `malformed` if there are objects and all are malformed: 0 would be an invented
        value.
        """
        if self.malformed and not self._counted:
            raise CollectError(Reason.MALFORMED, f"{self.sort}: all {self.malformed} are malformed")
        if self.is_cut:
            return Objects(
                sort=self.sort,
                by_state={},
                orphans=None,
                by_project={},
                is_whole=False,
                malformed=self.malformed,
                listed=self._listed(),
            )
        return Objects(
            sort=self.sort,
            by_state={state: self._result(count) for state, count in self._by_state.items()},
            orphans=None if self._orphans is None else self._result(self._orphans),
            by_project={project_id: self._result(count) for project_id, count in self._by_project.items()},
            is_whole=is_whole,
            malformed=self.malformed,
            admin_down=self._admin_down,
            named=None if self._named is None else self._named.found(),
            listed=self._listed(),
        )

    def _listed(self) -> Listed | None:
        if self._states is None:
            return None
        is_all = len(self._states) == self._counted and self.malformed == self._unsized and not self.is_cut
        return Listed(self._states, is_all)

    def _result(self, count: list[int]) -> Count:
        return Count(count[0], count[1] if self._is_sized and not count[2] else None)


def _nothing() -> list[int]:
    """Number, bytes, and the number of objects whose size is unknown."""
    return [0, 0, 0]


def _count(count: list[int], size: int | None) -> None:
    count[0] += 1
    count[1] += size or 0
    count[2] += size is None
