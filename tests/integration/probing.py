"""The probe exporter as its users run it, with one probe on the real libvirt."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from integration.conftest import RunningExporter, stop, wait_until_ready
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
    config, log, state = folder / "vmprobe.yml", folder / "vmprobe.log", folder / "state"
    config.write_text(json.dumps({"clouds": clouds, "vmprobe": {"probes": [entry]}}))
    state.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = [f"--config.file={config}", f"--web.listen-address={address}", f"--storage.path={state}"]
    command = [str(Path(sys.executable).with_name("stratoscope")), "vmprobe", *flags]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        running = RunningExporter(f"http://{address}", process, log)
        try:
            wait_until_ready(running)
            yield running
        finally:
            if process.poll() is None:
                stop(process)


def run_now(exporter: RunningExporter) -> None:
    with urlopen(Request(f"{exporter.url}/api/v1/probes/boot/run", method="POST")) as answer:  # noqa: S310
        assert answer.status < 300
