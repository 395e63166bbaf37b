"""The probe exporter as its users run it, with one probe on the real libvirt."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from integration.conftest import RunningExporter, started
from integration.virsh import URI, virsh

FAILED = "stratoscope_vmprobe_failures_total"
LEAKED = "stratoscope_vmprobe_leaked_resources"
RUNS = "stratoscope_vmprobe_runs_total"
SUCCESS = "stratoscope_vmprobe_success"


def ours() -> list[str]:
    return [name for name in virsh("list", "--all", "--name").split() if name.startswith("stratoscope-")]


def value(text: str, name: str, label: str = "") -> float:
    found = re.findall(rf"^{name}{{[^}}]*{label}[^}}]*}} (\S+)", text, re.MULTILINE)
    return sum(map(float, found))


@contextmanager
def probing(folder: Path, uri: str | Sequence[str] = URI, **probe: object) -> Iterator[RunningExporter]:
    """The exporter with one probe; its state is in the folder."""
    entry = {"name": "boot", "cloud": "lab", "interval": "1h", **probe}
    clouds = [{"name": "lab", "kind": "libvirt", "uri": uri}]
    config = json.dumps({"clouds": clouds, "vmprobe": {"probes": [entry]}})
    with started("vmprobe", folder, config, f"--storage.path={folder / 'state'}") as running:
        yield running


def run_now(exporter: RunningExporter) -> None:
    with urlopen(Request(f"{exporter.url}/api/v1/probes/boot/run", method="POST")) as answer:  # noqa: S310
        assert answer.status < 300
