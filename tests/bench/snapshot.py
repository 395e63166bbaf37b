"""Scrapes of 300,000 series while the list of servers that they come from is read over and over again.

`python snapshot.py PORT SCRAPES` is the client: it prints the seconds to the first byte of each scrape, by
turns with gzip and without. The exporter is a process of its own, as is the cloud.
"""

import http.client
import json
import random
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

from large import check, most_rss_bytes
from management_exporter import lists_all
from openstack_server import serving
from priority import go_first
from results import Result, at_most

COUNT: Final = 150_000
"""Each VM has two series or three."""
SERIES: Final = 300_000
SCRAPES: Final = 200
_PAUSE_S: Final = 0.2


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
    return sorted(figures)[round(0.99 * len(figures)) - 1]


def run() -> list[Result]:
    with serving(COUNT) as cloud, lists_all(cloud, COUNT) as (running, stood):
        if len(check(running, COUNT).splitlines()) < SERIES:
            raise RuntimeError("the page has too few series")
        stood.longest()
        before, began = cloud.counts()["servers"], time.monotonic()
        taken = _scraped(running.port)
        longest_s, own_s = stood.longest()
        refreshes, seconds = cloud.counts()["servers"] - before, time.monotonic() - began
        check(running, COUNT)
        rss = most_rss_bytes(running)
    print(
        f"{SCRAPES} scrapes in {seconds:.0f} s, during {refreshes} refreshes of {COUNT} servers; "
        f"RSS at most {rss / 1e6:.0f} MB; the loop stood {longest_s * 1e3:.0f} ms at most, "
        "waits for a CPU included"
    )
    return [
        at_most("300,000 series: p99 to the first byte", p99(taken["identity"]) * 1e3, 30, "ms"),
        at_most("300,000 series: p99 to the first byte, gzip", p99(taken["gzip"]) * 1e3, 30, "ms"),
        at_most("300,000 series: the event loop stood still at most", own_s * 1e3, 50, "ms"),
    ]


if __name__ == "__main__":
    go_first()
    print(json.dumps(scrape(int(sys.argv[1]), int(sys.argv[2]))))
