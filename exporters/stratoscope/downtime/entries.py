"""Entries of a history as they are shown: what is long in them is cut."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from stratoscope.downtime.model import Change

SETS: Final = "matcher_sets"
"""The field whose values are lists of sets, each a list of matchers."""
LONGEST: Final = 300
"""Characters of a value before, or after; those of sets of matchers are counted together."""


def shortened(change: Change) -> Change:
    """An entry of a history, with values that are short."""
    fields = {name: (_short(name, old), _short(name, new)) for name, (old, new) in change.fields.items()}
    return replace(change, fields=fields)


def _short(name: str, value: object) -> object:
    match value:
        case str():
            return _short_text(value)
        case list() if name == SETS:
            return _short_sets(value)
    return value


def _short_text(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _short_sets(sets: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """Those that fit; in the place of the others the last says how many they are."""
    left, fitting = LONGEST, list[Sequence[str]]()
    for one in sets:
        left -= sum(map(len, one))
        if left < 0:
            return [*fitting, [f"… {len(sets) - len(fitting)} more"]]
        fitting.append(one)
    return fitting
