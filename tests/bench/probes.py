"""500 probes in one process, after a day of runs: CPU, memory, punctuality, and for how long its loop stands.

They run every 5 minutes, spread evenly, so that any part of the interval is like any other: a part of it is
measured. The ledger is filled before as it is after a day at this pace.

`python probes.py --config.file=...` is the exporter as a process that counts the runs of before, so that its
first page has all series, which others have after an interval. It tells how long its event loop stood still,
if a variable names the file for that.
"""

import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
from large import most_rss_bytes
from management_exporter import Stood
from probe import api
from probe_cloud import ProbeCloud, probe_cloud
from processes import Running, exporter
from results import Result, at_most
from snapshot import p99

from stratoscope.clouds.lifecycle import Phase
from stratoscope.core.app import main
from stratoscope.core.collector import Collections
from stratoscope.core.flags import Flags
from stratoscope.core.part import Opened, Part, Site, Task
from stratoscope.vmprobe import PROGRAM, tables
from stratoscope.vmprobe.database import Database
from stratoscope.vmprobe.entries import TIMEOUTS
from stratoscope.vmprobe.exporter import EXPORTER
from stratoscope.vmprobe.history import History
from stratoscope.vmprobe.phases import OPTIONAL
from stratoscope.vmprobe.probing import Probing
from stratoscope.vmprobe.record import Outcome, Run

COUNT: Final = 500
INTERVAL_S: Final = 300
LIMITS: Final = {"vms_at_once": 100, "vm_hours_per_day": 2000}
WARM_S: Final = 25.0
MEASURED_S: Final = 75.0
STOOD_S: Final = 45.0
_SCRAPED_EVERY_S: Final = 15.0
_DAY_S: Final = 86_400
_RUN_S: Final = 14.0
_SHARED: Final = "STRATOSCOPE_BENCH_SHARED"
_FULL: Final = (sys.executable, __file__, "--web.listen-address=127.0.0.1:0")


def _name(number: int) -> str:
    return f"boot{number:03}"


def _fill(file: Path) -> None:
    """A day of runs: 200 of each probe are remembered, and the VM-seconds of all."""
    now, rounds = time.time(), _DAY_S // INTERVAL_S
    phases = {phase: 1.234567 for phase in Phase if phase not in OPTIONAL}  # what these probes want
    database = Database(file)
    with database.transaction() as ledger:
        for turn in range(rounds):
            began = now - (rounds - turn) * INTERVAL_S
            ids = [f"{turn:08x}{number:08x}" for number in range(COUNT)]
            if turn >= rounds - tables.KEPT_RUNS:
                runs = [_run(one, _name(number), began, phases) for number, one in enumerate(ids)]
                rows = [(run.id, run.probe, run.outcome, began, msgspec.json.encode(run)) for run in runs]
                ledger.executemany(tables._SAVE, rows)
            intents = [(one, _name(number), "", began + 900, began, one) for number, one in enumerate(ids)]
            ledger.executemany("INSERT INTO intents VALUES (?, ?, ?, ?, ?, ?, NULL)", intents)
            objects = [(one, "server", f"{one}{one}", f"stratoscope-{one}", began, began + 10) for one in ids]
            ledger.executemany(
                "INSERT INTO objects (run, kind, id, name, is_vm, since, gone) VALUES (?, ?, ?, ?, 1, ?, ?)",
                objects,
            )
    database.close()


def _run(run_id: str, probe: str, began: float, phases: Any) -> Run:
    return Run(
        id=run_id,
        probe=probe,
        began=began,
        ended=began + _RUN_S,
        outcome=Outcome.SUCCESS,
        phases=phases,
        accepted_s={Phase.NETWORKED: 3.5, Phase.BUILT: 6.5},
        host=run_id * 3,
        vm_id=f"{run_id}{run_id}",
        image_id=f"{run_id}{run_id}",
        vm_s=_RUN_S,
        polls=14,
    )


@contextmanager
def _probing(cloud: ProbeCloud, command: Sequence[str]) -> Iterator[Running]:
    """The exporter; its probes run."""
    probes = [{"name": _name(number), "interval": f"{INTERVAL_S}s"} for number in range(COUNT)]
    assert list(TIMEOUTS) == list(Phase)
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder, "demo%2Fopenstack.db"))
        config = cloud.config(probes, limits=LIMITS)
        with exporter(config, command=[*command, f"--storage.path={folder}"]) as running:
            yield running


