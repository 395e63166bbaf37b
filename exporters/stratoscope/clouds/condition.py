"""What a VM is in, in words that mean the same for every kind of cloud."""

from enum import StrEnum


class Condition(StrEnum):
    """A closed set, to which each kind maps its source's states.

    A VM in transition is `changing`, unless it is in error. `unknown` is a state that the source itself does
    not know, or that the kind does not map.
    """

    RUNNING = "running"
    STOPPED = "stopped"
    CHANGING = "changing"
    ERROR = "error"
    UNKNOWN = "unknown"
