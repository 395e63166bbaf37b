"""Downtimes and a real Alertmanager: from the request to the silence, all from nothing, and nothing to do."""

import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote
from urllib.request import urlopen

from aiohttp import ClientSession
from downtimes_filled import ACTIVE, COUNT, draft, fill
from from_tests import DowntimeProcess, RealAlertmanager, unpacked
from results import Result, at_most

from stratoscope.downtime.database.address import sqlite
from stratoscope.downtime.database.store import Store, opened
from stratoscope.downtime.model import Downtime
from stratoscope.downtime.silences.alertmanager import Alertmanager
from stratoscope.downtime.silences.apply import AT_ONCE
from stratoscope.downtime.silences.plan import KNOWN_S
from stratoscope.downtime.silences.reconciler import Reconciler
from stratoscope.downtime.silences.settings import AlertmanagerSettings
from stratoscope.downtime.silences.silence import Written, comment, encode

SUITE: Final = "trixie"
FILED: Final = 200
SYNCED: Final = 9
"""So often all silences are written, each time to an Alertmanager that has none."""
IDLE: Final = 15
_PAUSE_S: Final = 0.3
"""Between two that are filed, at most: at any moment of the reconciler's own rhythm."""
_GIVEN_UP_S: Final = 20.0
_LOOK_S: Final = 0.01
_NAME: Final = "am"
_IN_STEP: Final = f'stratoscope_downtime_silences_in_step{{alertmanager="{_NAME}"}} 1'


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "state").mkdir()
        asyncio.run(fill(place / "state"))
        with _alertmanager(place / "am") as am:
            found = _latencies(am, place)
            sync, idle_s = asyncio.run(_synced(am, place / "state"))
    print(f"{FILED} filed: median {statistics.median(found):.3f} s, at most {max(found):.3f} s")
    return [
        at_most("downtime: filed to silence, p95", sorted(found)[int(0.95 * len(found))], 1, "s"),
        at_most("downtime: filed to silence, at most", max(found), 5, "s"),
        at_most(f"downtime: {ACTIVE} of {COUNT} silences from nothing / raw POSTs", sync, 3),
        at_most(f"downtime: CPU of an idle reconcile of {ACTIVE}", idle_s, 0.5, "s"),
    ]


@contextmanager
def _alertmanager(folder: Path) -> Iterator[RealAlertmanager]:
    am = RealAlertmanager(unpacked(SUITE), folder).start()
    try:
        yield am
    finally:
        am.stop()


def _latencies(am: RealAlertmanager, place: Path) -> Sequence[float]:
    """Seconds from each request that files a downtime to its silence in Alertmanager's list."""
    service = DowntimeProcess(place, downtime={"alertmanagers": [{"name": _NAME, "urls": [am.url]}]}).start()
    dice = random.Random(1)  # noqa: S311 - moments
    try:
        _until(lambda: _IN_STEP in service.get())
        return [_latency(am, service, COUNT + number, dice) for number in range(FILED)]
    finally:
        service.stop()


def _latency(am: RealAlertmanager, service: DowntimeProcess, number: int, dice: random.Random) -> float:
    time.sleep(dice.uniform(0, _PAUSE_S))
    now = int(time.time())
    one = draft(number, now) | {"start": now - 60, "end": now + 3600}
    only = quote(f'host="n{number}"')
    began = time.perf_counter()
    service.file(**one)
    _until(lambda: _listed(f"{am.url}/api/v2/silences?filter={only}"))
    return time.perf_counter() - began


def _listed(url: str) -> bool:
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - http://127.0.0.1 only
        return bool(json.load(answer))


def _until(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + _GIVEN_UP_S
    while not holds():
        if time.monotonic() > ends:
            raise RuntimeError("no silence")
        time.sleep(_LOOK_S)


async def _synced(am: RealAlertmanager, state: Path) -> tuple[float, float]:
    """How many times the raw requests all silences take, and the CPU seconds if there is nothing to do."""
    ours, raw = list[float](), list[float]()
    for _ in range(SYNCED):
        _anew(am)
        async with _reconciler(am, state) as (reconciler, store):
            await store.records.forget_silence_records(await store.records.silence_records(_NAME))
            ours.append(await _timed(reconciler))
            if (reconciler.report.present, reconciler.report.trouble) != (ACTIVE + FILED, ""):
                raise RuntimeError(f"not in step: {reconciler.report}")
            bodies = await _bodies(store)
            idle = [await _idle_cpu_s(reconciler) for _ in range(IDLE)]
        _anew(am)
        raw.append(await _posted(am, bodies))
    print(f"from nothing: {statistics.median(ours):.3f} s, raw requests {statistics.median(raw):.3f} s")
    return statistics.median(ours) / statistics.median(raw), statistics.median(idle)


@asynccontextmanager
async def _reconciler(am: RealAlertmanager, state: Path) -> AsyncIterator[tuple[Reconciler, Store]]:
    client = Alertmanager(AlertmanagerSettings(name=_NAME, urls=(am.url,)))
    async with opened(sqlite(state)) as store:
        yield Reconciler(client, store, store.records), store
    await client.close()


async def _timed(reconciler: Reconciler) -> float:
    began = time.perf_counter()
    await reconciler.reconcile()
    return time.perf_counter() - began


async def _idle_cpu_s(reconciler: Reconciler) -> float:
    began = time.process_time()
    await reconciler.reconcile()
    used = time.process_time() - began
    if not reconciler.report.is_in_step:
        raise RuntimeError(f"not in step: {reconciler.report}")
    return used


def _anew(am: RealAlertmanager) -> None:
    am.kill()
    am.forget()
    am.start()


async def _bodies(store: Store) -> list[bytes]:
    now = time.time()
    return [encode(_written(one)) for one in await store.live(now, KNOWN_S) if one.start <= now]


def _written(one: Downtime) -> Written:
    (matchers,) = one.matcher_sets
    return Written(
        starts_at=one.start, ends_at=one.end, matchers=matchers, comment=comment(one, matchers, "")
    )


async def _posted(am: RealAlertmanager, bodies: Sequence[bytes]) -> float:
    """Seconds of the same requests, as many at once, and nothing else."""
    left = iter(bodies)
    async with ClientSession(headers={"Content-Type": "application/json"}) as session:

        async def post() -> None:
            for body in left:
                async with session.post(f"{am.url}/api/v2/silences", data=body) as response:
                    response.raise_for_status()
                    await response.read()

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(post())
        return time.perf_counter() - began
