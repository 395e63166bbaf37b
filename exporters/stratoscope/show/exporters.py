"""The exporters of the demo: how they are configured and started, and the downtime that is filed."""

import json
import os
import shlex
import shutil
import socket
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from stratoscope.show import clouds
from stratoscope.show.processes import run, stratoscope
from stratoscope.show.servers import Server
from stratoscope.show.terminal import DemoError, Stop

_NEEDED: Final = {"management": "openstack", "vmprobe": "asyncssh", "downtime": "sqlalchemy"}
"""By extra: a module that it installs."""
_LIBVIRT: Final = "libvirt"
_PORTS: Final = {"hypervisor": 10971, "management": 10972, "vmprobe": 10973, "downtime": 10974}
"""By program: the usual port, on which it listens if that is free."""
_PORT_OF_HOSTS: Final = 10981
"""Of the first host of the embedded cloud; the next has the next."""
_QUICK: Final = ("aggregates", "compute_services", "flavors", "hypervisors", "network_agents", "servers")
_QUICK_S: Final = 15
"""The usual interval of these is 60 s, which is long for who waits to see something."""
_OF_OPENSTACK: Final = {"cloud": clouds.OPENSTACK.name, "flavor": "t1.nano", "network": "astronomy-net"}
_BOOT: Final = {"image": "cirros", "console": "login:", "floating_ip": "external"}
PROBES: Final[tuple[Mapping[str, str], ...]] = (
    {"name": "boot-cirros", **_OF_OPENSTACK, **_BOOT, "interval": "20s"},  # longer than a run
    {"name": "boot-rocky-9", **_OF_OPENSTACK, "image": clouds.LOST["image"], "interval": "10s"},
    {"name": "boot-nano", "cloud": clouds.OPENNEBULA.name, "template": "t1.nano", "interval": "20s"},
)
"""One of each cloud works, another boots the image whose data is lost."""
_USER: Final = "user1"
_SESSION: Final = f"{_USER}:demo"
_HERE: Final = "here"
"""The cloud of this machine's libvirt."""
_LIBVIRT_S: Final = 10
_COUNT: Final = """
import libvirt, sys
connection = libvirt.openReadOnly(sys.argv[1])
print(connection.numOfDomains() + connection.numOfDefinedDomains())
"""
_DOWNTIME: Final = ("downtime", "add", "now for 2h", "--title=its switch is replaced", "--match")
_WHOSE: Final = (f"cloud={clouds.OPENSTACK.name}", f"host={clouds.DOWN}")


def check_extras() -> None:
    """Raises DemoError: Something is not installed that the demo needs; it says how to install it."""
    missing = [extra for extra, module in _NEEDED.items() if find_spec(module) is None]
    if missing:
        extras = ", ".join(missing)
        raise DemoError(
            f"not installed: {extras}; pip install '.[{','.join(missing)}]' in a clone installs it"
        )


def has_libvirt() -> bool:
    """Whether libvirt's bindings are installed."""
    return find_spec(_LIBVIRT) is not None


def of_clouds(folder: Path, alertmanager: str) -> list[Server]:
    """Those that ask the clouds; each asks all. Args: alertmanager: Its URL; "" without one."""
    entries = [one.entry(folder) for one in clouds.CLOUDS]
    openstack, opennebula = entries
    credential = folder / "one_user"
    credential.touch(0o600)
    credential.write_text(_SESSION)
    users = [{**openstack, "os_cloud": _USER}, {**opennebula, "credentials_file": str(credential)}]
    downtime: dict[str, object] = {"hosts_off": {"clouds": [one.name for one in clouds.CLOUDS]}}
    if alertmanager:
        downtime["alertmanagers"] = [{"name": clouds.OPENSTACK.name, "urls": [alertmanager]}]
    often = {one: {"interval": f"{_QUICK_S}s"} for one in _QUICK}
    keeps = f"--storage.path={folder}/kept-by-"
    return [
        _exporter(folder, "management", {"clouds": entries, "management": {"collectors": often}}),
        _exporter(folder, "vmprobe", {"clouds": users, "vmprobe": {"probes": PROBES}}, f"{keeps}vmprobe"),
        _exporter(folder, "downtime", {"clouds": entries, "downtime": downtime}, f"{keeps}downtime"),
    ]


def of_hosts(folder: Path) -> list[Server]:
    """Those of the hosts of which the OpenStack writes the files."""
    found = sorted((folder / "hosts").glob("*/hypervisor.yml"))
    return [_of_host(config, folder, _PORT_OF_HOSTS + number) for number, config in enumerate(found)]


def _of_host(config: Path, folder: Path, port: int) -> Server:
    files, host = config.parent, config.parent.name
    paths = {"procfs": files / "proc", "sysfs": files / "sys", "cgroup": files / "sys" / "fs" / "cgroup"}
    flags = (f"--config.file={config}", *(f"--path.{key}={path}" for key, path in paths.items()))
    words, labels = stratoscope("hypervisor", *flags), {"cloud": clouds.OPENSTACK.name, "host": host}
    return Server(f"hypervisor-{host}", words, port, folder, "hypervisor", labels)


def of_this_machine(folder: Path, stop: Stop) -> Server:
    """That of qemu:///system, or what LIBVIRT_DEFAULT_URI names. Raises DemoError: It has nothing to show."""
    uri = os.environ.get("LIBVIRT_DEFAULT_URI") or "qemu:///system"
    asked = run([sys.executable, "-c", _COUNT, uri], stop, _LIBVIRT_S)
    if asked.status:
        raise DemoError(f"VMs of {uri}: {asked.reason.removeprefix('libvirt.libvirtError: ')}")
    if not int(asked.output):
        raise DemoError(f"VMs of {uri}: it has no domains")
    found = _exporter(folder, "hypervisor", {"clouds": [{"name": _HERE, "kind": "libvirt", "uri": uri}]})
    found.labels = {"cloud": _HERE, "host": socket.gethostname()}
    return found


def _exporter(folder: Path, program: str, document: Mapping[str, object], *flags: str) -> Server:
    config = folder / f"{program}.yml"
    config.write_text(json.dumps(document))  # JSON is YAML, too
    words = stratoscope(program, f"--config.file={config}", *flags)
    return Server(program, words, _PORTS[program], folder, program)


def file_downtime(at: str, stop: Stop) -> str:
    """File one for the host that is down, as a person would; the address of its page.

    Args:
        at: The address of the downtime exporter.
        stop: Ends it.

    Raises:
        DemoError: It was not taken.
    """
    done = run(stratoscope(*_DOWNTIME, *_WHOSE, "--json", f"--url={at}"), stop)
    if done.status:
        raise DemoError(f"the downtime was not filed: {done.reason}")
    found: dict[str, Any] = json.loads(done.output)
    return f"{at}/downtimes/{found['id']}"


def typed_downtime(at: str) -> str:
    """What a person would type where the demo was started. Args: at: As for `file_downtime`."""
    elsewhere = () if at == f"http://127.0.0.1:{_PORTS['downtime']}" else (f"--url={at}",)
    return shlex.join((*_program(), *_DOWNTIME, *_WHOSE, *elsewhere))


def _program() -> tuple[str, ...]:
    """The command as the demo itself was started: by PATH, by a path, or as a module."""
    given = Path(sys.argv[0])
    if given.name != "stratoscope":
        return sys.executable, "-m", "stratoscope"
    found = shutil.which(given.name)
    # `make` has .venv/bin on its PATH, and names it all the same: a person has it not.
    is_on_path = given.is_absolute() and found is not None and given.samefile(found)
    return (given.name if is_on_path else str(given),)
