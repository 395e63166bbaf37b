"""The exporters of the demo: how they are configured and started."""

import json
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from stratoscope.demo.show import clouds, probes
from stratoscope.demo.show.children import DemoError, run, stratoscope
from stratoscope.demo.show.servers import Server

_NEEDED: Final = {"management": "openstack", "vmprobe": "asyncssh", "downtime": "sqlalchemy"}
"""By extra: a module that it installs."""
_LIBVIRT: Final = "libvirt"
PORTS: Final = {"hypervisor": 10971, "management": 10972, "vmprobe": 10973, "downtime": 10974}
"""By program: the usual port, on which it listens if that is free."""
_PORT_OF_HOSTS: Final = 10981
"""Of the first host of the embedded cloud; the next has the next."""
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
    """An exporter, not started yet.

    Attributes:
        program: Its sub-command.
        config: Its configuration.
        server: What starts it, and where it listens.
        labels: What Prometheus adds to all that it says.
    """

    program: str
    config: Path
    server: Server
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """It tells two of the same program."""
        return self.server.name

    @property
    def url(self) -> str:
        return self.server.url


def check_extras() -> None:
    """Raises DemoError: Something is not installed that the demo needs; it says how to install it."""
    missing = [extra for extra, module in _NEEDED.items() if find_spec(module) is None]
    if missing:
        extras = ", ".join(missing)
        raise DemoError(
            f"not installed: {extras}; pip install '.[{','.join(missing)}]' in a clone installs it"
        )


def management(folder: Path) -> Exporter:
    """The exporter for the clouds' management layers."""
    collectors = {one: {"interval": f"{_QUICK_S}s"} for one in _QUICK}
    return _exporter(
        folder, "management", [one.entry(folder) for one in clouds.CLOUDS], collectors=collectors
    )


def downtime(folder: Path, alertmanager: str) -> Exporter:
    """The downtime exporter. Args: alertmanager: Its URL; "" without one."""
    section: dict[str, object] = {"hosts_off": {"clouds": [one.name for one in clouds.CLOUDS]}}
    if alertmanager:
        section["alertmanagers"] = [{"name": clouds.OPENSTACK.name, "urls": [alertmanager]}]
    return _exporter(folder, "downtime", [one.entry(folder) for one in clouds.CLOUDS], **section)


def vmprobe(folder: Path) -> Exporter:
    """The probe exporter, which asks the clouds as a plain user of each."""
    return _exporter(folder, "vmprobe", probes.entries(folder), probes=probes.PROBES)


def hosts(folder: Path) -> list[Exporter]:
    """The exporters for the hosts of which the embedded cloud writes the files."""
    found = sorted((folder / "hosts").glob("*/hypervisor.yml"))
    return [_of_host(config, folder, _PORT_OF_HOSTS + number) for number, config in enumerate(found)]


def _of_host(config: Path, folder: Path, port: int) -> Exporter:
    files, host = config.parent, config.parent.name
    paths = {"procfs": files / "proc", "sysfs": files / "sys", "cgroup": files / "sys" / "fs" / "cgroup"}
    flags = (f"--config.file={config}", *(f"--path.{key}={path}" for key, path in paths.items()))
    server = Server(f"hypervisor-{host}", stratoscope("hypervisor", *flags), port, folder)
    return Exporter("hypervisor", config, server, {"cloud": clouds.OPENSTACK.name, "host": host})


def has_libvirt() -> bool:
    """Whether libvirt's bindings are installed."""
    return find_spec(_LIBVIRT) is not None


def hypervisor(folder: Path, uri: str) -> Exporter:
    """The exporter for this machine, with what this libvirt has."""
    found = _exporter(folder, "hypervisor", [{"name": "here", "kind": "libvirt", "uri": uri}])
    return replace(found, labels={"cloud": "here", "host": socket.gethostname()})


def domains(uri: str, stop: threading.Event) -> str:
    """Why there is nothing to see in this libvirt; "" where there are domains."""
    asked = run([sys.executable, "-c", _COUNT, uri], stop, _LIBVIRT_S)
    if asked.status:
        return asked.reason.removeprefix("libvirt.libvirtError: ")
    return "" if int(asked.output) else "it has no domains"


def _exporter(
    folder: Path, program: str, entries: Sequence[Mapping[str, object]], **section: object
) -> Exporter:
    """An exporter with these clouds and this section, which may keep its state; it serves several clouds."""
    config = folder / f"{program}.yml"
    config.write_text(json.dumps({"clouds": entries, program: section}))  # JSON is YAML, too
    state = () if program == "management" else (f"--storage.path={folder / f'{program}s'}",)
    words = stratoscope(program, f"--config.file={config}", *state)
    return Exporter(program, config, Server(program, words, PORTS[program], folder))
