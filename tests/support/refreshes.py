"""The reader of servers on a Nova with state, refresh by refresh."""

from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.model import VMs
from stratoscope.clouds.openstack.compute.servers import Servers
from support.fake_nova import FakeNova
from support.owners import owners


def readers_of(nova: FakeNova) -> Servers:
    return Servers(nova, owners(), Clock(monotonic=lambda: nova.now, now=lambda: nova.now))


async def after(nova: FakeNova, servers: Servers, seconds: float = 60.0) -> VMs:
    """The next refresh."""
    nova.now += seconds
    nova.queries.clear()
    return await servers.read()


async def known(*vm_ids: str) -> tuple[FakeNova, Servers]:
    """A cloud with these servers, once read."""
    nova = FakeNova()
    for vm_id in vm_ids:
        nova.put(vm_id)
    servers = readers_of(nova)
    await servers.read()
    return nova, servers


def counted(answered: VMs) -> dict[str, int]:
    """By state, without those that nobody is in."""
    return {state: number for state, number in answered.by_state.items() if number}
