"""Imports from one source: fetch, map, store. A fetch that fails changes nothing of what is stored."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

import msgspec

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.core.errors import CollectError
from stratoscope.core.part import Task
from stratoscope.downtime.draft import Checked, FieldError
from stratoscope.downtime.imports.announced import (
    PAST_S,
    Announced,
    DocumentError,
    Parsed,
    RowError,
    Rows,
    Skip,
)
from stratoscope.downtime.imports.held import Held
from stratoscope.downtime.imports.mapping import Table, filed
from stratoscope.downtime.imports.report import Report
from stratoscope.downtime.imports.settings import Import

log = logging.getLogger(__name__)

MOST_SHOWN: Final = 100
"""Rows that are not mapped, in a report."""
_PIECE: Final = 100
_WAIT_S: Final = 3.0
"""Between two looks whether this process leads."""
_EMPTY: Final = "the last answer has no row; that counts if the next one has none either"


class ExternalStore(Protocol):
    """Where the downtimes of sources are stored."""

    async def upsert_external(
        self, source: str, rows: Mapping[str, Checked], *, now: int, unread: Collection[str] = ()
    ) -> bool:
        """Make what is stored of a source equal to `rows`, see Store; whether that changed anything."""


class Reports(Protocol):
    """Where it is stored how imports went."""

    async def import_report(self, source: str) -> Report | None:
        """None: nothing is known of the source."""

    async def store_import_report(self, report: Report) -> None:
        """That of its source is replaced."""


class Source(Protocol):
    """What can be fetched."""

    async def fetch(self, now: float) -> Parsed:
        """Raises CollectError."""


class Importer:
    """One source.

    An answer without any row counts when it comes a second time in a row: so a source that has lost its
    database for a moment does not cancel everything. Of several processes with one database the one that
    leads imports; the others show what it stores of how that went.

    Attributes:
        report: How it goes; after a restart, how it went before.
    """

    def __init__(  # noqa: PLR0913 - all that it works with
        self,
        settings: Import,
        source: Source,
        store: ExternalStore,
        reports: Reports,
        *,
        labels: Collection[str] = (),
        changed: Callable[[], None] = lambda: None,
        leads: Callable[[], bool] = lambda: True,
        clock: Clock = CLOCK,
    ) -> None:
        """Take what it works with.

        Args:
            labels: Those that matchers may name beside LABELS.
            changed: Called when downtimes have changed.
            leads: Whether this process is the one of several that imports.
        """
        self._settings, self._source, self._store, self._reports = settings, source, store, reports
        self._labels, self._changed, self._leads, self._clock = labels, changed, leads, clock
        self._table = Table(settings.mapping)
        self._was_empty, self._held = False, Held()
        self.report = Report(source=settings.source)

    @property
    def task(self) -> Task:
        return Task(f"import {self._settings.name}", self.run)

    async def run(self) -> None:
        """Import once per interval, from start to start."""
        await self._recall()
        while True:
            if not self._leads():
                await self._clock.sleep(_WAIT_S)
                await self._recall()
                continue
            begun = self._clock.monotonic()
            await self.once()
            passed = self._clock.monotonic() - begun
            await self._clock.sleep(max(0.0, self._settings.interval - passed))

    async def once(self) -> None:
        """Import now. A failure is in the report."""
        now = self._clock.now()
        try:
            report = await self._imported(now)
        except CollectError as error:
            report = self._failed(now, error)
        if report is not None:
            await self._keep(report)

    async def _imported(self, now: float) -> Report | None:
        """None: this process does not lead any more. Raises CollectError, also if nothing can be stored."""
        parsed = await self._source.fetch(now)
        _check(parsed)
        if not self._leads():
            return None
        was_empty, self._was_empty = self._was_empty, not parsed.rows
        if parsed.rows or was_empty:
            report = await self._stored(parsed, now)
        else:
            report = msgspec.structs.replace(self.report, tried_at=now, reason=None, words=_EMPTY)
        if self.report.reason is not None:
            log.info("import works again source=%s", self._settings.source)
        return report

    async def _recall(self) -> None:
        self.report = await self._reports.import_report(self._settings.source) or self.report

    async def _keep(self, report: Report) -> None:
        self.report = report
        try:
            await self._reports.store_import_report(report)
        except CollectError as error:
            log.warning("report is not stored source=%s error=%r", self._settings.source, str(error))

    async def _stored(self, parsed: Parsed, now: float) -> Report:
        rows, unmapped, refused = await self._mapped(parsed, now)
        ends = {external_id: one.end for external_id, one in rows.items()}
        unread, held = self._held.take(ends, parsed.unread | refused.unread, int(now))
        source = self._settings.source
        try:
            is_changed = await self._store.upsert_external(source, rows, now=int(now), unread=unread)
        except CollectError:
            self._changed()  # some of it may be stored
            raise
        if is_changed:
            self._changed()
        return Report(
            source=source,
            tried_at=now,
            imported_at=now,
            rows=len(rows),
            unmapped=len(unmapped),
            held=held,
            unmapped_rows=tuple(unmapped[:MOST_SHOWN]),
            skipped=dict(Counter(parsed.skipped) + Counter(refused.skipped)),
            skipped_words=(*parsed.words, *refused.words),
            errors=self.report.errors,
        )

    async def _mapped(self, parsed: Parsed, now: float) -> tuple[dict[str, Checked], list[Announced], Parsed]:
        """What is stored, what is not mapped, and what was refused. In pieces, for the loop."""
        found, unmapped, refused = dict[str, Checked](), list[Announced](), Rows()
        for number, row in enumerate(parsed.rows):
            if not number % _PIECE:
                await asyncio.sleep(0)
            if row.end < now - PAST_S:
                continue
            sets = self._table.matcher_sets(row)
            if not sets:
                unmapped.append(row)
                continue
            try:
                found[row.external_id] = filed(row, sets, self._settings.silences, now, labels=self._labels)
            except FieldError as error:
                refused.skip(row.external_id, RowError(Skip.REFUSED, str(error)))
        return found, unmapped, refused.parsed()

    def _failed(self, now: float, error: CollectError) -> Report:
        errors = Counter(self.report.errors) + Counter([error.reason])
        words = str(error)
        if self.report.reason is None:
            log.error(
                "import failed source=%s reason=%s error=%r", self._settings.source, error.reason, words
            )
        return msgspec.structs.replace(
            self.report, tried_at=now, errors=dict(errors), reason=error.reason, words=words
        )


def _check(parsed: Parsed) -> None:
    """Raises DocumentError: No row can be used, and to store that would cancel all."""
    skipped = sum(parsed.skipped.values())
    if skipped and not parsed.rows:
        raise DocumentError(f"none of {skipped} rows can be used: {parsed.words[0]}")
