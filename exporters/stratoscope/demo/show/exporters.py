"""The exporters of the demo: how they are configured and started."""

import json
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from stratoscope.demo.show.children import Child, DemoError, run, stratoscope

_NEEDED: Final = {"management": "openstack", "vmprobe": "asyncssh", "downtime": "sqlalchemy"}
"""By extra: a module that it installs."""
_LIBVIRT: Final = "libvirt"
_QUICK: Final = ("aggregates", "compute_services", "flavors", "hypervisors", "network_agents", "servers")
_QUICK_S: Final = 15
"""The usual interval of these is 60 s, which is long for who waits to see something."""
_LIBVIRT_S: Final = 10
_COUNT: Final = """
import libvirt, sys
connection = libvirt.openReadOnly(sys.argv[1])
print(connection.numOfDomains() + connection.numOfDefinedDomains())
"""


@dataclass(frozen=True, slots=True)
class Exporter:
    """An exporter to be started.

    Attributes:
        program: Its sub-command; `name` tells two of the same.
        labels: What Prometheus adds to all that it says.
    """

    name: str
    program: str
    config: Path
    port: int
    labels: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, folder: Path) -> Child:
        own = (f"--config.file={self.config}", f"--web.listen-address=127.0.0.1:{self.port}", *self.flags)
        return Child(self.name, stratoscope(self.program, *own), folder)


def check_extras() -> None:
    """Raises DemoError: Something is not installed that the demo needs; it says how to install it."""
    missing = [extra for extra, module in _NEEDED.items() if find_spec(module) is None]
    if missing:
        extras = ", ".join(missing)
        raise DemoError(
            f"not installed: {extras}; pip install '.[{','.join(missing)}]' in a clone installs it"
        )


def management(folder: Path, cloud: Path, port: int, name: str) -> Exporter:
    """The exporter for the cloud's management layer. Args: cloud: The file with the block `clouds:`."""
    collectors = {one: {"interval": f"{_QUICK_S}s"} for one in _QUICK}
    config = _with_section(folder, cloud, "management", {"collectors": collectors})
    return Exporter("management", "management", config, port, {"cloud": name})


def downtime(folder: Path, cloud: Path, port: int, name: str, alertmanager: str) -> Exporter:
    """The downtime exporter. Args: alertmanager: Its URL; "" without one."""
    section: dict[str, object] = {"hosts_off": {"clouds": [name]}}
    if alertmanager:
        section["alertmanagers"] = [{"name": name, "urls": [alertmanager]}]
    config = _with_section(folder, cloud, "downtime", section)
    return Exporter("downtime", "downtime", config, port, flags=(f"--storage.path={folder / 'downtimes'}",))


def vmprobe(folder: Path, document: Mapping[str, object], port: int, name: str) -> Exporter:
    """The probe exporter with this configuration."""
    config = folder / "vmprobe.yml"
    config.write_text(json.dumps(document))  # JSON is YAML, too
    state = f"--storage.path={folder / 'probes'}"
    return Exporter("vmprobe", "vmprobe", config, port, {"cloud": name}, (state,))


def hosts(folder: Path, ports: Sequence[int], name: str) -> list[Exporter]:
    """The exporters for the hosts of which the embedded cloud writes the files. Args: name: Of the cloud."""
    found = sorted((folder / "hosts").glob("*/hypervisor.yml"))
    return [_of_host(config, port, name) for config, port in zip(found, ports, strict=True)]


def _of_host(config: Path, port: int, name: str) -> Exporter:
    folder, host = config.parent, config.parent.name
    paths = {"procfs": folder / "proc", "sysfs": folder / "sys", "cgroup": folder / "sys" / "fs" / "cgroup"}
    flags = tuple(f"--path.{key}={path}" for key, path in paths.items())
    return Exporter(f"hypervisor-{host}", "hypervisor", config, port, {"cloud": name, "host": host}, flags)


def has_libvirt() -> bool:
    """Whether libvirt's bindings are installed."""
    return find_spec(_LIBVIRT) is not None


def hypervisor(folder: Path, uri: str, port: int) -> Exporter:
    """The exporter for this machine, with what this libvirt has."""
    config = folder / "hypervisor.yml"
    config.write_text(json.dumps({"clouds": [{"name": "here", "kind": "libvirt", "uri": uri}]}))
    labels = {"cloud": "here", "host": socket.gethostname()}
    return Exporter("hypervisor", "hypervisor", config, port, labels)


def domains(uri: str, stop: threading.Event) -> str:
    """Why there is nothing to see in this libvirt; "" where there are domains."""
    asked = run([sys.executable, "-c", _COUNT, uri], stop, _LIBVIRT_S)
    if asked.status:
        return asked.reason.removeprefix("libvirt.libvirtError: ")
    return "" if int(asked.output) else "it has no domains"


def _with_section(folder: Path, cloud: Path, name: str, section: Mapping[str, object]) -> Path:
    """The file with the clouds and one exporter's section."""
    config = folder / f"{name}.yml"
    config.write_text(f"{cloud.read_text()}\n{name}: {json.dumps(section)}\n")
    return config
