"""Recurring windows, stored; when they occur is not this module's business."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, func, insert, select, tuple_, update

from stratoscope.downtime.database import editing, rows
from stratoscope.downtime.database.editing import KEPT_S, Origin
from stratoscope.downtime.database.engine import Database
from stratoscope.downtime.database.errors import IdempotencyError, TooManyWindowsError, UnknownError
from stratoscope.downtime.database.finding import Place
from stratoscope.downtime.database.tables import DOWNTIMES, WINDOWS
from stratoscope.downtime.draft import Checked
from stratoscope.downtime.model import PERSON, Downtime, id_of, new_id
from stratoscope.downtime.windows.recurrence import Occurrence, Recurrence
from stratoscope.downtime.windows.window import Template, Window

MOST: Final = 1000
"""Windows that are not cancelled: once a minute each is looked at."""
_ORDERED: Final = select(WINDOWS).order_by(WINDOWS.c.created_at, WINDOWS.c.id)
_OPEN: Final = _ORDERED.where(WINDOWS.c.cancelled_at.is_(None))
_COUNT: Final = select(func.count()).select_from(WINDOWS).where(WINDOWS.c.cancelled_at.is_(None))


class WindowPage(NamedTuple):
    """Some windows, in order of their filing.

    Attributes:
        next: After which the next page begins; None: there is none.
    """

    windows: tuple[Window, ...]
    next: Place | None


class Windows:
    """The windows of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def file(
        self, recurrence: Recurrence, template: Template, *, who: str, now: int, key: str = ""
    ) -> Window:
        """Store a new window, whose recurrence was checked.

        Args:
            key: A request of the same user with the same key gives the window that it has filed, as it stands
                now, for a day; "" for none.

        Raises:
            IdempotencyError: The key was used for another window.
            TooManyWindowsError: There are MOST that are not cancelled.
        """

        def file(connection: Connection) -> Window:
            id_, filed = _keyed(connection, who, key, now) if key else (new_id(), None)
            if filed is not None:
                if (filed.recurrence, filed.template) != (recurrence, template):
                    raise IdempotencyError(key)
                return filed
            one = Window(
                id=id_, recurrence=recurrence, template=template, author=who, created_at=now, changed_at=now
            )
            if connection.execute(_COUNT).scalar_one() >= MOST:
                raise TooManyWindowsError(MOST)
            connection.execute(insert(WINDOWS), rows.window_values(one))
            return one

        return await self._database.change(file)

    async def get(self, window_id: str) -> Window:
        """Raises UnknownError: There is none."""
        return await self._database.read(lambda connection: _current(connection, window_id))

    async def open(self) -> Sequence[Window]:
        """Those that are not cancelled, in order of their filing."""

        def read(connection: Connection) -> tuple[Window, ...]:
            return tuple(map(rows.window, connection.execute(_OPEN)))

        return await self._database.read(read)

    async def running(self, window_id: str, now: int) -> Downtime | None:
        """The occurrence that lasts now, also of a window that is cancelled; None for none."""
        found = await self._database.read(lambda connection: _lasting(connection, window_id, now))
        return next((one for one in found if one.start <= now), None)

    async def all(self) -> Sequence[Window]:
        """All windows, also the cancelled ones, in order of their filing."""

        def read(connection: Connection) -> tuple[Window, ...]:
            return tuple(map(rows.window, connection.execute(_ORDERED)))

        return await self._database.read(read)

    async def page(self, *, limit: int, after: Place | None = None) -> WindowPage:
        """Up to `limit` windows, also cancelled ones. Args: after: `next` of the page before."""
        asked = _ORDERED.limit(limit + 1)
        if after is not None:
            place = tuple_(WINDOWS.c.created_at, WINDOWS.c.id)
            asked = asked.where(place > tuple_(after.start, after.id))

        def read(connection: Connection) -> tuple[Window, ...]:
            return tuple(map(rows.window, connection.execute(asked)))

        found = await self._database.read(read)
        last = found[limit - 1] if len(found) > limit else None
        return WindowPage(found[:limit], None if last is None else Place(last.created_at, last.id))

    async def cancel(self, window_id: str, *, who: str, now: int, end_running: bool = False) -> Window:
        """Cancel a window, and with it the occurrences that have not begun.

        Args:
            end_running: Whether an occurrence that lasts ends now.

        Raises:
            UnknownError: There is none.
        """

        def cancel(connection: Connection) -> Window:
            one = _current(connection, window_id)
            if one.cancelled_at is None:
                one = replace(one, cancelled_at=now, revision=one.revision + 1, changed_at=now)
                connection.execute(
                    update(WINDOWS).where(WINDOWS.c.id == one.id).values(rows.window_values(one))
                )
            for downtime in _lasting(connection, window_id, now):
                if end_running or now < downtime.start:
                    action, fields = editing.closing(downtime, now)
                    editing.save(connection, downtime, who, now, action, **fields)
            return one

        return await self._database.change(cancel)

    async def starts(self, window_id: str, since: int) -> frozenset[int]:
        """The starts from `since` on with which occurrences were filed, also of those that were moved or
        cancelled since."""
        return await self._database.read(lambda connection: _filed(connection, window_id, since))

    async def file_occurrences(
        self, window_id: str, due: Sequence[Occurrence], *, now: int
    ) -> Sequence[Downtime]:
        """File those occurrences that were not filed yet, each as a downtime of the window's author.

        Nothing is filed if the window was cancelled meanwhile.

        Raises:
            UnknownError: There is no such window.
        """

        def file(connection: Connection) -> Sequence[Downtime]:
            one = _current(connection, window_id)
            if one.cancelled_at is not None:
                return ()
            filed = _filed(connection, window_id, min((one.start for one in due), default=0))
            new = [_checked(one, occurrence) for occurrence in due if occurrence.start not in filed]
            origin = Origin(PERSON, window_id=window_id)
            return editing.file(connection, [(each, origin) for each in new], one.author, now)

        return await self._database.change(file)


