"""An OpenNebula as the management exporter sees it: one zone, and all questions to it."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from stratoscope.clouds.abilities import Question, Reader
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.events import Events
from stratoscope.clouds.opennebula import states
from stratoscope.clouds.opennebula.client.access import own
from stratoscope.clouds.opennebula.client.oned import Oned
from stratoscope.clouds.opennebula.client.pools import Pools
from stratoscope.clouds.opennebula.config import Found
from stratoscope.clouds.opennebula.each import EachObject
from stratoscope.clouds.opennebula.events import NO_MESSAGES, Subscriber
from stratoscope.clouds.opennebula.hosts import Hosts
from stratoscope.clouds.opennebula.migrations import VMMigrations
from stratoscope.clouds.opennebula.networks import Networks
from stratoscope.clouds.opennebula.owners import Owners
from stratoscope.clouds.opennebula.storage import Storage
from stratoscope.clouds.opennebula.templates import Templates
from stratoscope.clouds.opennebula.vms import VMs
from stratoscope.clouds.opennebula.zones import Zones
from stratoscope.clouds.vm_index import VMIndex

READERS: Final[Sequence[type[Reader]]] = (
    Zones, Hosts, VMs, VMMigrations, Templates, Owners, Networks, Storage, EachObject,
)  # fmt: skip
"""The readers of a zone, in the order of the page."""


class OpenNebula:
    """Implements Management."""

    questions: ClassVar[Sequence[Question]] = [one for reader in READERS for one in reader.questions()]

    def __init__(self, config: Found, clock: Clock = CLOCK) -> None:
        self.cloud = config.name
        self.budget = Budget(config.budget, clock)
        self._oned = Oned(config, self.budget)
        self.events = None if config.events is None else Events(clock, f"cloud={config.name}: {NO_MESSAGES}")
        readers = _readers(self._oned, self.events)
        self._fetches = {name: fetch for reader in readers for name, fetch in reader.fetches().items()}
        if config.events is not None and self.events is not None:
            vms = next(one for one in readers if isinstance(one, VMs))
            self._subscriber = Subscriber(config.events, self.events, vms.hear)

    async def ask(self, name: str) -> Any:
        """The answer to a question; the requests of each refresh are bounded. Raises as Fetch."""
        with self.budget.refresh():
            return await self._fetches[name]()

    async def listen(self) -> None:
        """Receive events until a connection is lost. Raises CollectError."""
        await self._subscriber.listen()

    async def close(self) -> None:
        await self._oned.close()


def _readers(oned: Oned, events: Events | None) -> Sequence[Reader]:
    """The readers of one zone; what several of them need is read once."""
    pools = Pools(oned)
    access = own(oned, pools)
    owners = Owners(oned, pools, access)
    storage = Storage(oned, pools, access, lambda: vms.ids)
    index = VMIndex(states.COMMON, states.CONDITIONS)
    hosts = Hosts(oned, pools, access, index)
    templates = Templates(oned, pools, access, hosts, storage)
    vms = VMs(pools, access, owners, hosts, templates, index=index, clock=oned.budget.clock, events=events)
    networks, each = Networks(pools, access), EachObject(pools, access, oned.budget.clock)
    migrations = VMMigrations(pools, access, vms, oned.budget.clock)
    return (Zones(oned, pools), hosts, vms, migrations, templates, owners, networks, storage, each)
