"""The collector of this exporter. Source: its own database, and the reports of what keeps in step with it."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from stratoscope.core.collector import Collector
from stratoscope.core.metrics import Sample
from stratoscope.downtime.database.errors import Refusal
from stratoscope.downtime.database.store import Store
from stratoscope.downtime.families import OF_DOWNTIMES, OF_IMPORTS, OF_SILENCES
from stratoscope.downtime.imports import report as imports
from stratoscope.downtime.imports.importer import Importer
from stratoscope.downtime.keeper import Keeper, Stuck
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.notices import Notices
from stratoscope.downtime.samples import (
    AHEAD_S,
    of_database,
    of_import,
    of_leader,
    of_notices,
    of_scripts,
    of_silences,
    of_windows,
    samples,
)
from stratoscope.downtime.settings import DOWNTIMES
from stratoscope.downtime.silences import report as silences
from stratoscope.downtime.silences.reconciler import Reconciler


class Facts(NamedTuple):
    """All at one moment.

    Attributes:
        overridden: The ids of downtimes of which a person expired a silence.
        windows: Why those that are stuck are so.
        refused: Why the last change was not stored.
        leads: Of a process that does not, what it knows of silences and windows is old.
    """

    now: float
    downtimes: Sequence[Downtime]
    overridden: Collection[str]
    silences: Sequence[silences.Report]
    imports: Sequence[imports.Report]
    windows: Collection[Stuck]
    refused: Refusal | None
    leads: bool


class Downtimes(Collector[Facts]):
    """The downtimes that are active or come soon, and how far Alertmanagers and imports are in step."""

    offer = DOWNTIMES
    name = DOWNTIMES.name
    families = (*OF_DOWNTIMES, *OF_SILENCES, *OF_IMPORTS)

    def __init__(  # noqa: PLR0913 - all that it shows
        self,
        store: Store,
        reconcilers: Sequence[Reconciler],
        importers: Sequence[Importer],
        *,
        keeper: Keeper,
        notices: Notices,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keeper, self._notices = keeper, notices
        self._store, self._reconcilers, self._importers = store, reconcilers, importers
        self._clock = clock

    async def fetch(self) -> Facts:
        now = self._clock()
        live = await self._store.live(int(now), ahead_s=AHEAD_S)
        return Facts(
            now=now,
            downtimes=live,
            overridden=await self._store.records.overridden([one.id for one in live]),
            silences=[one.report for one in self._reconcilers],
            imports=[one.report for one in self._importers],
            windows=self._keeper.stuck.values(),
            refused=self._store.refused,
            leads=self._store.leadership.is_leader,
        )

    def samples(self, data: Facts, /) -> Iterable[Sample]:
        yield from samples(data.downtimes, data.now, data.overridden)
        yield from of_scripts(data.downtimes, data.now)
        yield from of_notices(self._notices.of(data.downtimes, data.now))
        yield from of_database(data.refused)
        yield of_leader(leads=data.leads)
        if data.leads:
            yield from of_windows(data.windows)
            for silence in data.silences:
                yield from of_silences(silence)
        for one in data.imports:
            yield from of_import(one)
