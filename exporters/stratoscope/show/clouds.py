"""The embedded clouds of the demo, and what is wrong in them."""

from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import fromstring
from xmlrpc.client import Error, ServerProxy

import yaml

from stratoscope.show.asking import NoAnswerError, get
from stratoscope.show.processes import stratoscope
from stratoscope.show.servers import Server

DOWN: Final = "cn11"
"""The host of the OpenStack that is down from the beginning, for which the demo files a downtime."""
SILENT: Final = {"fault": "down", "service": "network", "host": "cn07", "seconds": 5}
"""The network agent of another host, which the demo makes fall silent."""
LOST: Final = {"fault": "refuse_boot", "refusal": "image_lost", "image": "rocky-9"}
"""An image that users are offered, and whose data the storage has lost."""
OFF: Final = "cn04"
"""The host of the OpenNebula that its administrator has emptied and taken offline."""
_NUMBER, _OFFLINE = 3, 2
"""Its number, and what `host.status` calls that."""
_ADMIN: Final = "oneadmin:demo"


@dataclass(frozen=True, slots=True)
class Cloud:
    """An embedded cloud.

    Attributes:
        name: In the configurations; `--write-config` gives it.
        kind: As its users call it.
        port: The usual one.
        flags: Others of `stratoscope demo-cloud`.
    """

    name: str
    kind: str
    port: int
    vms: int
    hosts: int
    flags: tuple[str, ...]

    def config(self, folder: Path) -> Path:
        """The file with its block `clouds:`, which it writes last of all its files."""
        return folder / f"{self.name}.yml"

    def server(self, folder: Path) -> Server:
        """It, not started yet."""
        kind = self.kind.lower()
        size = (f"--kind={kind}", f"--vms={self.vms}", f"--hosts={self.hosts}", *self.flags)
        files = [f"--write-config={self.config(folder)}"]
        if self is OPENSTACK:
            files.append(f"--write-hosts={folder / 'hosts'}")
        return Server(kind, stratoscope("demo-cloud", *size, *files), self.port, folder)

    def entry(self, folder: Path) -> dict[str, Any]:
        """Its entry in `clouds:`, of an administrator."""
        entries = yaml.safe_load(self.config(folder).read_text(encoding="utf-8"))["clouds"]
        found: dict[str, Any] = entries[0]
        return found


OPENSTACK: Final = Cloud("demo", "OpenStack", 10980, 200, 12, ("--projects=20",))
OPENNEBULA: Final = Cloud("demo-one", "OpenNebula", 10990, 30, 4, ("--projects=4", "--seed=3"))
CLOUDS: Final = (OPENSTACK, OPENNEBULA)


def break_something(openstack: str, opennebula: str) -> None:
    """Let one agent fall silent and one image lose its data, and switch a host off. Raises NoAnswerError."""
    get(f"{openstack}/demo/faults", [SILENT, LOST])
    switch_off(opennebula)


def switch_off(opennebula: str) -> None:
    """Empty a host and take it offline; its VMs come anew elsewhere. Raises NoAnswerError."""
    url = f"{opennebula}/RPC2"
    try:
        with ServerProxy(url) as oned:
            one: Any = oned.one
            host = fromstring(one.host.info(_ADMIN, _NUMBER)[1])  # noqa: S314 - of our own program
            for vm in host.findall("VMS/ID"):
                one.vm.action(_ADMIN, "terminate-hard", int(vm.text or ""))
            one.host.status(_ADMIN, _NUMBER, _OFFLINE)
    except (OSError, HTTPException, Error) as error:
        raise NoAnswerError(url, str(error)) from error
