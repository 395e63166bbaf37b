"""How many requests a full refresh makes of a cloud with 1,000 VMs, 50 hosts and 100 projects.

Each collector runs once, as at the start: log-in and version documents are among the requests. The embedded
cloud counts them, and so does the exporter; the two must agree. `python requests_made.py FILE` is that cloud:
it writes the configuration for it, then, for each line that it reads, a line of what it was asked for.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from management_exporter import REAL, values
from processes import exporter
from results import Result, at_most
from told import Answering, answering

from stratoscope.demo.config_writer import write_config
from stratoscope.demo.openstack.app import OpenStack
from stratoscope.demo.openstack.seed import Size, build
from stratoscope.demo.server import serving
from stratoscope.management.subjects.spread import RATE

SIZE: Final = Size(vms=1000, hosts=50, projects=100)
SPREAD: Final = frozenset({"os-quota-sets", "quotas", "inventories", "usages", "traits"})
"""What no list tells is asked for project by project or host by host, a few at each refresh."""
_REQUESTS: Final = "stratoscope_cloud_requests_total"


class Cloud:
    """The embedded cloud as a process; what it was asked for."""

    def __init__(self, process: Answering, config: Path) -> None:
        self._process, self._config = process, config

    @property
    def config(self) -> str:
        return self._config.read_text()

    def asked(self) -> Counter[tuple[str, str]]:
        """Requests by service and path."""
        counts: Counter[tuple[str, str]] = Counter()
        for service, _, path, _, number in json.loads(self._process.answer()):
            counts[service, path] += number
        return counts


@contextmanager
def embedded() -> Iterator[Cloud]:
    """The embedded cloud in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "stratoscope.yml")
        with answering(__file__, str(file)) as process:
            yield Cloud(process, file)


def is_spread(path: str) -> bool:
    """Whether a path is that of one project's quotas, or of one provider's inventories."""
    return "{" in path and not SPREAD.isdisjoint(path.split("/"))


def run() -> list[Result]:
    with embedded() as cloud, exporter(cloud.config, command=REAL) as running:
        page, asked = running.get(), cloud.asked()
    told = int(sum(values(page, _REQUESTS).values()))
    failed = {who for who, number in values(page, "stratoscope_collector_success").items() if not number}
    if failed:
        raise RuntimeError(f"not all collectors succeeded: {failed}")
    spread = Counter({call: number for call, number in asked.items() if is_spread(call[1])})
    for (service, path), number in sorted((asked - spread).items()):
        print(f"{number:4} {service} {path}")
    rates = ", ".join(f"{who} {rate:g}" for who, rate in values(page, RATE.name).items())
    print(f"{spread.total():4} of those that are spread; at most so many a second: {rates}")
    of_refresh, name = asked.total() - spread.total(), "1,000 VMs, 100 projects, 50 hosts"
    return [
        at_most(f"{name}: requests of a full refresh", of_refresh, 60, ""),
        at_most(f"{name}: told by the exporter / by the cloud, off by", abs(told - asked.total()), 0, ""),
    ]


async def _main(file: Path) -> None:
    cloud = OpenStack(build(SIZE, seed=1, now=time.time()), time.time)
    async with serving(cloud, ["127.0.0.1:0"]) as running:
        write_config(file, running.urls[0])
        print("listening", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps([[*call, number] for call, number in cloud.request_counts.items()]), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
