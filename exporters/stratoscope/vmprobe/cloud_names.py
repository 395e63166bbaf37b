"""Which entry of `clouds:` a probe means by its key `cloud`: a name, or name/kind where several have it."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from stratoscope.clouds.abilities import Lifecycle
from stratoscope.clouds.registry import able
from stratoscope.core.config import one_of
from stratoscope.core.errors import ConfigError

Identity: TypeAlias = tuple[str, str]
"""Name and kind of an entry."""


def meant(name: str, known: Sequence[Identity], key: str) -> Identity:
    """The entry that is meant, whose kind can create VMs. Raises ConfigError."""
    usable = [one for one in known if one[1] in able(Lifecycle)]
    found = [one for one in usable if "/".join(one) == name] or [one for one in usable if one[0] == name]
    if len(found) == 1:
        return found[0]
    if found:
        several = " and ".join("/".join(one) for one in found)
        raise ConfigError(f"{key}: {name} is the name of {several}; allowed: one of these")
    others = [kind for other, kind in known if name in (other, f"{other}/{kind}")]
    if others:
        allowed = ", ".join(able(Lifecycle))
        raise ConfigError(
            f"{key}: {name} is of kind {others[0]}, which creates no VMs; allowed: a cloud of kind {allowed}"
        )
    one_of(name, [one for one, _ in usable], key)
    raise AssertionError(name)  # pragma: no cover - one_of has raised


def kinds_meant(entries: Iterable[Any], known: Sequence[Identity]) -> set[str]:
    """The kinds of the clouds that entries of `vmprobe.probes` name; wrong names are left out."""
    kinds = set()
    for entry in entries:
        name = entry.get("cloud") if isinstance(entry, dict) else None
        try:
            kinds.add(meant(str(name), known, "")[1])
        except ConfigError:  # it is told when the entry is read
            continue
    return kinds
