"""Memory of each exporter with 1,000 VMs: the 95th percentile of its RSS, against the chart's request.

Libvirt's test driver plays a host of the embedded cloud inside the exporter; disks and interfaces, which it
lacks, are recorded. The cloud is the embedded one; it has 10 probes, and 10,000 downtimes.

`python memory.py --config.file=...` is the hypervisor exporter with what is recorded.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from downtimes_filled import fill
from processes import ROOT, Running, exporter
from results import Result, at_most

from stratoscope.clouds.libvirt import per_domain
from stratoscope.core.app import main
from stratoscope.core.flags import Flags
from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.exporter import EXPORTER

VMS: Final = 1000
HOSTS: Final = 12
"""The fewest of an embedded cloud that writes what its hosts' exporters read."""
PROBES: Final = 10
MEASURED_S: Final = 240.0
_SCRAPED_EVERY_S: Final = 5.0
_MIB: Final = 1 << 20
_STATS: Final = Path(__file__).with_name("stats.json")
_HOST: Final = (sys.executable, __file__, "--web.listen-address=127.0.0.1:0")
_SHOWN: Final = {
    "hypervisor": "stratoscope_hypervisor_vm_disk_read_bytes_total",
    "management": "stratoscope_management_vm_info",
}
"""By exporter: a family with a series of each VM, or of each of its disks."""


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        running = dict(_started(Path(folder), stack))
        for name, family in _SHOWN.items():
            if (count := running[name].count(family)) < 0.9 * VMS:
                raise RuntimeError(f"{name} shows {count} series of {family}")
        resident: dict[str, list[int]] = {name: [] for name in running}
        ends, scraped = time.monotonic() + MEASURED_S, 0.0
        while (now := time.monotonic()) < ends:
            if now - scraped > _SCRAPED_EVERY_S:
                scraped = now
                for one in running.values():
                    one.get(**{"Accept-Encoding": "gzip"})
                running["downtime"].get("/")
            for name, one in running.items():
                resident[name].append(one.rss_bytes())
            time.sleep(0.5)
    return [
        at_most(f"{name}, {VMS} VMs: RSS, p95", _p95(values) / _MIB, _requested_mib(name), "MiB")
        for name, values in resident.items()
    ]


def _started(folder: Path, stack: ExitStack) -> Iterator[tuple[str, Running]]:
    with _cloud(folder, HOSTS * VMS, f"--write-hosts={folder / 'hosts'}"):
        host, *_ = sorted((folder / "hosts").iterdir())
    config = yaml.safe_load((host / "hypervisor.yml").read_text())
    del config["hypervisor"]  # it leaves out what the test driver does not have
    paths = {"procfs": host / "proc", "sysfs": host / "sys", "cgroup": host / "sys/fs/cgroup"}
    flags = [f"--path.{key}={path}" for key, path in paths.items()]
    yield "hypervisor", stack.enter_context(exporter(json.dumps(config), *flags, command=_HOST))

    clouds = stack.enter_context(_cloud(folder, VMS))
    yield "management", stack.enter_context(_exporter("management", clouds))
    for name, state in (("vmprobe", folder / "probes"), ("downtime", folder / "downtimes")):
        state.mkdir()
        if name == "downtime":
            asyncio.run(fill(state))
        yield name, stack.enter_context(_exporter(name, clouds, f"--storage.path={state}"))


@contextmanager
def _cloud(folder: Path, vms: int, *flags: str) -> Iterator[dict[str, Any]]:
    """An embedded cloud; the block that configures it."""
    file = folder / f"clouds-{vms}.yml"
    command = [sys.executable, "-m", "stratoscope", "demo-cloud", f"--vms={vms}", f"--hosts={HOSTS}"]
    listen = "--web.listen-address=127.0.0.1:0"
    with subprocess.Popen([*command, listen, f"--write-config={file}", *flags]) as process:
        try:
            while not file.exists():
                if process.poll() is not None:
                    raise RuntimeError("the embedded cloud does not start")
                time.sleep(0.1)
            yield yaml.safe_load(file.read_text())
        finally:
            process.terminate()


@contextmanager
def _exporter(name: str, clouds: Mapping[str, Any], *flags: str) -> Iterator[Running]:
    command = (sys.executable, "-m", "stratoscope", name, "--web.listen-address=127.0.0.1:0")
    with exporter(json.dumps({**clouds, name: _section(name)}), *flags, command=command) as running:
        yield running


def _section(name: str) -> Mapping[str, Any]:
    if name == "management":
        return {}
    if name == "downtime":
        return {"hosts_off": {"clouds": ["demo"]}}
    common = {"cloud": "demo", "image": "cirros", "flavor": "t1.nano", "network": "astronomy-net"}
    probes = [{**common, "name": f"boot{number}", "interval": "1m"} for number in range(PROBES)]
    return {"probes": probes, "limits": {"vms_at_once": 10, "vm_hours_per_day": 100}}


def _p95(values: list[int]) -> int:
    return sorted(values)[int(0.95 * len(values))]


def _requested_mib(name: str) -> int:
    """What the chart requests by default."""
    values = yaml.safe_load((ROOT / "helm/stratoscope/values.yaml").read_text())
    text: str = values["defaults"][name]["resources"]["requests"]["memory"]
    return int(text.removesuffix("Mi"))


def add_recorded() -> None:
    """Let all domains have the disks and the interface of a real guest."""
    read = per_domain.read
    stats = json.loads(_STATS.read_text())
    devices = {key: value for key, value in stats.items() if key.startswith(("block.", "net."))}

    def with_devices(*arguments: Any) -> Any:
        domains, failed = read(*arguments)
        return [(*one[:3], {**one[3], **devices}) for one in domains], failed

    per_domain.read = with_devices  # type: ignore[assignment]  # the same arguments


if __name__ == "__main__":
    add_recorded()
    sys.exit(main(EXPORTER, Flags.parse(PROGRAM, sys.argv[1:])))
