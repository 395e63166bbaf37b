"""A page of each exporter, as it shows the embedded cloud, and what the host of a hypervisor has besides."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from from_tests import GOLDEN
from processes import STRATOSCOPE, exporter

HOST: Final = "HOST"
"""Stands for the host's name on the page of the hypervisor exporter."""
INTERVAL_S: Final = 60
"""Of the probes, and of all scrapes."""
_PROBES: Final = 5
_WAIT_S: Final = 300
_USED: Final = re.compile(r"^(stratoscope_management_quota_used(?:_bytes)?\{.*\}) (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Size:
    """Of the cloud, and of a measurement: so many cycles after so many seconds."""

    vms: int
    hosts: int
    projects: int
    warm_s: float
    cycles: int


def pages(size: Size, folder: Path) -> Mapping[str, str]:
    """The page of each exporter by its name; `hypervisor` is without VMs, for a host of the name HOST."""
    with _cloud(size, folder) as cloud:
        found = {"management": _management(cloud), "vmprobe": _vmprobe(cloud, folder)}
    return {**found, "hypervisor": _hypervisor(), "downtime": _downtime(folder)}


@contextmanager
def _cloud(size: Size, folder: Path) -> Iterator[dict[str, Any]]:
    """The embedded cloud; yields an entry of `clouds`."""
    file = folder / "cloud.yml"
    numbers = [f"--{name}={getattr(size, name)}" for name in ("vms", "hosts", "projects")]
    where = ["--web.listen-address=127.0.0.1:0", f"--write-config={file}"]
    with subprocess.Popen(
        [*STRATOSCOPE[:3], "demo-cloud", *numbers, *where], stderr=subprocess.DEVNULL
    ) as it:
        try:
            ends = time.monotonic() + _WAIT_S
            while not file.exists():
                if it.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError("the embedded cloud does not start")
                time.sleep(0.1)
            yield yaml.safe_load(file.read_text())["clouds"][0]
        finally:
            it.terminate()


def _healed(page: str) -> str:
    """The page without the host that is down at first, the VM that is stuck, and full quotas; all VMs
    run, as hypervisors show them.
    """
    page = re.sub(
        r"^(stratoscope_management_(?:host|service)_up\{.*\}) 0$", r"\1 1", page, flags=re.MULTILINE
    )
    page = re.sub(
        r'^(stratoscope_management_vm_state\{.*state=)"\w+"', r'\1"ACTIVE"', page, flags=re.MULTILINE
    )
    page = _USED.sub(lambda found: f"{found[1]} {float(found[2]) / 2}", page)
    return re.sub(r"^stratoscope_management_vms_in_transition_oldest.*\n", "", page, flags=re.MULTILINE)


def _of(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "stratoscope", name, "--web.listen-address=127.0.0.1:0")


def _management(cloud: Mapping[str, Any]) -> str:
    entry = {**cloud, "budget": {"requests_per_second": 100}}
    with exporter(json.dumps({"clouds": [entry]}), command=_of("management")) as running:
        return _healed(running.get().decode())


def _vmprobe(cloud: Mapping[str, Any], folder: Path) -> str:
    """The page once each probe has succeeded."""
    vm = {"flavor": "t1.nano", "image": "cirros", "network": "astronomy-net", "interval": f"{INTERVAL_S}s"}
    probes = [{"name": f"boot{number}", "cloud": cloud["name"], **vm} for number in range(_PROBES)]
    document = {"clouds": [{**cloud, "os_cloud": "user1"}], "vmprobe": {"probes": probes}}
    flags = f"--storage.path={folder / 'vmprobe'}"
    with exporter(json.dumps(document), flags, command=_of("vmprobe")) as running:
        ends = time.monotonic() + _WAIT_S
        while running.count("stratoscope_vmprobe_last_success_timestamp_seconds") < _PROBES:
            if time.monotonic() > ends:
                raise RuntimeError("the probes do not succeed")
            time.sleep(1)
        return running.get().decode()


def _downtime(folder: Path) -> str:
    with exporter(
        "downtime: {}\n", f"--storage.path={folder / 'downtime'}", command=_of("downtime")
    ) as running:
        return running.get().decode()


def _hypervisor() -> str:
    """What libvirt's own driver for tests has, without its VM, and what a real host's kernel has."""
    entry = {"name": "demo", "kind": "libvirt", "uri": "test:///default", "host": HOST}
    with exporter(json.dumps({"clouds": [entry]}), command=_of("hypervisor")) as running:
        shown = running.get().decode().splitlines()
    metal = (GOLDEN / "hypervisor_host_metal.prom").read_text().replace("uni", "demo").replace("node1", HOST)
    lines = {
        line.rpartition(" ")[0]: line
        for line in (*shown, *metal.splitlines())  # what both have, the host's kernel has
        if line[0] != "#" and 'vm_id="' not in line
    }
    return "\n".join(lines.values()) + "\n"
