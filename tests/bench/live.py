"""Scrapes of real QEMU guests, against bare libvirt and against Debian's exporter in Go, taking turns."""

import socket
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path

import libvirt
from processes import ROOT, Running, exporter, served
from results import Result, at_most, interleaved

URI = "qemu:///system"
GROUPS = (
    libvirt.VIR_DOMAIN_STATS_STATE
    | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_VCPU
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
)
CLOUD = f'clouds: [{{name: bench, kind: libvirt, uri: "{URI}"}}]\n'
LIMITED = (
    "info", "guest_memory", "limits", "taps", "pressure", "throttling", "oom", "monitor", "checks",
    "daemon", "events", "host", "pools", "networks", "jobs",
)  # fmt: skip
"""What Debian's exporter does not have, switched off for the comparison."""
QUOTA_PERIOD_S = 0.1
"""One guest (scripts/guests) always uses its CPU quota up: its monitor answers when a new period begins."""


def run(rounds: int) -> list[Result]:
    results = []
    try:
        for guests in (20, 50):
            # Linux boots slowly without KVM; guests beyond 30 are boot sectors: they cost the daemon as much.
            counts = [f"--linux={min(guests, 30)}", f"--tiny={max(0, guests - 30)}"]
            up = [sys.executable, str(ROOT / "scripts/libvirt-up"), *counts, "--wait=900"]
            subprocess.run(up, check=True)
            results += _of(guests, rounds)
    finally:
        subprocess.run([sys.executable, ROOT / "scripts/libvirt-down"], check=True)
    return results


def _of(guests: int, rounds: int) -> list[Result]:
    connection = libvirt.openReadOnly(URI)
    running = len(connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE))
    if running < guests:
        raise RuntimeError(f"{running} guests run, {guests} are needed")

    def bare() -> float:
        began = time.perf_counter()
        connection.getAllDomainStats(GROUPS)
        return time.perf_counter() - began

    off = ", ".join(f"{name}: {{enabled: false}}" for name in LIMITED)
    limited = f"{CLOUD}hypervisor: {{collectors: {{{off}}}}}\n"
    with tempfile.TemporaryDirectory() as empty, exporter(CLOUD) as full, exporter(limited) as less:
        flags = [f"--path.{name}={empty}" for name in ("procfs", "sysfs", "cgroup")]
        with exporter(CLOUD, *flags) as blind, _of_debian() as peer:
            turns = (bare, full.seconds, blind.seconds, peer.seconds, less.seconds)
            bare_s, full_s, blind_s, peer_s, less_s = interleaved(rounds, *turns, before=_wait_for_turn)
            for one in (full, blind, less):
                _check(one.count("stratoscope_hypervisor_vm_disk_read_bytes_total"), running)
            _check(full.count("stratoscope_hypervisor_vm_memory_usable_bytes"), 1)
            _check(peer.count("libvirt_domain_block_stats_read_bytes_total"), running)
    connection.close()
    at = f"{guests} guests ({running} running)"
    print(f"{at}: bare {bare_s:.4f} s, full {full_s:.4f}, without kernel files {blind_s:.4f}, ", end="")
    print(f"Debian's {peer_s:.4f}, limited {less_s:.4f}")
    return [
        at_most(f"{guests} guests: full scrape / bare getAllDomainStats", full_s / bare_s, 0.6),
        at_most(f"{guests} guests: full scrape without kernel files / bare", blind_s / bare_s, 1.15),
        at_most(f"{guests} guests: limited scrape / Debian's libvirt exporter in Go", less_s / peer_s, 0.8),
    ]


def _wait_for_turn(number: int) -> None:
    """Until a moment in the quota's period that is the same for all in a round, and another in each round.

    One after the other, they would begin where the one before got the slow guest's answer: each would wait as
    long as its place in the round has it (two of the same configuration differed by a quarter).
    """
    place = number * 0.618 % 1  # the golden section: evenly spread, however many rounds
    time.sleep((place - time.monotonic() / QUOTA_PERIOD_S) % 1 * QUOTA_PERIOD_S)


def _check(series: int, least: int) -> None:
    """What shows nothing is quick, and proves nothing."""
    if series < least:
        raise RuntimeError(f"a page has {series} series where {least} are the least")


def _of_debian() -> "AbstractContextManager[Running]":
    program = ROOT / "build/tools/usr/bin/prometheus-libvirt-exporter"
    if not program.exists():
        with tempfile.TemporaryDirectory() as folder:
            download = ["apt-get", "download", "-q", "prometheus-libvirt-exporter"]
            subprocess.run(download, check=True, cwd=folder)
            (package,) = Path(folder).glob("*.deb")
            subprocess.run(["dpkg", "-x", package, ROOT / "build/tools"], check=True)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [str(program), f"--web.listen-address=127.0.0.1:{port}", f"--libvirt.uri={URI}"]
    return served(command, port)
