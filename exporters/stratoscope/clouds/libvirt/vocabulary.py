"""Translates libvirt's numbers to names: those of the constants in lower case, without their prefix."""

import functools
from collections.abc import Mapping, Sequence
from typing import Final

import libvirt

STATES: Final = ("nostate", "running", "blocked", "paused", "shutdown", "shutoff", "crashed", "pmsuspended")
"""virDomainState, in its order."""

_REASONS: Final[Mapping[str, Mapping[int, str]]] = {
    "shutdown": {0: "unknown", 1: "user"},
    "pmsuspended": {0: "unknown"},
}
"""Prefixes of reasons that other constants share: virDomainShutdown's flags, a state that is never used."""


@functools.cache
def words(prefix: str) -> Mapping[int, str]:
    """Number -> word, for all constants with a prefix: `words("VIR_DOMAIN_PAUSED_")[5]` is `ioerror`."""
    return {
        value: name.removeprefix(prefix).lower()
        for name, value in vars(libvirt).items()
        if name.startswith(prefix) and isinstance(value, int) and not name.endswith("_LAST")
    }


def word(prefix: str, number: int) -> str:
    """The word for a number; one that this libvirt-python does not know is `unknown_N`.

    Raises:
        ValueError: It is no whole number.
    """
    return words(prefix).get(number) or f"unknown_{number:d}"


def at(names: Sequence[str], number: int) -> str:
    """The word at an index in libvirt's order; `unknown_N` beyond the list."""
    return names[number] if 0 <= number < len(names) else f"unknown_{number:d}"


def state(number: int) -> str:
    """The word for a virDomainState. Raises ValueError or TypeError if it is no whole number."""
    return at(STATES, number)


def reason(state_name: str, number: int) -> str:
    """The word for a virDomain{State}Reason: `ioerror` of a paused domain, `crashed` of one that is shut off.

    Raises:
        ValueError: It is no whole number.
    """
    own = _REASONS.get(state_name)
    if own is not None:
        return own.get(number) or f"unknown_{number:d}"
    return word(f"VIR_DOMAIN_{state_name.upper()}_", number)


def version(number: int) -> str:
    """A version as text, from libvirt's number 1,000,000 x major + 1,000 x minor + release."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
