"""The embedded cloud of the demo, and what is wrong in it."""

from pathlib import Path
from typing import Final

from stratoscope.demo.show.asking import get
from stratoscope.demo.show.children import stratoscope
from stratoscope.demo.show.servers import Server

NAME: Final = "demo"
"""Of the cloud in the configurations; `--write-config` gives it."""
DOWN: Final = "cn11"
"""The host that is down from the beginning, for which the demo files a downtime."""
SILENT: Final = {"fault": "down", "service": "network", "host": "cn07", "seconds": 5}
"""The network agent of another host, which the demo makes fall silent."""
LOST: Final = {"fault": "refuse_boot", "refusal": "image_lost", "image": "rocky-9"}
"""An image that users are offered, and whose data the storage has lost."""
_PORT: Final = 10980
VMS: Final = 200
HOSTS: Final = 12
_SIZE: Final = ("--kind=openstack", f"--vms={VMS}", f"--hosts={HOSTS}", "--projects=20")


def server(folder: Path) -> tuple[Server, Path]:
    """The embedded OpenStack, not started yet; and the configuration that it writes last of all its files."""
    config = folder / "clouds.yml"
    writes = (f"--write-config={config}", f"--write-hosts={folder / 'hosts'}")
    return Server("demo-cloud", stratoscope("demo-cloud", *_SIZE, *writes), _PORT, folder), config


def break_something(at: str) -> None:
    """Let one agent fall silent, and one image lose its data. Raises NoAnswerError."""
    get(f"{at}/demo/faults", [SILENT, LOST])
