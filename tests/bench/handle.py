"""Whether a resource is still there, of 100,000 VMs and 200,000 volumes: answers per second, and memory.

The exporter is a process of its own, and so is what asks: a user with a password, over a few connections. The
comparison is `/-/healthy`, which only checks the password, for the same user in the same run.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import bcrypt
import openstack_pages
from large import most_rss_bytes
from management_exporter import REAL, document
from openstack_server import FLOATING_IPS, Serving, serving
from processes import Running, exporter
from results import Result, at_least, at_most

COUNT: Final = 100_000
ROUNDS: Final = 5
_SECONDS: Final = 2
_ASKED: Final = 500
"""Resources of each kind that are asked for, and half as many that are gone."""
_LOAD: Final = Path(__file__).with_name("handle_load.py")
_PASSWORD: Final = "password-of-a-benchmark"  # noqa: S105 - it guards nothing
_AUTHORIZATION: Final = f"Basic {b64encode(f'bench:{_PASSWORD}'.encode()).decode()}"


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder, serving(COUNT) as cloud:
        web_config = Path(folder, "web.yml")
        stored = bcrypt.hashpw(_PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        web_config.write_text(f"basic_auth_users: {{bench: '{stored}'}}\n")
        flags = [f"--web.config.file={web_config}"]
        headers = {"Authorization": _AUTHORIZATION}
        with exporter(_config(cloud), *flags, command=REAL, headers=headers) as running:
            paths = _paths()
            handles, healthy = list[float](), list[float]()
            for _ in range(ROUNDS):
                handles.append(_rate(running, paths))
                healthy.append(_rate(running, ["/-/healthy=healthy"]))
            running.get(**{"Accept-Encoding": "gzip"})
            rss_mb = most_rss_bytes(running) / 1e6
    ours, theirs = statistics.median(handles), statistics.median(healthy)
    print(f"handle: {ours:.0f} a second, /-/healthy {theirs:.0f}; {rss_mb:.0f} MB")
    with_ids = f"{COUNT} VMs, {2 * COUNT} volumes, {FLOATING_IPS} addresses"
    return [
        at_least(f"resource handle, {with_ids}: answers", ours, 2000, "1/s"),
        at_least(f"resource handle: rate / rate of /-/healthy, {COUNT} VMs", ours / theirs, 0.4),
        at_most(f"management, {with_ids}: RSS at most", rss_mb, 600, "MB"),
    ]


def _config(cloud: Serving) -> str:
    found = document(cloud, COUNT, "60s")
    for name in ("volumes", "floating_ips"):
        found["management"]["collectors"][name] = {"interval": "5m", "timeout": "2m", "max_age": "3h"}
    return json.dumps(found)


def _paths() -> Sequence[str]:
    """What is there and what is not, in turn."""
    vms = [server["id"] for server in islice(openstack_pages.servers(COUNT), _ASKED)]
    volumes = [openstack_pages.volume(number)["id"] for number in range(_ASKED)]
    found = []
    for number, (vm, volume) in enumerate(zip(vms, volumes, strict=True)):
        found += [_path("vms", vm, "present"), _path("volumes", str(volume), "present")]
        found.append(_path("vms", f"00000000-0000-0000-0000-{number:012x}", "gone"))
    return found


def _path(kind: str, one: str, status: str) -> str:
    return f'/api/v1/clouds/uni/resources/{kind}/{one}="status":"{status}"'


def _rate(running: Running, paths: Sequence[str]) -> float:
    command = [sys.executable, str(_LOAD), str(running.port), _AUTHORIZATION, str(_SECONDS), *paths]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
