"""The block `clouds:` of the configuration, the same in every exporter."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from stratoscope.core.config import decode, one_of
from stratoscope.core.errors import ConfigError

KINDS: Final = ("libvirt", "openstack", "opennebula", "ec2")
"""Every cloud kind of the family; an exporter leaves entries of the kinds it cannot use alone."""

T = TypeVar("T", bound=msgspec.Struct)


def entries(document: Mapping[str, Any], kind: str, entry_type: type[T]) -> list[T]:
    """The entries of one kind.

    Raises:
        ConfigError: `clouds:` is no list, an entry lacks name or kind, names a kind that does not exist, repeats
            another's name and kind, or (for this kind) has a wrong key or value.
    """
    clouds = document.get("clouds") or []
    if not isinstance(clouds, list):
        raise ConfigError("clouds: expected a list of {name: ..., kind: ...}")
    seen: set[tuple[str, str]] = set()
    chosen = []
    for number, entry in enumerate(clouds):
        key = f"clouds[{number}]"
        if not isinstance(entry, dict):
            raise ConfigError(f"{key}: expected a mapping with name and kind")
        for needed in ("name", "kind"):
            if not isinstance(entry.get(needed), str) or not entry[needed]:
                raise ConfigError(f"{key}.{needed}: expected a text that is not empty")
        one_of(entry["kind"], KINDS, f"{key}.kind")
        identity = (entry["name"], entry["kind"])
        if identity in seen:
            raise ConfigError(
                f"{key}: a second {identity[0]}/{identity[1]}; name and kind together stand once"
            )
        seen.add(identity)
        if entry["kind"] == kind:
            chosen.append(decode(entry_type, entry, key))
    return chosen
