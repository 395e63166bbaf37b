"""Where probes create VMs: one zone, with the credentials that they use, in one budget."""

from dataclasses import dataclass, field

from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.client.clock_skew import ClockSkew
from stratoscope.clouds.client.limiter import Budget
from stratoscope.clouds.opennebula.client.credentials import with_credential
from stratoscope.clouds.opennebula.client.oned import SERVICE, Oned
from stratoscope.clouds.opennebula.config import Found


@dataclass(slots=True)
class Requested:
    """What is remembered of a VM that was requested.

    Attributes:
        sent, answered: When, by our clock.
        host_id: Of the host on which it still has to be deployed; None for none.
        is_for_host: It was requested for a host.
        is_clock_read: Its creation has told oned's clock.
    """

    sent: float
    answered: float
    host_id: int | None = None
    is_for_host: bool = False
    is_clock_read: bool = False


@dataclass(slots=True)
class Memory:
    """What the Lifecycles of one credential share. Both by the id of a VM, until that is gone.

    Attributes:
        refused: When oned first refused to terminate it, since it was busy with it; on the monotonic clock.
    """

    requested: dict[str, Requested] = field(default_factory=dict)
    refused: dict[str, float] = field(default_factory=dict)

    def forget(self, vm_id: str) -> None:
        self.requested.pop(vm_id, None)
        self.refused.pop(vm_id, None)


class WritableZone:
    """One zone.

    Attributes:
        budget: Of all credentials.
    """

    def __init__(self, config: Found, clock: Clock = CLOCK) -> None:
        self.budget = Budget(config.budget, clock)
        self._config, self._skew = config, ClockSkew(clock)
        self._oneds: dict[str, Oned] = {}
        self._memories: dict[str, Memory] = {}

    def oned(self, credential: str) -> Oned:
        """The calls of a credential; this sends none. The zone closes it.

        Args:
            credential: The file that has it; "" for the entry's own.

        Raises:
            ConfigError: The file cannot be used.
        """
        if credential not in self._oneds:
            found = with_credential(self._config, credential) if credential else self._config
            self._oneds[credential] = Oned(found, self.budget)
        return self._oneds[credential]

    def memory(self, credential: str) -> Memory:
        return self._memories.setdefault(credential, Memory())

    @property
    def skew_s(self) -> float | None:
        """By how many seconds oned's clock is ahead of ours; None before it has created a VM."""
        return self._skew.of(SERVICE)

    def note_created(self, second: int, requested: Requested) -> None:
        """Take note of oned's clock: in which second it created a VM that was requested."""
        self._skew.note(SERVICE, second, requested.sent, requested.answered)

    async def close(self) -> None:
        for oned in self._oneds.values():
            await oned.close()
