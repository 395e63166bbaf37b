"""The kinds of resources that users know by an id, and how a cloud spells these ids."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-?)(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}")
_NUMBER: Final = re.compile(r"[0-9]{1,10}")


class Listed(msgspec.Struct, frozen=True):
    """The objects of a list.

    Attributes:
        states: The state of each, as the source spells it, by id.
        is_complete: Whether none that the credential may see is missing: no item was malformed, the source
            did not truncate the list, all are kept, and what was known before is there or reported as gone.
    """

    states: Mapping[str, str]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Resources:
    """What an answer lists one by one.

    Attributes:
        kind: `vms`, `volumes` or `addresses`, the same for all kinds of clouds.
        spelled: An id as the cloud spells it, from how a user writes it. Raises ValueError, whose text is
            what is allowed: that no list has a name is no reason to say that something is gone.
    """

    kind: str
    spelled: Callable[[str], str]


def by_uuid(kind: str) -> Resources:
    """Resources with UUIDs; large letters and missing hyphens are mended."""
    return Resources(kind, _uuid)


def by_number(kind: str) -> Resources:
    """Resources with numbers; zeros before them are taken away."""
    return Resources(kind, _number)


def _uuid(text: str) -> str:
    if _UUID.fullmatch(text) is None:
        raise ValueError("a UUID")
    return str(UUID(text))


def _number(text: str) -> str:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("a number")
    return str(int(text))
