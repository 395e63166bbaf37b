"""Hosts of which a script says that they are off, stored: each is a downtime of the source `script:CLOUD`."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from stratoscope.downtime.database import editing, rows
from stratoscope.downtime.database.editing import Origin
from stratoscope.downtime.database.engine import Database
from stratoscope.downtime.database.errors import EndedByHandError, OverCapError
from stratoscope.downtime.database.tables import CHANGES, DOWNTIMES
from stratoscope.downtime.draft import Checked
from stratoscope.downtime.model import SCRIPT, Action, Downtime, State


class Hosts:
    """The hosts of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def off(  # noqa: PLR0913 - all that is said of it
        self,
        cloud: str,
        host: str,
        asked: Checked,
        *,
        who: str,
        now: int,
        cap_s: int,
        kept: Collection[str] = (),
    ) -> Downtime:
        """File that a host is off from now, or change what is filed of it; it lasts on from its own start.

        Args:
            asked: Of the host, as from now.
            cap_s: For so long a host may be off.
            kept: The fields that stay as they are if it is off already.

        Raises:
            OverCapError: It is off for longer, and nobody has said since that it is back.
            EndedByHandError: A person has ended that, and nobody has said since that it is back.
        """
        origin = Origin(f"{SCRIPT}{cloud}", host)

        def off(connection: Connection) -> Downtime:
            last = _newest(connection, origin)
            if last is None or _is_over(last, now):
                if last is not None and (why := _held_back(connection, last, now, cap_s)) is not None:
                    raise why
                return editing.file(connection, [(asked, origin)], who, now)[0]
            most = last.start + cap_s
            if most <= now:
                raise OverCapError(host, cap_s)
            goes_on = last.until_further_notice and asked.until_further_notice
            end = last.end if goes_on else min(asked.end, most)
            fields = asked._asdict() | {"start": last.start, "end": end}
            fields |= {name: getattr(last, name) for name in kept}
            return editing.save(connection, last, who, now, Action.CHANGED, **fields)

        return await self._database.change(off)

    async def back(self, cloud: str, host: str, *, who: str, now: int) -> Downtime | None:
        """End what is filed of a host; None if nothing is, or all has ended."""

        def back(connection: Connection) -> Downtime | None:
            last = _newest(connection, Origin(f"{SCRIPT}{cloud}", host))
            if last is None:
                return None
            if _is_over(last, now):
                if _held_back(connection, last, now, 0) is not None:
                    editing.renew(connection, last, who, now, Action.BACK)
                return None
            _, closed = editing.closing(last, now)
            return editing.save(connection, last, who, now, Action.BACK, **closed)

        return await self._database.change(back)


def _newest(connection: Connection, origin: Origin) -> Downtime | None:
    """That which was filed last. Of those filed in the same second the one that is not cancelled is newer."""
    of = DOWNTIMES.c
    asked = (
        select(DOWNTIMES)
        .where(of.source == origin.source, of.external_id == origin.external_id)
        .order_by(of.created_at.desc(), of.cancelled_at.is_(None).desc())
        .limit(1)
    )
    row = connection.execute(asked).first()
    return None if row is None else rows.downtime(row)


def _is_over(one: Downtime, now: int) -> bool:
    return one.state(now) in {State.ENDED, State.CANCELLED}


def _held_back(
    connection: Connection, last: Downtime, now: int, cap_s: int
) -> OverCapError | EndedByHandError | None:
    """Why a host may not be off anew after a downtime that is over; None if it may."""
    of = CHANGES.c
    ends = of.downtime_id == last.id, of.action.in_((Action.CHANGED, Action.CANCELLED, Action.BACK))
    row = connection.execute(select(CHANGES).where(*ends).order_by(of.id.desc()).limit(1)).first()
    change = None if row is None else rows.change(row)
    if change is not None and change.action is Action.BACK:
        return None
    if last.until_further_notice and last.cancelled_at is None and last.start + cap_s <= now:
        return OverCapError(last.external_id, cap_s)
    if change is not None and (change.action is Action.CANCELLED or change.at >= last.end):
        return EndedByHandError(last.external_id, change.who)
    return None
