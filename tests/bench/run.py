"""The benchmarks: ratios measured in one run; all of them write build/bench.json."""

import argparse
import ctypes
import sys
from collections.abc import Callable, Mapping
from typing import Final

import downtimes
import endurance
import front_page
import handle
import kills
import large
import live
import memory
import one_refresh
import pipeline
import probe
import probes
import recorded
import refresh
import renderer
import requests_made
import rules_cost
import snapshot
from processes import ROOT
from results import Result, show, write

LEAST_ROUNDS = 20
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # malloc.h
PARTS: Final[Mapping[str, Callable[[int], list[Result]]]] = {
    "renderer": renderer.run,
    "pipeline": pipeline.run,
    "recorded": lambda _: recorded.run(),
    "refresh": refresh.run,
    "large": lambda _: large.run(),
    "handle": lambda _: handle.run(),
    "snapshot": lambda _: snapshot.run(),
    "opennebula": one_refresh.run,
    "requests": lambda _: requests_made.run(),
    "endurance": lambda _: endurance.run(),
    "probe": lambda _: probe.run(),
    "probes": lambda _: probes.run(),
    "kills": lambda _: kills.run(),
    "downtime": lambda _: downtimes.run(),
    "rules": lambda _: rules_cost.run(),
    "dashboards": lambda _: front_page.run(),
    "memory": lambda _: memory.run(),
    "live": live.run,
}
"""By name; each takes the number of rounds."""


def keep_memory() -> None:
    """No memory that this process frees goes back to the system.

    How much does depends on what was freed before; to take it back is 5 to 20 % of the time of either side.
    """
    libc = ctypes.CDLL(None)
    if not (libc.mallopt(MMAP_THRESHOLD, 1 << 25) and libc.mallopt(TRIM_THRESHOLD, 1 << 30)):
        raise OSError("mallopt refused a threshold")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=25, help="of interleaved measurements, at least 20")
    options = parser.parse_args()
    if options.rounds < LEAST_ROUNDS:
        parser.error(f"--rounds: at least {LEAST_ROUNDS}")
    keep_memory()
    results = []
    for part in options.only:
        print(f"-- {part}", flush=True)
        results += PARTS[part](options.rounds)
    show(results)
    if set(options.only) == set(PARTS):
        write(results, ROOT / "build/bench.json")
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
