"""Whether a look at a step is the last one, so that it may say what is missing instead of a bare time-out."""

import math
import time
from typing import Final

from stratoscope.core.deadline import DEADLINE

LAST_S: Final = 3.0
"""With less time left than this the next look may come too late for a verdict."""


def is_last_look() -> bool:
    """Whether the time of the phase is nearly over."""
    return DEADLINE.get(math.inf) - time.monotonic() < LAST_S
