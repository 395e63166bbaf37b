"""What 100,000 servers cost the exporter, as a process of its own: CPU of a refresh, and memory."""

import re
import time
from pathlib import Path
from typing import Final

from management_exporter import REAL, VMS, config, lists_all, values
from openstack_server import Serving, serving
from processes import Running, exporter
from results import Result, at_most

COUNT: Final = 100_000
FULL: Final = 5
CHANGES: Final = 20
SCRAPES: Final = 3


def refreshes_cpu_s(running: Running, cloud: Serving, operation: str, count: int) -> float:
    """CPU seconds of one refresh: from the beginning of one to the beginning of another, `count` later."""
    begun = _after(cloud, operation, 1)
    before = running.cpu_s()
    done = _after(cloud, operation, count) - begun
    return (running.cpu_s() - before) / done


def _after(cloud: Serving, operation: str, more: int) -> int:
    """The count of an operation as soon as it was asked for so many times more."""
    wanted = cloud.counts()[operation] + more
    while (count := cloud.counts()[operation]) < wanted:
        time.sleep(0.01)
    return count


def most_rss_bytes(running: Running) -> int:
    """The most memory that the process ever had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{running.pid}/status").read_text())
    assert found is not None
    return int(found.group(1)) * 1024


def check(running: Running, count: int) -> bytes:
    """A page that shows all servers, none of whose refreshes failed."""
    page = running.get()
    errors = values(page, "stratoscope_collector_errors_total")
    if sum(errors.values()) or running.count(VMS) != count:
        raise RuntimeError(f"the page does not show all servers, or a refresh failed: {errors}")
    return page


def _full(cloud: Serving) -> tuple[float, float, int]:
    """CPU seconds of the first refresh, with the start, and of a later full one; the most memory."""
    with lists_all(cloud, COUNT) as (running, _):
        first_s = running.cpu_s()
        later_s = refreshes_cpu_s(running, cloud, "servers", FULL)
        for _ in range(SCRAPES):
            check(running, COUNT)
            running.get(**{"Accept-Encoding": "gzip"})
        return first_s, later_s, most_rss_bytes(running)


def _of_changes(cloud: Serving) -> tuple[float, int]:
    """CPU seconds of a refresh with 1 % changed; the most memory."""
    with exporter(config(cloud, COUNT, "1s"), command=REAL) as running:
        states = values(check(running, COUNT), "stratoscope_management_vms")
        changes_s = refreshes_cpu_s(running, cloud, "changes", CHANGES)
        if values(check(running, COUNT), "stratoscope_management_vms") == states:
            raise RuntimeError("nothing has changed")
        running.get(**{"Accept-Encoding": "gzip"})
        return changes_s, most_rss_bytes(running)


def run() -> list[Result]:
    with serving(COUNT) as cloud:
        first_s, later_s, rss_full = _full(cloud)
        changes_s, rss_changes = _of_changes(cloud)
    print(f"{COUNT} servers: {later_s:.2f} s CPU for a full refresh, {changes_s:.3f} s with 1 % changed")
    return [
        at_most("100,000 servers: CPU of the start and the first refresh", first_s, 60, "s"),
        at_most("100,000 servers: CPU of a later full refresh", later_s, 60, "s"),
        at_most("100,000 servers: RSS at most", max(rss_full, rss_changes) / 1e6, 600, "MB"),
        at_most("100,000 servers: CPU of a refresh, 1 % changed / full", changes_s / later_s, 1 / 20),
    ]