def _scrape(running: Running, seconds: float) -> None:
    """Scrape it for so long as Prometheus does."""
    ends = time.monotonic() + seconds
    while (left_s := ends - time.monotonic()) > 0:
        running.get(**{"Accept-Encoding": "gzip"})
        time.sleep(min(_SCRAPED_EVERY_S, left_s))


def _cost(cloud: ProbeCloud) -> tuple[float, float, float]:
    """Share of a core, memory in MB, and the lateness of runs: the 99th percentile in seconds."""
    with _probing(cloud, _FULL) as running:
        started = time.time()
        planned = {probe["name"]: probe["next_run"] for probe in api(running, "?runs=0")["probes"]}
        _scrape(running, WARM_S)
        before, began = running.cpu_s(), time.monotonic()
        asked = len(cloud.told()["requests"])
        _scrape(running, MEASURED_S)
        share = (running.cpu_s() - before) / (time.monotonic() - began)
        per_s = (len(cloud.told()["requests"]) - asked) / MEASURED_S
        rss = most_rss_bytes(running) / 1e6
        late = {}
        for probe in api(running, "?runs=1")["probes"]:
            for run in (*probe["runs"], *filter(None, [probe["running"]])):
                if run["outcome"] not in ("running", "success"):
                    raise RuntimeError(f"a run failed: {run}")
                if run["began"] > started:
                    late[planned[probe["name"]]] = run["began"] - planned[probe["name"]]
    first = [seconds for moment, seconds in late.items() if moment < started + WARM_S]
    others = [seconds for moment, seconds in late.items() if moment >= started + WARM_S]
    print(
        f"{len(late)} runs began, {per_s:.0f} requests a second; late at most {max(others):.2f} s, and"
        f" {max(first):.2f} s at the start, when the ledger is read"
    )
    return share, rss, p99(others)


def _stood(cloud: ProbeCloud) -> float:
    """How long its loop stood still at most, waits for a CPU not included."""
    with tempfile.NamedTemporaryFile(prefix="stood") as file:
        file.write(bytes(100))
        file.flush()
        with _probing(cloud, ["env", f"{_SHARED}={file.name}", *_FULL]) as running:
            stood = Stood(Path(file.name))
            _scrape(running, WARM_S / 2)
            start = stood.longest()
            ends, rounds = time.monotonic() + STOOD_S, []
            while time.monotonic() < ends:
                _scrape(running, _SCRAPED_EVERY_S)
                rounds.append(stood.longest())
    print(
        f"the loop stood, at the start {start[1] * 1e3:.0f} ms, then",
        *(f"{own * 1e3:.0f}" for _, own in rounds),
    )
    return max(own for _, own in rounds)


def run() -> list[Result]:
    with probe_cloud(0.7, 1.5) as cloud:
        share, rss, late_s = _cost(cloud)
        own_s = _stood(cloud)
    return [
        at_most(f"{COUNT} probes at 5 min: share of a core", share * 100, 15, "%"),
        at_most(f"{COUNT} probes at 5 min: RSS at most", rss, 150, "MB"),
        at_most(f"{COUNT} probes at 5 min: started late, p99", late_s, 1, "s"),
        at_most(f"{COUNT} probes at 5 min: the event loop stood still at most", own_s * 1e3, 50, "ms"),
    ]


@asynccontextmanager
async def _open() -> AsyncIterator[Opened]:
    yield Opened(tasks=[Task("beat", Stood(Path(os.environ[_SHARED])).beat)])


def _parts(settings: Any, site: Site) -> Iterator[Part]:
    yield from EXPORTER.parts(settings, site)
    if _SHARED in os.environ:
        yield Part(name="beat", identity=None, open=_open, collections=lambda _: Collections([]))


def count_remembered() -> None:
    """Let the probes of this process count the runs that are in the ledger."""
    remember = Probing.remember

    def counted(self: Probing, history: History) -> None:
        for one in history:
            self.tally.count(one)
        remember(self, history)

    Probing.remember = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    count_remembered()
    sys.exit(main(replace(EXPORTER, parts=_parts), Flags.parse(PROGRAM, sys.argv[1:])))
