"""The hypervisors of rotations, by credential, and whose turn it is."""

import logging
import math
from collections.abc import Sequence
from typing import Final

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.client.clock import Clock
from stratoscope.clouds.lifecycle import StepError
from stratoscope.vmprobe.in_time import in_time

log = logging.getLogger(__name__)

FRESH_S: Final = 600.0
"""Seconds after which hosts are listed again; after a failure they are listed at the next run."""
TIMEOUT_S: Final = 30.0
_NONE: Final = "host_rotation: no host on which this credential may request VMs, so runs go to any"


class Hosts:
    """The lists of one cloud. If a list cannot be read, the one before is used."""

    def __init__(self, cloud: str, clock: Clock) -> None:
        self._cloud, self._clock = cloud, clock
        self._lists: dict[str, Sequence[str]] = {}
        self._listed: dict[str, float] = {}

    async def of(self, lifecycle: Lifecycle) -> Sequence[str]:
        """The hypervisors on which this credential can request VMs, sorted; empty if that is not known."""
        name = lifecycle.credential
        if self._clock.monotonic() - self._listed.get(name, -math.inf) >= FRESH_S:
            try:
                found = sorted(await in_time(lifecycle.hosts(), TIMEOUT_S))
                if not found and self._lists.get(name, [""]):
                    log.warning("%s cloud=%s credential=%s", _NONE, self._cloud, name)
                self._lists[name] = found
                self._listed[name] = self._clock.monotonic()
            except StepError as error:
                log.warning("hosts cannot be listed cloud=%s error=%r", self._cloud, str(error))
        return self._lists.get(name, ())


def following(hosts: Sequence[str], last: str) -> str:
    """The host after the last one, also if that is in the list no more; "" without hosts."""
    later = [host for host in hosts if host > last]
    return next(iter(later or hosts), "")
