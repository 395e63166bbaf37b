"""What this service has to remember of others: the silences that it wrote, and how imports went."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, bindparam, delete, insert, select

from stratoscope.downtime.database import rows
from stratoscope.downtime.database.engine import Database
from stratoscope.downtime.database.tables import DOWNTIMES, IMPORTS, SILENCE_RECORDS
from stratoscope.downtime.imports.report import Report
from stratoscope.downtime.silences.record import SilenceRecord, Standing
from stratoscope.downtime.silences.silence import text_hash

_OF: Final = SILENCE_RECORDS.c
_REPORT: Final = msgspec.json.Decoder(Report)
_FORGET: Final = delete(SILENCE_RECORDS).where(
    _OF.alertmanager == bindparam("_alertmanager"),
    _OF.downtime_id == bindparam("_downtime_id"),
    _OF.set_hash == bindparam("_hash"),
)


class Records:
    """Of a database; a SilenceRecords."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def silence_records(self, alertmanager: str) -> Sequence[SilenceRecord]:
        """Those of one Alertmanager."""
        asked = select(SILENCE_RECORDS).where(_OF.alertmanager == alertmanager)
        return await self._database.read(lambda connection: _records(connection, asked))

    async def of_downtime(self, downtime_id: str) -> Sequence[SilenceRecord]:
        """Those of one downtime, by Alertmanager."""
        of_it = select(SILENCE_RECORDS).where(_OF.downtime_id == downtime_id)
        asked = of_it.order_by(_OF.alertmanager, _OF.matchers)
        return await self._database.read(lambda connection: _records(connection, asked))

    async def overridden(self, ids: Collection[str]) -> Collection[str]:
        """Those of these downtimes of which a person expired a silence, and that were not changed since."""
        asked = (
            select(_OF.downtime_id)
            .join(DOWNTIMES, (DOWNTIMES.c.id == _OF.downtime_id) & (DOWNTIMES.c.revision == _OF.revision))
            .where(_OF.downtime_id.in_(ids), _OF.standing == Standing.OVERRIDDEN)
        )
        return await self._database.read(lambda connection: frozenset(connection.execute(asked).scalars()))

    async def store_silence_records(self, records: Sequence[SilenceRecord]) -> None:
        """On disk when it returns; a record with the same key is replaced."""
        if records:
            await self._database.write(lambda connection: put(connection, records))

    async def forget_silence_records(self, records: Sequence[SilenceRecord]) -> None:
        """Those with these keys."""
        if records:
            await self._database.write(lambda connection: _forget(connection, records))

    async def import_report(self, source: str) -> Report | None:
        """How the imports from a source went; None if there was none."""
        asked = select(IMPORTS.c.report).where(IMPORTS.c.source == source)
        report = await self._database.read(lambda connection: connection.execute(asked).scalar_one_or_none())
        return None if report is None else _REPORT.decode(report)

    async def store_import_report(self, report: Report) -> None:
        """That of its source is replaced."""
        row = {"source": report.source, "report": msgspec.json.encode(report).decode()}

        def replace(connection: Connection) -> None:
            connection.execute(delete(IMPORTS).where(IMPORTS.c.source == report.source))
            connection.execute(insert(IMPORTS), row)

        await self._database.write(replace)


def _records(connection: Connection, asked: Select[Any]) -> tuple[SilenceRecord, ...]:
    return tuple(map(rows.record, connection.execute(asked)))


def put(connection: Connection, records: Sequence[SilenceRecord]) -> None:
    """Store records, one at least; part of a transaction that writes."""
    _forget(connection, records)
    connection.execute(insert(SILENCE_RECORDS), [rows.record_values(one) for one in records])


def _forget(connection: Connection, records: Sequence[SilenceRecord]) -> None:
    """All in one call of the driver: of hundreds, each would take as long as a request to Alertmanager."""
    keys = [
        {"_alertmanager": one.alertmanager, "_downtime_id": one.downtime_id, "_hash": text_hash(one.matchers)}
        for one in records
    ]
    connection.execute(_FORGET, keys)
