"""A RabbitMQ of our own inside the unpacked Debian: its absence costs the cloud's services nothing.

It needs the packages of scripts/openstack-up, but no service of the cloud.
"""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cloud import daemons, inside, services
from cloud.configuration import PASSWORD
from cloud.folder import DATA, LOG, RUN
from cloud.ports import free_port

READER = "stratoscope"
LOGIN = f"{READER}:{PASSWORD}"
"""Of the user that the exporter is, with the rights that docs/management.md names."""
RIGHTS = ("^stratoscope-", "^stratoscope-", "^(stratoscope-.*|nova)$")
_NAME = "notifications"


class RabbitMQ:
    """Attributes: address: Host and port."""

    def __init__(self) -> None:
        self._ports = {name: free_port() for name in ("epmd", "rabbit", "rabbit_peers")}
        self._epmd, self._service = daemons.broker(self._ports, _NAME)
        self.address = f"127.0.0.1:{self._ports['rabbit']}"

    @property
    def url(self) -> str:
        """With the user and password of Nova, of the virtual host `/`."""
        return f"amqp://cloud:{PASSWORD}@{self.address}/"

    def start(self) -> None:
        """Returns when it answers."""
        for one in (self._epmd, self._service):
            services.start(one)
            services.wait_until_ready(one)
        self.ctl("await_startup")

    @contextmanager
    def away(self) -> Iterator[None]:
        """It is killed, and started again afterwards."""
        services.send(_NAME, signal.SIGKILL)
        services.stop(_NAME)
        try:
            yield
        finally:
            self.start()

    def remove(self) -> None:
        """End it, and remove all that it has stored."""
        services.stop(_NAME, self._epmd.name)
        shutil.rmtree(DATA / _NAME)

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Its connections are there, but it does nothing."""
        services.send(_NAME, signal.SIGSTOP)
        try:
            yield
        finally:
            services.send(_NAME, signal.SIGCONT)

    def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` prints."""
        environment = inside.ENVIRONMENT | dict(daemons.of_rabbit(self._ports, _NAME))
        command = inside.command(
            "/usr/lib/rabbitmq/bin/rabbitmqctl", "--quiet", *arguments, environment=environment
        )
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def connections(self) -> int:
        """How many clients it has."""
        return len(self.ctl("list_connections", "--no-table-headers", "pid").split())

    def queues(self) -> dict[str, int]:
        """Messages of each queue, by its name."""
        listed: list[dict[str, Any]] = json.loads(
            self.ctl("list_queues", "name", "messages", "--formatter=json")
        )
        return {one["name"]: one["messages"] for one in listed}


@contextmanager
def rabbitmq() -> Iterator[RabbitMQ]:
    """One that answers; removed at the end."""
    for folder in (LOG, RUN, DATA / _NAME):
        folder.mkdir(parents=True, exist_ok=True)
    broker = RabbitMQ()
    try:
        broker.start()
        broker.ctl("add_user", READER, PASSWORD)
        broker.ctl("set_permissions", READER, *RIGHTS)
        yield broker
    finally:
        broker.remove()
