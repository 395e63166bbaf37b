"""200 hypervisor exporters, a management exporter, one of probes and one of downtimes, whose pages go on.

`python rules_pages.py FOLDER` serves them on a free port of loopback, which it writes; it reads the pages of
rules_stored.py from FOLDER. They have no heads, which Prometheus does not need.
"""

import asyncio
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID

from aiohttp import web
from from_tests import PLAIN, guests
from rules_stored import HOST, INTERVAL_S

_REPLACED: Final = 1 / 500
"""Of all VMs, each minute; as many migrate."""
_VM: Final = re.compile(r'\bvm_id="([^"]+)"')
_ITS_HOST: Final = re.compile(r'^stratoscope_management_vm_info\{.*?,host="([^"]+)"')
_OLD_S: Final = 86_400
_MOMENT: Final = re.compile(r"^\w+_timestamp_seconds\b")
_GROWS: Final = re.compile(r"^stratoscope_vmprobe_\w+_(?:total|bucket|count|sum)\{")
_STILL: Final = re.compile("(?:error|drop|oom|throttled|swap|major_faults)")
"""Counters that do not count on a healthy host."""
_RATES: Final = {
    "cpu_periods": 10,
    "vcpu_delay": 0.001,
    "pressure": 0.001,
    "vcpu_wait": 0.01,
    "cpu": 0.3,
    "packets": 1000,
    "bytes": 1e6,
    "requests": 20,
    "faults": 100,
    "seconds": 0.05,
}
"""How much a counter counts in a second, by the first of these that its name has."""
_LIVES: Final = re.compile("_memory_(?:rss|usable|unused|disk_caches)_bytes")


class Stored:
    """A page whose moments go on with the time, and on which the probes run once a minute."""

    def __init__(self, lines: Iterable[str], at: float) -> None:
        self._at = at
        self._fixed: list[str] = []
        self._moments: list[tuple[str, float]] = []
        self._growing: list[tuple[str, float]] = []
        for line in lines:
            name, _, value = line.rpartition(" ")
            if _MOMENT.match(line):
                self._moments.append((name, float(value)))
            elif _GROWS.match(line):
                self._growing.append((name, float(value)))
            else:
                self._fixed.append(line)

    def lines(self, now: float) -> Iterator[str]:
        yield from self._fixed
        passed = now - self._at
        yield from (f"{name} {value + passed:.3f}" for name, value in self._moments)
        runs = 1 + passed // INTERVAL_S
        yield from (f"{name} {value * runs:.9g}" for name, value in self._growing)


@dataclass
class VM:
    """A VM. Attributes: hosts: Since when it is there; two while it migrates. told: By management."""

    id: str
    number: int
    hosts: dict[str, float]
    told: list[str]


class Shown:
    """What the hypervisor shows of a VM: its lines, with what each grows by."""

    def __init__(self, page: str) -> None:
        self._lines = [_line(line) for line in page.splitlines() if line[0] != "#"]

    def lines(self, vm: VM, host: str, now: float) -> Iterator[str]:
        passed = (now - vm.hosts[host]) * (0.5 + vm.number % 101 / 100)
        wave = 1 + 0.05 * ((now / 600 + vm.number) % 2 - 1)
        for name, value, rate, lives in self._lines:
            series = name.replace(PLAIN, vm.id).replace(HOST, host)
            yield f"{series} {value * wave if lives else value + rate * passed:.12g}"


def _line(line: str) -> tuple[str, float, float, bool]:
    """A series, its value, what it grows by in a second, and whether it goes up and down."""
    series, _, value = line.rpartition(" ")
    name = series.partition("{")[0]
    is_counter = name.endswith("_total") and not _STILL.search(name)
    rate = next((rate for part, rate in _RATES.items() if part in name), 1.0) if is_counter else 0.0
    return series, float(value), rate, bool(_LIVES.search(name))


@dataclass
class World:
    """The VMs and where they are. They come and go, and migrate: each minute some."""

    vms: list[VM]
    hosts: Sequence[str]
    minute: int
    dice: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - no secret

    def go_on(self, now: float) -> None:
        while self.minute < now // 60:
            self.minute += 1
            self._live_a_minute(self.minute * 60)

    def _live_a_minute(self, now: float) -> None:
        for vm in self.vms:
            if len(vm.hosts) > 1:
                del vm.hosts[next(iter(vm.hosts))]
        count = max(1, int(len(self.vms) * _REPLACED))
        chosen = self.dice.sample([vm for vm in self.vms if vm.hosts], 2 * count)
        for vm in chosen[:count]:
            new = str(UUID(int=self.dice.getrandbits(128), version=4))
            vm.told, vm.id = [line.replace(vm.id, new) for line in vm.told], new
            vm.hosts = dict.fromkeys(vm.hosts, now)
        for vm in chosen[count:]:
            (source,) = vm.hosts
            target = self.dice.choice(self.hosts)
            vm.told = [line.replace(f'host="{source}"', f'host="{target}"') for line in vm.told]
            vm.hosts.setdefault(target, now)


class Pages:
    """All pages, by the time at which they are asked for."""

    def __init__(self, folder: Path) -> None:
        now = time.time()
        texts = {file.stem: file.read_text() for file in folder.glob("*.prom")}
        lines = {name: [one for one in text.splitlines() if one[0] != "#"] for name, text in texts.items()}
        of_vms = [one for one in lines["management"] if _VM.search(one)]
        vms: dict[str, VM] = {}
        for line in of_vms:
            (vm_id,) = _VM.findall(line)
            vm = vms.setdefault(vm_id, VM(vm_id, len(vms), {}, []))
            vm.told.append(line)
            vm.hosts |= dict.fromkeys(_ITS_HOST.findall(line), now - _OLD_S)
        hosts = sorted({host for vm in vms.values() for host in vm.hosts})
        self.world = World([*vms.values()], hosts, int(now // 60))
        others = [one for one in lines["management"] if not _VM.search(one)]
        stored = {name: lines[name] for name in ("vmprobe", "downtime")} | {"management": others}
        self._stored = {name: Stored(of_it, now) for name, of_it in stored.items()}
        hypervisor = texts["hypervisor"]
        self._of_hosts = {
            host: Stored(hypervisor.replace(HOST, host).splitlines(), now) for host in self.world.hosts
        }
        self._shown = [Shown(page) for page in guests()]

    def host(self, name: str) -> Iterator[str]:
        now = time.time()
        self.world.go_on(now)
        yield from self._of_hosts[name].lines(now)
        for vm in self.world.vms:
            if name in vm.hosts:
                yield from self._shown[vm.number % len(self._shown)].lines(vm, name, now)

    def other(self, name: str) -> Iterator[str]:
        now = time.time()
        self.world.go_on(now)
        yield from self._stored[name].lines(now)
        if name == "management":
            for vm in self.world.vms:
                yield from vm.told


async def _serve(folder: Path) -> None:
    pages = Pages(folder)

    def answer(lines: Iterable[str]) -> web.Response:
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")

    async def of_host(request: web.Request) -> web.Response:
        return answer(pages.host(request.match_info["name"]))

    async def of_other(request: web.Request) -> web.Response:
        return answer(pages.other(request.match_info["name"]))

    app = web.Application()
    app.add_routes([web.get("/host/{name}", of_host), web.get("/other/{name}", of_other)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], *pages.world.hosts, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
