"""What a VM is in, and why it is in error, in words that mean the same for every kind of cloud."""

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


class FaultReason(StrEnum):
    """Why a VM is in error: a closed set, into which each kind classifies its source's texts."""

    NO_VALID_HOST = "no_valid_host"
    QUOTA = "quota"
    IMAGE = "image"
    NETWORK = "network"
    VOLUME = "volume"
    HYPERVISOR = "hypervisor"
    TIMEOUT = "timeout"
    MESSAGING = "messaging"
    UNKNOWN = "unknown"
