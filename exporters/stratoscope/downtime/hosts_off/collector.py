"""Keeps the downtimes of one cloud's hosts in step with its own services, and shows which hosts are off.

Source: the cloud's question whose answer is HostServices.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from stratoscope.clouds.abilities import Management
from stratoscope.clouds.model import HostServices
from stratoscope.core.collector import Collector, Every, Offer
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.downtime.hosts_off.disabled import DisabledHost, disabled_hosts
from stratoscope.downtime.hosts_off.plan import Plan, plan
from stratoscope.downtime.model import CLOUD, Downtime

log = logging.getLogger(__name__)

HOSTS_OFF: Final = Offer("hosts_off", Every(60, 30, 180))

OFF = Family(
    "stratoscope_downtime_host_off",
    "1 for a host that is switched off on purpose: an administrator disabled it, it is down, and no VM of it "
    "goes on.",
    labels=("cloud", "host"),
)
AT_RISK = Family(
    "stratoscope_downtime_host_at_risk",
    "1 for a host that an administrator disabled while it goes on; its alerts are not silenced.",
    labels=("cloud", "host"),
)
OVER_CAP = Family(
    "stratoscope_downtime_host_off_too_long",
    "1 for a host that is switched off for longer than hosts_off.cap; its alerts are no longer silenced.",
    labels=("cloud", "host"),
)


class HostDowntimes(Protocol):
    """Where downtimes are stored, as far as hosts need it. A source is that of one cloud."""

    async def newest(self, source: str, now: int) -> Sequence[Downtime]:
        """The newest downtime of each external id, whatever its state."""

    async def ended_by_hand(self, source: str, now: int) -> Mapping[str, int]:
        """The ids of those that a person has ended, and the end that each had before."""

    async def apply_host_plan(self, source: str, plan: Plan, now: int) -> None:
        """File, extend and end downtimes as the plan says, in one transaction."""


class SeenHosts(NamedTuple):
    """What a collection has found."""

    disabled: Sequence[DisabledHost]
    over_cap: Sequence[str]
    malformed: int


class HostsOff(Collector[SeenHosts]):
    """The disabled hosts of one cloud."""

    offer = HOSTS_OFF
    name = HOSTS_OFF.name
    families = (OFF, AT_RISK, OVER_CAP)

    def __init__(  # noqa: PLR0913 - all that it works with
        self,
        cloud: Management,
        store: HostDowntimes,
        cap_s: int,
        *,
        changed: Callable[[], None] = lambda: None,
        leads: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take what it works with.

        Args:
            cap_s: For so long a host may be off.
            changed: Called when downtimes have changed.
            leads: Whether this process is the one of several that files.
        """
        self.cloud, self._cap_s = cloud.cloud, cap_s
        self._source, self._store, self._clock = cloud, store, clock
        self._changed, self._leads = changed, leads
        self._question = next(one.name for one in cloud.questions if issubclass(one.answer, HostServices))

    async def fetch(self) -> SeenHosts:
        answer: HostServices = await self._source.ask(self._question)
        hosts = disabled_hosts(answer.services)
        source, now = f"{CLOUD}{self.cloud}", int(self._clock())
        filed = await self._store.newest(source, now)
        by_hand = await self._store.ended_by_hand(source, now)
        found = plan(self.cloud, hosts, filed, now, cap_s=self._cap_s, by_hand=by_hand)
        if self._leads() and (found.file or found.extend or found.end):
            self._log(found)
            await self._store.apply_host_plan(source, found, now)
            self._changed()
        nameless = sum(not one.host.isprintable() for one in answer.services)
        return SeenHosts(hosts, found.over_cap, answer.malformed + nameless)

    def _log(self, found: Plan) -> None:
        for one in found.file:
            log.info("host downtime begins cloud=%s title=%r", self.cloud, one.checked.title)
        for ended in found.end:
            log.info("host downtime ends cloud=%s downtime=%s", self.cloud, ended)

    def samples(self, data: SeenHosts, /) -> Iterable[Sample]:
        for one in data.disabled:
            labels = Labels(cloud=self.cloud, host=one.host)
            yield (AT_RISK if one.is_in_use else OFF)(1, labels)
        for host in data.over_cap:
            yield OVER_CAP(1, Labels(cloud=self.cloud, host=host))

    def malformed(self, data: SeenHosts, /) -> int:
        return data.malformed
