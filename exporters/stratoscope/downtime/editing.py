"""Downtimes are filed and changed by somebody: the rules that hold for the API and for the pages."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypedDict

import msgspec

from stratoscope.downtime.database.editing import Idempotency
from stratoscope.downtime.database.store import Store
from stratoscope.downtime.draft import Checked, Draft, checked
from stratoscope.downtime.model import PERSON, SCRIPT, Downtime
from stratoscope.downtime.windows.draft import CheckedWindow, WindowDraft, checked_window
from stratoscope.downtime.windows.recurrence import due
from stratoscope.downtime.windows.window import AHEAD_S, Window

ADMIN: Final = "admin"
"""The role that also ends and cancels what imports and clouds have filed."""
EDITOR: Final = "editor"
VIEWER: Final = "viewer"
READERS: Final = (VIEWER, EDITOR, ADMIN)
WRITERS: Final = (EDITOR, ADMIN)


class NotAllowedError(PermissionError):
    """A source that is no script has filed the downtime, and who asks is no admin."""

    def __init__(self, source: str) -> None:
        super().__init__(f"filed by {source}; allowed: the role {ADMIN}")


class _By(TypedDict):
    """Who changes a downtime, when, and as of which revision."""

    who: str
    now: int
    if_revision: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Editor:
    """Somebody who may file and change downtimes.

    Its methods raise as those of Store do. Those with a `revision` change the downtime only as of that one,
    None for any.

    Attributes:
        labels: That matchers may name beside draft.LABELS.
        changed: Called when downtimes have changed.
        who: The user.
        now: Unix time.
    """

    store: Store
    labels: Sequence[str]
    changed: Callable[[], None]
    who: str
    is_admin: bool
    now: int

    def checked(self, draft: Draft) -> Checked:
        """Raises FieldError."""
        return checked(draft, self.now, labels=self.labels)

    async def file(self, draft: Draft, *, key: str = "") -> Downtime:
        """File one. Args: key: The same request with it files no other; "" for none. Raises FieldError."""
        fields = self.checked(draft)
        once = Idempotency(key, msgspec.json.encode(draft)) if key else None
        return await self._done(self.store.file(fields, who=self.who, now=self.now, idempotency=once))

    async def checked_window(self, draft: WindowDraft) -> CheckedWindow:
        """Raises FieldError."""
        return await asyncio.to_thread(checked_window, draft, self.now, labels=self.labels)

    async def file_window(self, draft: WindowDraft, *, key: str = "") -> Window:
        """File a window, and its next occurrences. Args: key: As that of `file`. Raises FieldError."""
        recurrence, template = await self.checked_window(draft)
        windows = self.store.windows
        one = await windows.file(recurrence, template, who=self.who, now=self.now, key=key)
        soon = await asyncio.to_thread(due, recurrence, (), self.now, ahead_s=AHEAD_S)
        await windows.file_occurrences(one.id, soon, now=self.now)
        self.changed()
        return one

    async def change(self, downtime_id: str, draft: Draft, *, revision: int | None) -> Downtime:
        """Replace all that a person can say of it. Raises FieldError."""
        fields = self.checked(draft)
        return await self._done(self.store.change(downtime_id, fields, **self._by(revision)))

    async def extend(self, downtime_id: str, end: int | None, *, revision: int | None) -> Downtime:
        """Give it another end; None: until further notice."""
        by = self._by(revision)
        if end is None:
            return await self._done(self.store.extend_until_further_notice(downtime_id, **by))
        return await self._done(self.store.extend(downtime_id, end, **by))

    async def extend_by(self, downtime_id: str, by_s: int, *, revision: int | None) -> Downtime:
        """Move its end on; that of one that has ended: from now."""
        return await self._done(self.store.extend_by(downtime_id, by_s, **self._by(revision)))

    async def end(self, downtime_id: str, *, revision: int | None) -> Downtime:
        """End it now; one that has not begun is cancelled. Raises NotAllowedError."""
        await self._check_closing(downtime_id)
        return await self._done(self.store.end_now(downtime_id, **self._by(revision)))

    async def cancel(self, downtime_id: str, *, revision: int | None) -> Downtime:
        """Cancel it. Raises NotAllowedError."""
        await self._check_closing(downtime_id)
        return await self._done(self.store.cancel(downtime_id, **self._by(revision)))

    async def silence(self, downtime_id: str, *, revision: int | None) -> Downtime:
        """Have its silences written again, also those that a person expired or took over."""
        return await self._done(self.store.silence(downtime_id, **self._by(revision)))

    def may_close(self, one: Downtime) -> bool:
        """Whether they may end and cancel it."""
        return self.is_admin or one.source == PERSON or one.source.startswith(SCRIPT)

    async def _check_closing(self, downtime_id: str) -> None:
        one = await self.store.get(downtime_id)
        if not self.may_close(one):
            raise NotAllowedError(one.source)

    async def _done(self, doing: Awaitable[Downtime]) -> Downtime:
        one = await doing
        self.changed()
        return one

    def _by(self, revision: int | None) -> _By:
        return _By(who=self.who, now=self.now, if_revision=revision)
