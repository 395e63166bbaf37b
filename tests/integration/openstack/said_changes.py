"""Says what changes in an embedded OpenStack, as Nova does: versioned notifications to a real broker."""

import asyncio
from collections.abc import Sequence
from typing import Final

import aiormq

from stratoscope.demo.world.models import VM
from support.demo_cloud import DemoCloud
from support.notifications import about

EXCHANGE: Final = "nova"
_KEY: Final = "versioned_notifications.info"


def alive(cloud: DemoCloud) -> dict[str, VM]:
    """The VMs that are not deleted, by id."""
    return {vm.id: vm for vm in cloud.world.vms if vm.terminated is None}


class Said:
    """What was said of the cloud's VMs. Attributes: cloud, url: The cloud, and its broker."""

    def __init__(self, cloud: DemoCloud, url: str) -> None:
        self.cloud, self.url = cloud, url
        self._known = self._moments()

    def after(self, seconds: float) -> list[bytes]:
        """Let so much time pass. Returns what Nova has to say of the VMs that changed meanwhile."""
        before = self._known
        self.cloud.after(seconds)
        self._known = self._moments()
        gone = [
            about("instance.delete.end", vm_id, self.cloud.world.now, state="deleted")
            for vm_id in before.keys() - self._known.keys()
        ]
        changed = [vm for vm in alive(self.cloud).values() if before.get(vm.id) != vm.updated]
        return gone + [_said(vm) for vm in changed]

    def publish(self, messages: Sequence[bytes]) -> None:
        """Say them; with none the exchange is made, as by a service of Nova that connects again."""
        asyncio.run(publish(self.url, messages))

    def _moments(self) -> dict[str, float]:
        return {vm_id: vm.updated for vm_id, vm in alive(self.cloud).items()}


async def publish(url: str, messages: Sequence[bytes], timeout_s: float = 30) -> None:
    """Publish messages one after the other, and wait until the broker has them. Raises TimeoutError."""
    connection = await aiormq.connect(url)
    try:
        async with asyncio.timeout(timeout_s):
            channel = await connection.channel()
            await channel.exchange_declare(EXCHANGE, exchange_type="topic")
            await asyncio.gather(
                *(channel.basic_publish(one, exchange=EXCHANGE, routing_key=_KEY) for one in messages)
            )
    finally:
        await connection.close()


def _said(vm: VM) -> bytes:
    changes = {"display_name": vm.name, "tenant_id": vm.project.id, "user_id": vm.user.id}
    states = {"state": vm.vm_state, "task_state": vm.task_state, "host": vm.host.name if vm.host else None}
    return about("instance.update", vm.id, vm.updated, **changes, **states)
