"""From statistics to bytes: the exporter's way against a bare f-string loop that writes the same page.

The input is what libvirt gave for one real guest, repeated for 1000 domains.
"""

import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bare import PREFIX, bare_loop
from results import Result, at_most, interleaved

from stratoscope.clouds.libvirt.host import Listed, Listing
from stratoscope.clouds.libvirt.model import Identity, Monitor
from stratoscope.core.exposition import page, render
from stratoscope.hypervisor.collectors.domains import Domains, VMs
from stratoscope.hypervisor.kernel_reader import Reading
from stratoscope.hypervisor.settings import subjects

DOMAINS = 1000
STATS = Path(__file__).with_name("stats.json")


def recorded() -> tuple[Listing, dict[str, Identity]]:
    """1000 domains with the statistics of one real guest: two vCPUs, two disks, one interface."""
    stats = json.loads(STATS.read_text())
    uuids = [f"7d2c99e0-3a20-4845-806d-{number:012x}" for number in range(DOMAINS)]
    listed = [
        Listed(uuid, f"instance-{number:08x}", number, dict(stats)) for number, uuid in enumerate(uuids)
    ]
    identities = {
        uuid: Identity(
            vm_id=uuid,
            name=f"vm-{number}",
            project_id="p-1",
            project_name="physics",
            user_id="u-1",
            user_name="ada",
            flavor="m1.tiny",
            image="img-1",
            vcpus=2,
        )
        for number, uuid in enumerate(uuids)
    }
    return Listing(listed, complete=True), identities


class Ours:
    """The exporter's own code from the listing to the page, without a daemon."""

    def __init__(self, listing: Listing, identities: dict[str, Identity]) -> None:
        self._listing, self._identities = listing, identities
        self._domains = Domains(_Host([one.uuid for one in listing.domains]), None, subjects("node1"))  # type: ignore[arg-type]  # a stand-in

    def __call__(self) -> bytes:
        domains = self._domains
        vms, _ = domains._put_together(self._listing, Reading(), {}, self._identities, {})
        lines = render(domains.samples(VMs(vms=vms, malformed=0, missing={})), domains.families, 10**9)
        return b"".join(page([lines], openmetrics=False))


class _Host:
    """What Domains uses of a LibvirtHost when nothing is asked."""

    cloud, host, tag, uri = "uni", "node1", "", "qemu:///system"

    def __init__(self, uuids: list[str]) -> None:
        self.vm_ids = {uuid: uuid for uuid in uuids}
        self.monitors = self
        self.events = self

    def state(self, _uuid: str) -> Monitor:
        return Monitor(0.0, 0.0)

    def io_error_age_s(self, _uuid: str, _domain_id: int) -> None:
        return None


def check_same(ours: bytes, bare: dict[str, list[str]]) -> int:
    """How many lines both wrote; AssertionError where one wrote a line that the other lacks."""
    of_page = {line for line in ours.decode().splitlines(keepends=True) if line.startswith(PREFIX)}
    of_loop = {line for lines in bare.values() for line in lines}
    if of_page != of_loop:
        raise AssertionError(f"pages differ: {sorted(of_page ^ of_loop)[:4]}")
    return len(of_page)


def seconds(call: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    gc.collect()
    began = time.process_time()
    call()
    return time.process_time() - began


def run(rounds: int) -> list[Result]:
    """The ratio of both, in CPU time."""
    listing, identities = recorded()
    ours = Ours(listing, identities)
    lines = check_same(ours(), bare_loop(listing, identities))

    def bare() -> bytes:
        return "".join([line for lines in bare_loop(listing, identities).values() for line in lines]).encode()

    mine_s, bare_s = interleaved(rounds, lambda: seconds(ours), lambda: seconds(bare))
    ours_us, bare_us = mine_s / lines * 1e6, bare_s / lines * 1e6
    print(f"{lines} samples: ours {ours_us:.2f} us a sample, the bare loop {bare_us:.2f} us")
    return [at_most("statistics to bytes / a bare f-string loop, 1000 domains", mine_s / bare_s, 1.8)]
