"""A cloud in which nothing happens, as its exporters show it: gauges stay, and each counter counts steadily.

It has all series that records read, few of each: a VM that migrates, one that management does not know, a
probe that fails, a service that is down, planned outages of a zone and of a service.
"""

import json
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from threading import Thread
from typing import Final

from stratoscope.core.metrics import Family, Histogram
from support.declared import FAMILIES

Labels = Mapping[str, str]

HOSTS: Final = ("b1", "b2", "b3", "b4")
_ZONES: Final = ("a", "b", "a", "b")
VMS: Final[Sequence[Labels]] = [
    {
        "vm_id": f"vm{number}", "vm_name": f"name{number}", "project_id": f"p{number % 3}",
        "host": HOSTS[number % 4], "zone": _ZONES[number % 4],
    }
    for number in range(8)
]  # fmt: skip
_SHOWN_BY_HOSTS: Final = [*VMS, {**VMS[0], "host": HOSTS[1]}]
_PROBES: Final[Sequence[Labels]] = [
    {"probe": "good", "zone": "a"},
    {"probe": "bad", "zone": "a"},
    {"probe": "closed", "zone": "b"},
]
_HOSTS: Final[Sequence[Labels]] = [
    {"host": host, "zone": zone} for host, zone in zip(HOSTS, _ZONES, strict=True)
]
_OUTAGE: Final[Labels] = {
    "downtime_id": "d", "host": "", "project_id": "", "vm_id": "", "planned": "true", "severity": "outage",
    "silences": "true",
}  # fmt: skip
_ALONE: Final[Mapping[str, Sequence[Labels]]] = {
    "stratoscope_downtime_active": [
        {**_OUTAGE, "scope": "zone", "zone": "b", "service": ""},
        {**_OUTAGE, "scope": "other", "zone": "", "service": "image"},
    ],
    "stratoscope_vmprobe_last_failure": [{"probe": "bad", "phase": "built", "reason": "x", "blame": "cloud"}],
    "stratoscope_hypervisor_vm_off_vcpus": [],
}
"""Metrics with few series, or without any."""
_OTHERS: Final[Mapping[str, Sequence[str]]] = {
    "blame": ("cloud", "project"),
    "check": ("host", "network"),
    "cloud": ("uni",),
    "condition": ("running", "stopped"),
    "device": ("one", "two"),
    "limit": ("total_iops_sec", "total_bytes_sec"),
    "phase": ("scheduled", "built"),
    "project_id": ("p0", "p1", "p2"),
    "reason": ("quota", "unavailable"),
    "resource": ("cpu", "io", "memory"),
    "service": ("compute", "image"),
    "state": ("running", "paused", "shutoff"),
    "vcpu": ("0", "1"),
    "zone": ("a", "b"),
}
"""Values of labels; a label that is not here has one, its own name."""
_GAUGES: Final = {
    "available_bytes": 8e9, "check_failed": 1, "consecutive_failures": 0, "free_bytes": 2e9, "host_cpus": 4,
    "host_vms": 8, "hugepages_bytes": 1e9, "interval_seconds": 3600, "memory_bytes": 16e9, "probe_state": 0,
    "promised": 800, "quota_limit": 20, "quota_used": 19.5, "usable_bytes": 3e8, "vcpus": 2,
    "vms_in_transition": 9, "_bytes": 10e9,
}  # fmt: skip
"""By the first of these that the name has; others are 1. Of VMs in transition not all migrate."""
_BOUNDS: Final = ("30.0", "60.0", "+Inf")
_BEGAN: Final = round(time.time() - 1000, 3)
"""So that a scrape a second later makes little of an age."""


class _Handler(BaseHTTPRequestHandler):
    """Answers `/EXPORTER` and `/hypervisor/HOST`."""

    def do_GET(self) -> None:
        _, exporter, *host = self.path.split("/")
        body = _page(exporter, *host).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library has it
        """Nothing."""


@contextmanager
def served() -> Iterator[str]:
    """The pages `/EXPORTER` and `/hypervisor/HOST` on loopback. Yields their address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _page(exporter: str, host: str = "") -> str:
    """Counters have their moment: a scrape that is late on a busy machine makes no rate wrong."""
    moment_ms = int(time.time() * 1000)
    passed = moment_ms / 1000 - _BEGAN
    return "".join(
        f"{series} {value * passed!r} {moment_ms}\n" if is_rate else f"{series} {value!r}\n"
        for series, value, is_rate in shown(exporter, host)
    )


@cache
def shown(exporter: str, host: str = "") -> Sequence[tuple[str, float, bool]]:
    """The series of a page, each with its value, or with what it counts in a second."""
    return [
        one
        for family in FAMILIES
        if family.name.startswith(f"stratoscope_{exporter}_")
        for labels in _of_each_series(family, host)
        for one in _series(family, labels)
    ]


def _of_each_series(family: Family, host: str) -> Iterator[Labels]:
    for thing in _things(family, host):
        rest = [name for name in family.labels if name not in thing]
        for values in product(*(_OTHERS.get(name, (name,)) for name in rest)):
            given = {**thing, **dict(zip(rest, values, strict=True))}
            yield {name: given[name] for name in family.labels}


def _things(family: Family, host: str) -> Sequence[Labels]:
    """What a family is about. Args: host: Whose page it is; "" for a page that is of no host."""
    if family.name in _ALONE:
        return _ALONE[family.name]
    if "vm_id" in family.labels:
        return [one for one in _SHOWN_BY_HOSTS if one["host"] == host] if host else VMS[:-1]
    if "host" in family.labels:
        return [one for one in _HOSTS if host in ("", one["host"])]
    return _PROBES if "probe" in family.labels else [{}]


def _series(family: Family, labels: Labels) -> Iterator[tuple[str, float, bool]]:
    text = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    series = f"{family.name}{{{text}}}"
    rate = (1 + zlib.crc32(series.encode()) % 10) / 20
    if isinstance(family, Histogram):
        for quarters, bound in enumerate(_BOUNDS, start=2):
            yield f'{family.name}_bucket{{{text},le="{bound}"}}', rate * quarters / 4, True
        yield f"{family.name}_count{{{text}}}", rate, True
    elif family.kind == "counter":
        is_still = "_throttled_" in series and '"vm6"' not in series
        yield series, 0 if is_still else rate, True
    else:
        yield series, _gauge(family, series), False


def _gauge(family: Family, series: str) -> float:
    if family.name.endswith("_timestamp_seconds"):
        return _BEGAN
    if ('"b3"' in series and "_service_up" in series) or ('"bad"' in series and "_success" in series):
        return 0
    return next((value for part, value in _GAUGES.items() if part in family.name), 1)
