"""From nothing, or from whatever is there, to a cloud that works."""

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cloud import configuration, daemons, databases, inside, packages, services
from cloud.folder import DATA, FOLDER, ROOT, UP, CloudError, choose_ports
from cloud.services import Service

_BEGAN = time.monotonic()
SERVICES = ("nova", "keystone", "neutron", "cinder", "glance", "placement")
"""Those whose schema takes longest come first."""


def bring_up(offset: int | None) -> None:
    """Unpack, configure, start and fill what is not there yet. Raises CloudError."""
    FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    DATA.mkdir(mode=0o755, exist_ok=True)
    if not packages.are_there():
        daemons.stop_all()
        packages.unpack()
        say("packages are unpacked")
    ports = choose_ports(offset)
    configuration.write(ports)
    _write_hosts_file()
    _start_foundation(ports)
    _start_apis(ports)
    for one in daemons.workers():
        services.start(one)
    say("all services are started")
    try:
        _fill()
    except CloudError:
        _check_all(ports)  # that one has ended is the better reason
        raise
    _check_all(ports)
    say(f"the cloud is up: export OS_CLIENT_CONFIG_FILE={FOLDER}/data/clouds.yaml OS_CLOUD=admin")


def say(what: str) -> None:
    print(f"{time.monotonic() - _BEGAN:4.0f} s  {what}", file=sys.stderr, flush=True)


def in_parallel(*works: Callable[[], object]) -> None:
    """Run all, as many at once as there are cores; the first error is raised once all have ended."""
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


def _write_hosts_file() -> None:
    """Names that resolve without the network; what fails on compute4 fails from the start."""
    hosts = ROOT / "etc/hosts"
    hosts.write_text(f"127.0.0.1 localhost {os.uname().nodename}\n")


def _start_foundation(ports: dict[str, int]) -> None:
    mariadb, *others = daemons.foundation(ports)
    (DATA / "rabbit").mkdir(exist_ok=True)
    for one in others:
        services.start(one)
        if one.name == "epmd":
            services.wait_until_ready(one)  # or RabbitMQ starts its own
    databases.install()
    services.start(mariadb)
    wait_until(databases.answers, "MariaDB answers", mariadb)
    for one in others:
        services.wait_until_ready(one)


def _start_apis(ports: dict[str, int]) -> None:
    """Each as soon as its schema is there."""
    synced = DATA / "synced"
    apis = daemons.apis(ports)
    if not synced.exists():
        services.stop(*apis)
        databases.create()
        in_parallel(*(lambda name=name: _sync_and_start(name, apis[name]) for name in SERVICES))
        synced.touch()
        say("databases are there")
    for one in apis.values():
        services.start(one)
    for one in apis.values():
        services.wait_until_ready(one)


def _sync_and_start(name: str, service: Service) -> None:
    databases.sync(name)
    if name == "keystone":
        databases.bootstrap_keystone(service.port or 0)
    services.start(service)
    if name == "keystone":
        services.wait_until_ready(service)
        inside.run("python3", "/code/catalog.py")


def _check_all(ports: dict[str, int]) -> None:
    for one in daemons.everything(ports):
        services.check_alive(one)


def _fill() -> None:
    if UP.exists():
        inside.run("python3", "/code/seed.py", "wait")
        return
    inside.run("python3", "/code/seed.py")
    UP.touch()
    say("the cloud is filled")


def wait_until(holds: Callable[[], bool], what: str, service: Service, timeout_s: float = 60) -> None:
    """Raises CloudError when the service ends, or it takes too long."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        services.check_alive(service.name)
        if time.monotonic() > deadline:
            raise CloudError(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.2)
