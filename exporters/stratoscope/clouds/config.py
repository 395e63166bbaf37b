"""The block `clouds:` of the configuration, the same in every exporter."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from stratoscope.core.config import decode, one_of
from stratoscope.core.config_errors import got
from stratoscope.core.errors import ConfigError

KINDS: Final = ("libvirt", "openstack")
"""Every cloud kind of the family; an exporter leaves entries of the kinds it cannot use alone."""

RESERVED: Final = frozenset({"opennebula", "ec2"})
"""Kinds that are to come: left alone, and not offered."""
_LONGEST_NAME: Final = 255
_NAMES: Final = f"{_LONGEST_NAME} characters that can be shown in one line, no blank at the ends"

T = TypeVar("T", bound=msgspec.Struct)


def entries(document: Mapping[str, Any], kind: str, entry_type: type[T]) -> list[T]:
    """The entries of one kind.

    Raises:
        ConfigError: `clouds:` is no list, an entry lacks name or kind, names a kind that does not exist,
            repeats another's name and kind, or (for this kind) has a wrong key or value.
    """
    clouds = document.get("clouds")
    if clouds is None:
        return []
    if not isinstance(clouds, list):
        raise ConfigError(f"clouds: expected a list of {{name: ..., kind: ...}}, got {got(clouds)}")
    numbers: dict[tuple[str, str], int] = {}
    chosen = []
    for number, entry in enumerate(clouds):
        key = f"clouds[{number}]"
        identity = name, its_kind = _identity(entry, key)
        if identity in numbers:
            first = f"clouds[{numbers[identity]}]"
            raise ConfigError(f"{key}: {first} is {name}/{its_kind}, too; name and kind together stand once")
        numbers[identity] = number
        if its_kind == kind:
            chosen.append(decode(entry_type, entry, key))
    return chosen


def _identity(entry: object, key: str) -> tuple[str, str]:
    """Name and kind of an entry."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{key}: expected a mapping with name and kind, got {got(entry)}")
    for needed in ("name", "kind"):
        value = entry.get(needed)
        if not isinstance(value, str) or not value:
            what = "an empty one" if value == "" else got(value)
            quotes = "; quotes make it a text" if isinstance(value, int | float) else ""
            raise ConfigError(f"{key}.{needed}: expected a text that is not empty, got {what}{quotes}")
    name = entry["name"]
    if len(name) > _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise ConfigError(f"{key}.name: {name[:80]!r} is no name; allowed: {_NAMES}")
    if entry["kind"] not in RESERVED:
        one_of(entry["kind"], KINDS, f"{key}.kind")
    return entry["name"], entry["kind"]
