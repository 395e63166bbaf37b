"""The embedded cloud of the demo, and what is wrong in it."""

from pathlib import Path
from typing import Final

from stratoscope.demo.show.asking import get
from stratoscope.demo.show.children import Child, stratoscope

NAME: Final = "demo"
"""Of the cloud in the configurations; `--write-config` gives it."""
DOWN: Final = "cn11"
"""The host that is down from the beginning, for which the demo files a downtime."""
FAULT: Final = {"fault": "down", "service": "network", "host": "cn07", "seconds": 5}
"""The network agent of another host, which the demo makes fall silent: the alert that fires."""
_SIZE: Final = ("--kind=openstack", "--vms=200", "--hosts=12", "--projects=20")


def start(folder: Path, port: int) -> tuple[Child, Path]:
    """The embedded OpenStack, and the configuration that it writes once it listens, last of all its files."""
    config = folder / "clouds.yml"
    listens = f"--web.listen-address=127.0.0.1:{port}"
    writes = (f"--write-config={config}", f"--write-hosts={folder / 'hosts'}")
    return Child("demo-cloud", stratoscope("demo-cloud", *_SIZE, listens, *writes), folder), config


def break_something(at: str) -> None:
    """Let one agent fall silent."""
    get(f"{at}/demo/faults", FAULT)
