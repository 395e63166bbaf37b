"""What a source says of its downtimes is stored: part of a transaction that writes."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from stratoscope.downtime.database import editing, rows
from stratoscope.downtime.database.editing import Origin
from stratoscope.downtime.database.tables import DOWNTIMES
from stratoscope.downtime.draft import LONGEST_S, Checked
from stratoscope.downtime.hosts_off.plan import Plan
from stratoscope.downtime.model import DAY_S, Action, Downtime, State

_PAST_S: Final = LONGEST_S + 31 * DAY_S
"""What has ended so long ago is not looked at any more: no source speaks of it, and no host is off for so
long."""


async def newest(
    connection: AsyncConnection, source: str, now: int
) -> dict[str, tuple[Downtime, str | None]]:
    """By external id: the downtime of it that was filed last, and who has cancelled it."""
    # Of those filed in the same second the one that is not cancelled is the newer one.
    order = DOWNTIMES.c.external_id, DOWNTIMES.c.created_at, DOWNTIMES.c.cancelled_at.is_(None)
    asked = (
        select(DOWNTIMES)
        .where(DOWNTIMES.c.source == source, DOWNTIMES.c.end > now - _PAST_S)
        .order_by(*order)
    )
    found = await connection.execute(asked)
    return {row.external_id: (rows.downtime(row), row.cancelled_by) for row in found}


async def upsert(connection: AsyncConnection, source: str, wanted: Mapping[str, Checked], now: int) -> None:
    """See `Store.upsert_external`."""
    found = await newest(connection, source, now)
    new = []
    for external_id, checked in wanted.items():
        one, cancelled_by = found.get(external_id, (None, None))
        if one is None or (one.cancelled_at is not None and cancelled_by == source):
            new.append((checked, Origin(source, external_id)))
        elif one.cancelled_at is None:
            await editing.save(connection, one, source, now, Action.CHANGED, **checked._asdict())
    await editing.file(connection, new, source, now)
    for external_id, (one, _) in found.items():
        if external_id not in wanted and one.cancelled_at is None and one.end > now:
            await editing.save(connection, one, source, now, Action.CANCELLED, cancelled_at=now)


async def apply(connection: AsyncConnection, source: str, plan: Plan, now: int) -> None:
    """See `Store.apply_host_plan`."""
    filed = [(one.checked, Origin(source, one.external_id)) for one in plan.file]
    await editing.file(connection, filed, source, now)
    for downtime_id, end in plan.extend.items():
        one = await editing.current(connection, downtime_id)
        await editing.save(connection, one, source, now, Action.REARMED, end=end)
    for downtime_id in plan.end:
        one = await editing.current(connection, downtime_id)
        if one.state(now) is State.ACTIVE:
            await editing.save(connection, one, source, now, Action.CHANGED, end=now)
