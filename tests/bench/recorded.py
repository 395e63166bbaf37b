"""The exporter over a stand-in daemon that gives recorded statistics of 1000 domains, as a process.

`python recorded.py --config.file=...` is such an exporter; `run` scrapes it.
"""

import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pipeline
from processes import exporter
from results import Result, at_most

from stratoscope.clouds.libvirt.host import Listed, Listing
from stratoscope.clouds.libvirt.model import Identity
from stratoscope.core.app import main
from stratoscope.core.collector import Collection, Collections, OnScrape
from stratoscope.core.flags import Flags
from stratoscope.core.part import Opened, Part, Site
from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.collectors.domains import Domains
from stratoscope.hypervisor.exporter import EXPORTER
from stratoscope.hypervisor.settings import subjects

SCRAPES = 20


class _Recorded(pipeline._Host):
    def __init__(self) -> None:
        self._listing, self._identities = pipeline.recorded()
        super().__init__([one.uuid for one in self._listing.domains])

    async def listing(self, _groups: frozenset[str]) -> Listing:
        return Listing([Listed(*_copy(one)) for one in self._listing.domains], complete=True)

    async def identities(self, _domains: Iterable[Listed]) -> tuple[Mapping[str, Identity], int]:
        return self._identities, 0

    async def off_disks(self, _disks: object) -> Mapping[str, object]:
        return {}


def _copy(one: Listed) -> tuple[str, str, int, dict[str, Any]]:
    """A fresh mapping per scrape, as libvirt-python makes one."""
    return one.uuid, one.name, one.domain_id, dict(one.stats)


@asynccontextmanager
async def _open() -> AsyncIterator[Opened]:
    yield Opened([Domains(_Recorded(), None, subjects("node1"))])  # type: ignore[arg-type]  # a stand-in


def _parts(_settings: object, _site: Site) -> Iterator[Part]:
    def collections(opened: Opened) -> Collections:
        return Collections([Collection(opened.collectors[0], OnScrape())])

    yield Part(name="recorded", identity=None, open=_open, collections=collections)


def run() -> list[Result]:
    with exporter(command=[sys.executable, __file__, "--web.listen-address=127.0.0.1:0"]) as running:
        headers = {"Accept-Encoding": "gzip"}
        for _ in range(3):
            running.get(**headers)
        before = running.cpu_s()
        for _ in range(SCRAPES):
            running.get(**headers)
        cpu_s = (running.cpu_s() - before) / SCRAPES
        if running.count("stratoscope_hypervisor_vm_state") != pipeline.DOMAINS:
            raise RuntimeError("the page does not show all domains")
        return [
            at_most("1000 domains x 54 series: CPU of a scrape, gzip", cpu_s, 0.25, "s"),
            at_most("1000 domains x 54 series: RSS", running.rss_bytes() / 1e6, 120, "MB"),
        ]


if __name__ == "__main__":
    sys.exit(main(replace(EXPORTER, parts=_parts), Flags.parse(PROGRAM, sys.argv[1:])))
