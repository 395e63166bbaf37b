"""Scrapes of 300,000 series while the list of servers that they come from is read over and over again.

`python snapshot.py PORT SCRAPES` is the client: it prints the seconds to the first byte of each scrape, by
turns with gzip and without. The exporter is a process of its own, as is the cloud.
"""

import http.client
import json
import math
import random
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from large import check, most_rss_bytes
from management_exporter import Stood, lists_all
from openstack_server import serving
from processes import Running
from results import Result, at_most

COUNT: Final = 150_000
"""Each VM has two series or three."""
SERIES: Final = 300_000
ROUNDS: Final = 3
"""What the exporter does itself it does in each of them; what comes in one alone was another program."""
SCRAPES: Final = 80
_PAUSE_S: Final = 0.2


@dataclass(frozen=True)
class Round:
    """Seconds.

    Attributes:
        stood: The longest that the loop stood still; own: without the time in which it waited for a CPU.
    """

    plain: float
    gzip: float
    stood: float
    own: float

    def __str__(self) -> str:
        return (
            f"p99 to the first byte {self.plain * 1e3:.0f} ms, gzip {self.gzip * 1e3:.0f} ms; the loop stood "
            f"{self.own * 1e3:.0f} ms at most, waits for a CPU included {self.stood * 1e3:.0f} ms"
        )


def scrape(port: int, count: int) -> Mapping[str, Sequence[float]]:
    """Seconds from the request to the first byte, by what the client accepts; one scrape after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    taken: dict[str, list[float]] = {"identity": [], "gzip": []}
    for number in range(count):
        accepts = ("identity", "gzip")[number % 2]
        time.sleep(random.uniform(0, 2 * _PAUSE_S))  # noqa: S311 - so that it meets every part of a refresh
        began = time.perf_counter()
        connection.request("GET", "/metrics", headers={"Accept-Encoding": accepts})
        answer = connection.getresponse()  # returns when it has read the head
        taken[accepts].append(time.perf_counter() - began)
        while answer.read(1 << 20):
            continue
    return taken


def _scraped(port: int) -> Mapping[str, Sequence[float]]:
    command = [sys.executable, __file__, str(port), str(SCRAPES)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    taken: Mapping[str, Sequence[float]] = json.loads(found.stdout)
    return taken


def p99(figures: Sequence[float]) -> float:
    return sorted(figures)[math.ceil(0.99 * len(figures)) - 1]


def _round(running: Running, stood: Stood) -> Round:
    stood.longest()
    taken = _scraped(running.port)
    one = Round(p99(taken["identity"]), p99(taken["gzip"]), *stood.longest())
    print(one)
    return one


def run() -> list[Result]:
    with serving(COUNT) as cloud, lists_all(cloud, COUNT) as (running, stood):
        if len(check(running, COUNT).splitlines()) < SERIES:
            raise RuntimeError("the page has too few series")
        before, began = cloud.counts()["servers"], time.monotonic()
        rounds = [_round(running, stood) for _ in range(ROUNDS)]
        refreshes, seconds = cloud.counts()["servers"] - before, time.monotonic() - began
        check(running, COUNT)
        rss = most_rss_bytes(running)
    print(
        f"{ROUNDS * SCRAPES} scrapes in {seconds:.0f} s while {COUNT} servers were listed {refreshes} times; "
        f"RSS at most {rss / 1e6:.0f} MB"
    )
    plain, gzip, own = (min(getattr(one, name) for one in rounds) for name in ("plain", "gzip", "own"))
    return [
        at_most("300,000 series: p99 to the first byte", plain * 1e3, 30, "ms"),
        at_most("300,000 series: p99 to the first byte, gzip", gzip * 1e3, 30, "ms"),
        at_most("300,000 series: the event loop stood still at most", own * 1e3, 50, "ms"),
    ]


if __name__ == "__main__":
    print(json.dumps(scrape(int(sys.argv[1]), int(sys.argv[2]))))
