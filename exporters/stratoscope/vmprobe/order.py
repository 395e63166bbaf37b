"""What a run is to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stratoscope.clouds.lifecycle import Mark, Phase

MARGIN_S: Final = 60.0
"""A run's objects may be removed by a sweep so long after all its time-outs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a run is to do.

    Attributes:
        id: Of the run, 16 hexadecimal digits.
        probe: The probe's name.
        tag: Of this prober.
        timeouts: Of each phase, in seconds.
        keep_failed_s: For how long the VM of a failed run is kept; 0 deletes it.
        host: The hypervisor that the VM is requested on; "" for any.
    """

    id: str
    probe: str
    tag: str
    timeouts: Mapping[Phase, float]
    keep_failed_s: float = 0.0
    host: str = ""

    def mark(self, began: float) -> Mark:
        """The mark of the objects of a run that began at this Unix time."""
        deadline = began + sum(self.timeouts.values()) + MARGIN_S + self.keep_failed_s
        return Mark(self.tag, self.probe, self.id, deadline)