def _checked(one: Window, occurrence: Occurrence) -> Checked:
    of = one.template
    return Checked(
        title=of.title, text=of.text, planned=of.planned, severity=of.severity,
        start=occurrence.start, end=occurrence.end, until_further_notice=False,
        matcher_sets=of.matcher_sets, silences=of.silences,
    )  # fmt: skip


def _filed(connection: Connection, window_id: str, since: int) -> frozenset[int]:
    of = DOWNTIMES.c
    asked = select(of.window_start).where(of.window_id == window_id, of.window_start >= since)
    return frozenset(connection.execute(asked).scalars())


def _keyed(connection: Connection, who: str, key: str, now: int) -> tuple[str, Window | None]:
    """The id for which a user and a key stand, and its window; after a day they stand for another one."""
    id_ = id_of(msgspec.json.encode((who, key)).decode())
    filed = _found(connection, id_)
    while filed is not None and filed.created_at < now - KEPT_S:
        id_ = id_of(msgspec.json.encode((who, key, id_)).decode())
        filed = _found(connection, id_)
    return id_, filed


def _current(connection: Connection, window_id: str) -> Window:
    one = _found(connection, window_id)
    if one is None:
        raise UnknownError("window", window_id)
    return one


def _found(connection: Connection, window_id: str) -> Window | None:
    row = connection.execute(select(WINDOWS).where(WINDOWS.c.id == window_id)).first()
    return None if row is None else rows.window(row)


def _lasting(connection: Connection, window_id: str, now: int) -> Sequence[Downtime]:
    """Occurrences that last now or are to come."""
    of = DOWNTIMES.c
    asked = select(DOWNTIMES).where(of.window_id == window_id, of.end > now, of.cancelled_at.is_(None))
    return tuple(map(rows.downtime, connection.execute(asked)))
