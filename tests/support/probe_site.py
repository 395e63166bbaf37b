"""The routes of the probe exporter over loopback, with made-up probes behind them.

`python -m support.probe_site HOW FLAGS...`: `few` probes that show all there is to see, `500`, or `none`.
"""

import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from stratoscope.clouds.lifecycle import Phase, RunReason
from stratoscope.core.app import main
from stratoscope.core.collector import Collections
from stratoscope.core.exporter import Exporter
from stratoscope.core.flags import Flags
from stratoscope.core.part import Opened, Part
from stratoscope.core.program import Program
from stratoscope.vmprobe import PROGRAM
from stratoscope.vmprobe.record import Failure, Run
from stratoscope.vmprobe.routes import ROUTES, guard
from stratoscope.vmprobe.view import State
from support.asking import web_config
from support.fake_prober import FakeProber, failed, interrupted, probe, success
from support.services import FakeService, served


@asynccontextmanager
async def probing(
    *probers: FakeProber, users_in: Path | None = None, operators: Sequence[str] = ("alice",)
) -> AsyncIterator[str]:
    """Yields the URL; with users (alice and bob) if there is a folder for the file that names them."""
    shown = FakeService(
        name="vmprobe",
        summary=PROGRAM.summary,
        routes=ROUTES,
        templates="stratoscope.vmprobe",
        opened={f"{one.cloud}/openstack": one for one in probers},
        guard=guard(operators),
    )
    access = None if users_in is None else web_config(users_in)
    async with served(shown, access) as url:
        yield url


def few() -> Iterator[FakeProber]:
    """Two clouds with probes in every state."""
    built = Failure(
        Phase.BUILT, RunReason.TIMEOUT, "not ACTIVE after 120 s; " + "\N{SNOWMAN}<b>" * 60 + "x" * 400
    )
    quota = Failure(Phase.QUOTA_CHECK, RunReason.QUOTA, "quota exceeded for cores: 8 of 8 used, 1 requested")
    config = Failure(Phase.RESOLVE, RunReason.PROBE_MISCONFIGURED, "no flavor tyni; nearest: tiny, tiny.gpu")
    old = [success(number, ago_s=300.0 * (60 - number)) for number in range(1, 59)]
    old[44] = failed(45, ago_s=300.0 * 15)
    old[30] = interrupted(31, ago_s=300.0 * 29)
    hosts = {f"compute-{n}": success(n, ago_s=60.0 * n, host=f"compute-{n}") for n in range(2, 14)}
    hosts["compute-1"] = failed(1, ago_s=720, host="compute-1")
    running = Run(id="f" * 16, probe="now", began=time.time() - 4)
    soon = time.time() + 1800
    yield FakeProber(
        probe("boot-debian", *old, success(59)),
        probe(
            "boot-windows",
            *old[:12],
            failed(59, built, ago_s=720),
            state=State.BACKING_OFF,
            until=soon,
            next_run=soon,
            why="3 failures one after the other",
        ),
        probe("every-host", *old, hosts=hosts),
        probe("first", state=State.RUNNING, running=running, next_run=None),
        probe("matrix/tiny,debian-13,a-zone-with-a-name-that-is-long", *old[:5]),
        probe("paused-by-hand", *old, state=State.PAUSED, next_run=None, why="by hand"),
        probe(
            "limited", *old, state=State.LIMITED, next_run=None, why="24 of 24 VM-hours of the day are spent"
        ),
    )
    far = "a-cloud-far-away"
    yield FakeProber(
        probe("boot-debian", *old, failed(59, quota), cloud=far),
        probe("misspelt", failed(1, config), cloud=far),
        probe("no-host", *old[:20], failed(59), running=running, state=State.RUNNING, cloud=far),
        cloud=far,
    )  # fmt: skip


def crowd() -> Iterator[FakeProber]:
    """500 probes, of which every 50th fails."""
    runs = [success(number, ago_s=300.0 * (60 - number)) for number in range(1, 60)]
    names = [f"probe-{number:03}" for number in range(500)]
    yield FakeProber(*(probe(name, *runs, *([] if n % 50 else [failed(60)])) for n, name in enumerate(names)))


def exporter(probers: Sequence[FakeProber]) -> Exporter:
    @asynccontextmanager
    async def opened(prober: FakeProber) -> AsyncIterator[Opened]:
        yield Opened(value=prober)

    program = Program(name="vmprobe", port=0, summary=PROGRAM.summary)
    parts = [
        Part(name=one.cloud, identity=None, open=partial(opened, one), collections=lambda _: Collections([]))
        for one in probers
    ]
    return Exporter(
        program=program,
        parse=lambda *_: {},
        parts=lambda *_: parts,
        routes=ROUTES,
        templates="stratoscope.vmprobe",
        guard=lambda _: guard(()),
    )


def run(arguments: Sequence[str]) -> int:
    sites: Mapping[str, Callable[[], Iterable[FakeProber]]] = {"few": few, "500": crowd, "none": tuple}
    shown = exporter([*sites[arguments[0]]()])
    return main(shown, Flags.parse(shown.program, arguments[1:]))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
