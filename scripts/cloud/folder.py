"""Where everything lies, and on which ports of 127.0.0.1 the services listen.

The folder holds `root` (the unpacked packages; kept) and `data` (one cloud: databases, logs, configuration).
Nothing is ever mounted where another process of this machine would see it (see inside.py).
"""

import json
import os
import shutil
import socket
from pathlib import Path
from types import MappingProxyType

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("STRATOSCOPE_OPENSTACK") or "/var/tmp/stratoscope-cloud")  # noqa: S108 - root's, mode 755
ROOT, DATA = FOLDER / "root", FOLDER / "data"
ETC, LOG, RUN, KNOBS = DATA / "etc", DATA / "log", DATA / "run", DATA / "knobs"
CLOUDS = DATA / "clouds.yaml"
PORTS = DATA / "ports.json"
UP = DATA / "up"
"""There once the cloud is filled."""

STANDARD = MappingProxyType(
    {
        "keystone": 5000,
        "placement": 8778,
        "glance": 9292,
        "nova": 8774,
        "neutron": 9696,
        "cinder": 8776,
        "rabbit": 5672,
        "rabbit_peers": 5673,
        "epmd": 4369,
        "memcached": 11211,
    }
)
"""MariaDB listens on a socket in the folder alone."""
OFFSETS = (0, 10000, 20000)


class CloudError(Exception):
    """Why the cloud cannot be brought up or taken down, in words for the user."""


def ports() -> dict[str, int]:
    """The port of each service. Raises CloudError before they were chosen."""
    try:
        found: dict[str, int] = json.loads(PORTS.read_text())
    except FileNotFoundError as error:
        raise CloudError(f"no cloud in {FOLDER}: run scripts/openstack-up") from error
    return found


def choose_ports(offset: int | None) -> dict[str, int]:
    """The ports that this cloud keeps as long as its data: the standard ones plus an offset.

    Without an offset: the first of `OFFSETS` with which all are free.
    """
    if PORTS.exists():
        return ports()
    for candidate in OFFSETS if offset is None else (offset,):
        wanted = {name: port + candidate for name, port in STANDARD.items()}
        busy = [f"{port} ({name})" for name, port in wanted.items() if not is_free(port)]
        if not busy:
            PORTS.write_text(json.dumps(wanted))
            return wanted
    raise CloudError(f"something else listens on 127.0.0.1, port {', '.join(busy)}: choose another --offset")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def remove(path: Path) -> None:
    """Remove a folder with all in it. Raises CloudError when something is mounted in it."""
    below = f"{path.resolve()}/"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mounted = line.split()[4]
        if f"{mounted}/".startswith(below):
            raise CloudError(f"{path} is not removed: something is mounted on {mounted}")
    if path.exists():
        shutil.rmtree(path)
