"""What libvirt's own tool says, and a page of the exporter in a shape that can be compared with it."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

URI = "qemu:///system"
P = "stratoscope_hypervisor"


def virsh(*arguments: str) -> str:
    command = ["virsh", "--quiet", "--connect", URI, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def table(*arguments: str) -> dict[str, str]:
    """What virsh prints as lines of `key: value`."""
    pairs = (line.partition(":") for line in virsh(*arguments).splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def domstats(*domains: str) -> dict[str, dict[str, str]]:
    """Domain name -> key -> value, of running domains."""
    found: dict[str, dict[str, str]] = {}
    for line in virsh("domstats", "--list-active", *domains).splitlines():
        if name := re.match(r"Domain: '(.*)'", line):
            found[name.group(1)] = current = {}
        elif "=" in line:
            key, _, value = line.strip().partition("=")
            current[key] = value
    return found


@dataclass(frozen=True)
class Page:
    """A page's samples by name and labels."""

    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample that has these labels among its own; None where there is none."""
        found = self.all(name, **labels)
        assert len(found) <= 1, f"{name}{labels} stands {len(found)} times"
        return found[0][1] if found else None

    def all(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        wanted = set(labels.items())
        return [
            (dict(have), value)
            for (sample, have), value in self.samples.items()
            if sample == f"{P}_{name}" and wanted <= have
        ]

    def success(self, collector: str) -> float | None:
        key = frozenset({"cloud": "lab", "collector": collector}.items())
        return self.samples.get(("stratoscope_collector_success", key))

    def errors(self, collector: str, reason: str) -> float:
        key = frozenset({"cloud": "lab", "collector": collector, "reason": reason}.items())
        return self.samples["stratoscope_collector_errors_total", key]


def page(text: str) -> Page:
    """Raises ValueError where the text is no page."""
    samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, f"{key} stands twice"
            samples[key] = sample.value
    return Page(samples)


def pid_of(domain: str) -> int:
    return int(Path(f"/run/libvirt/qemu/{domain}.pid").read_text())


class stopped:  # noqa: N801 - reads as a statement: with stopped(pid)
    """Hold a process by SIGSTOP, and let it go on afterwards."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> None:
        os.kill(self._pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGCONT)


def wait_for(claim: Callable[[], object], timeout_s: float = 30) -> None:
    """Until the claim holds; fails with its name."""
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.1)
