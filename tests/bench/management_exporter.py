"""The management exporter over the servers of openstack_server.py, its collector `servers` alone.

`python management_exporter.py --config.file=...` is the exporter as a process that lists all servers at every
refresh instead of every 30 minutes, and tells how long its event loop stood still.
"""

import asyncio
import json
import mmap
import os
import struct
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from openstack_server import Serving
from processes import Running, exporter

from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.compute import servers
from stratoscope.core.app import main
from stratoscope.core.collector import Collections
from stratoscope.core.flags import Flags
from stratoscope.core.part import Opened, Part, Site, Task
from stratoscope.management import PROGRAM
from stratoscope.management.exporter import EXPORTER

REAL: Final = (sys.executable, "-m", "stratoscope", "management", "--web.listen-address=127.0.0.1:0")
_LISTS_ALL: Final = (sys.executable, __file__, "--web.listen-address=127.0.0.1:0")
VMS: Final = "stratoscope_management_vm_info"

_SHARED: Final = "STRATOSCOPE_BENCH_SHARED"
"""The variable that names the file in which the process tells how long its loop stood still."""
_BEAT_S: Final = 0.002


def document(cloud: Serving, count: int, interval: str) -> dict[str, Any]:
    """The configuration for a cloud of so many servers; nothing but CPUs and the network limit it."""
    entry = {
        "name": "uni",
        "kind": "openstack",
        "os_cloud": str(count),
        "clouds_file": str(cloud.clouds_file),
        "budget": {"requests_per_second": 1000},
    }
    questions = OpenStack.questions
    collectors: dict[str, object] = {question.name: {"enabled": False} for question in questions}
    collectors["servers"] = {"interval": interval, "timeout": "60s", "max_age": "3h"}
    return {"clouds": [entry], "management": {"collectors": collectors}}


def config(cloud: Serving, count: int, interval: str) -> str:
    """The same as a file, which may be JSON."""
    return json.dumps(document(cloud, count, interval))


def list_all_always() -> None:
    """Let every refresh of this process list all servers."""
    servers._LISTED_EVERY_S = 0.0  # type: ignore[misc]  # the exporter has no such setting


class Stood:
    """How long the loop of an exporter stood still at most, in memory that two processes share.

    Outside of the page, since a page with one more collector is another.
    """

    _two = struct.Struct("dd")

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), self._two.size)

    def longest(self) -> tuple[float, float]:
        """The seconds, and those without the time in which its thread waited for a CPU; begins anew."""
        longest_s, own_s = self._two.unpack_from(self._memory)
        self._two.pack_into(self._memory, 0, 0.0, 0.0)
        return longest_s, own_s

    async def beat(self) -> None:
        """Take note of it, in the loop itself, for ever."""
        of_thread = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        while True:
            began, waited_s = time.perf_counter(), _waited_s(of_thread)
            await asyncio.sleep(_BEAT_S)
            stood_s = time.perf_counter() - began
            own_s = stood_s - (_waited_s(of_thread) - waited_s)
            longest = self._two.unpack_from(self._memory)
            if stood_s > longest[0] or own_s > longest[1]:
                self._two.pack_into(self._memory, 0, max(stood_s, longest[0]), max(own_s, longest[1]))


def _waited_s(of_thread: int) -> float:
    """For how long a thread that could run has had no CPU so far."""
    return int(os.pread(of_thread, 100, 0).split()[1]) / 1e9


@contextmanager
def lists_all(cloud: Serving, count: int) -> Iterator[tuple[Running, Stood]]:
    """An exporter that lists all servers again and again."""
    with tempfile.NamedTemporaryFile(prefix="stood") as file:
        file.write(bytes(100))
        file.flush()
        command = ["env", f"{_SHARED}={file.name}", *_LISTS_ALL]
        with exporter(config(cloud, count, "1s"), command=command) as running:
            yield running, Stood(Path(file.name))


def values(page: bytes, name: str) -> Mapping[str, float]:
    """The values of a metric by what stands between its braces."""
    lines = (line.split(" ") for line in page.decode().splitlines() if line.startswith(f"{name}{{"))
    return {labels[len(name) + 1 : -1]: float(value) for labels, value in lines}


@asynccontextmanager
async def _open() -> AsyncIterator[Opened]:
    yield Opened(tasks=[Task("beat", Stood(Path(os.environ[_SHARED])).beat)])


def _parts(settings: Any, site: Site) -> Iterator[Part]:
    yield from EXPORTER.parts(settings, site)
    yield Part(name="beat", identity=None, open=_open, collections=lambda _: Collections([]))


if __name__ == "__main__":
    list_all_always()
    sys.exit(main(replace(EXPORTER, parts=_parts), Flags.parse(PROGRAM, sys.argv[1:])))
