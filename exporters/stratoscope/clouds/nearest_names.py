"""Names in a description: the only object of a name, and the nearest names for one that does not exist."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final, Protocol, TypeVar

from stratoscope.clouds.lifecycle import RunReason, StepError

NEAREST: Final = 5
"""Names in a message."""
_ALIKE: Final = 0.4
"""How alike they are at least, from 0 to 1: `t1.nano` is among the nearest to `t1.tiny`."""
_COMPARED: Final = 1000
"""Names among which the nearest are looked for, which takes 25 ms: those with the same first letter first."""


class _Named(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Named)


def only(found: Sequence[T], what: str, wanted: str) -> T:
    """The only one. Raises StepError for several."""
    if len(found) > 1:
        ids = ", ".join(sorted(one.id for one in found)[:NEAREST])
        text = f"{what}: {len(found)} have the name {wanted!r}; name one by its id: {ids}"
        raise StepError(RunReason.PROBE_MISCONFIGURED, text)
    return found[0]


def unknown(what: str, wanted: str, known: Iterable[str], whose: str = "the project") -> StepError:
    """An error with the nearest names that exist; for a name unlike all of them with the first ones.

    Args:
        whose: Who has the names.
    """
    names = sorted({one for one in known if one})
    compared = sorted(names, key=lambda one: one[0] != wanted[0])[:_COMPARED]
    nearest = get_close_matches(wanted, compared, NEAREST, _ALIKE) or names[:NEAREST]
    text = f"{what}: {whose} has no {wanted!r}; the nearest it has: {', '.join(nearest) or 'none at all'}"
    return StepError(RunReason.PROBE_MISCONFIGURED, text)
