"""Words that several boards say of one thing: states, checks of VMs, why a VM waits, the error budget."""

from collections.abc import Mapping
from typing import Final

from boards import colours
from boards.panels import About, Look

CHECKS: Final[Mapping[str, str]] = {
    "host": "the host does not run it",
    "vm": "it crashed, or was ended",
    "storage": "its storage does not answer",
    "network": "its network interface is cut off",
}
"""By check of a VM what fails."""
NO_CHECK_FAILS: Final = (
    "None. Only the operators can mend a host or storage; a VM that crashed can be started again."
)
CAUSES: Final[Mapping[str, tuple[str, str]]] = {
    "own_limit": ("its own CPU quota", colours.NEAR),
    "noisy_neighbour": ("another VM of its host", colours.BAD),
    "host_overcommitted": ("a host that promised too much", colours.PLAIN),
}
"""By cause what a VM waits for when it wants CPU, and the cause's colour, in charts and tables alike."""
BUDGET_LEFT: Final = About(
    "Error budget left",
    "Above 0: what is left of the failures that the objectives of VM creation allow in 30 days.",
    empty="no probe ran within 30 days.",
)


def checks() -> Look:
    """Of a label `check`."""
    return Look(words={check: (text, colours.BAD) for check, text in CHECKS.items()})


def causes() -> Look:
    """Of a label `cause`: a VM's own limit is changed by its owner, the rest by the operators."""
    return Look(words=CAUSES)


def badness(best: str, slow: str, unseen: str, planned: str, worst: str) -> Look:
    """Of `scope:stratoscope_availability:badness`, whose numbers have other words for each kind of scope."""
    return Look(
        words={
            "0": (best, colours.GOOD),
            "1": (slow, colours.NEAR),
            "2": ("unknown", colours.UNKNOWN),
            "3": (unseen, colours.UNKNOWN),
            "4": (planned, colours.PLANNED),
            "5": (worst, colours.BAD),
        }
    )
