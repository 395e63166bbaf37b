"""The cloud kinds, and the block `clouds:` of the configuration, the same in every exporter.

A kind is imported, with its SDK, when an exporter needs it. To add one: its folder, with a KIND in the module
`kind`, a line in KINDS, and the docs.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import NoneType
from typing import Any, Final, TypeVar

import msgspec

from stratoscope.clouds.abilities import CreatesVMs, Hypervisor, Lifecycle, Management, Question
from stratoscope.core.config import decode, one_of
from stratoscope.core.config_errors import got
from stratoscope.core.errors import ConfigError, MissingSDKError

KINDS: Final[Mapping[str, tuple[str, Sequence[type[Any]]]]] = {
    "libvirt": ("stratoscope.clouds.libvirt.kind", (Hypervisor, Lifecycle)),
    "opennebula": ("stratoscope.clouds.opennebula.kind", (Management, Lifecycle)),
    "openstack": ("stratoscope.clouds.openstack.kind", (Management, Lifecycle)),
}
"""By the `kind` of an entry: the module with its KIND, and the abilities of its clouds."""

RESERVED: Final = frozenset({"ec2"})
"""Planned kinds: their entries are ignored, and messages do not offer them."""
_LONGEST_NAME: Final = 255
_NAMES: Final = f'{_LONGEST_NAME} characters that can be shown in one line, no ", no blank at the ends'
"""Grafana puts a name between quotes as it is, so one with a quote could not be chosen on dashboards."""

T = TypeVar("T", bound=msgspec.Struct)


class _Any(msgspec.Struct):
    """An entry of a kind that is not imported yet."""


def _creates_no_vms(*_: Any) -> Any:
    raise NotImplementedError("a kind without the ability Lifecycle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One cloud kind.

    Attributes:
        entry: The type of its entries in `clouds:`, a msgspec.Struct. They have `name` and `kind`; for the
            ability Management also `budget: Limits`, which a reload may change; for Lifecycle if the cloud of
            `opened_to_create` has a budget.
        checked: Its entries with all that they refer to: files, variables. Raises ConfigError.
        by_default: The entry for a configuration without `clouds:`; None if the environment names none.
        described_by: What gives the default entry, for messages; "" for nothing that a user sets.
        vm: For the ability Lifecycle: the type of the keys of a probe that describe its VM. It has `flavor`,
            `zone` (both "" where the kind has none) and `credential` ("" for the entry's own). A key that
            wants optional phases is false where it does not.
        credential: For the ability Lifecycle: the entry with another credential, by its name, with all that
            it refers to. Raises ConfigError.
        opened_to_create: For the ability Lifecycle: the cloud of an entry in which VMs are created; opening
            sends no request.
        lifecycle: For the ability Lifecycle: called with the cloud of `opened_to_create` and a description.
            The cloud closes what it opens.
        opened: The cloud of an entry; opening sends no request.
        questions: The questions to a cloud with the ability Management.
    """

    entry: type[Any]
    checked: Callable[[Sequence[Any]], Sequence[Any]]
    by_default: Callable[[], Any]
    opened: Callable[[Any], Any]
    questions: Sequence[Question] = ()
    described_by: str = ""
    vm: type[Any] = NoneType
    credential: Callable[[Any, str], Any] = _creates_no_vms
    opened_to_create: Callable[[Any], CreatesVMs] = _creates_no_vms
    lifecycle: Callable[[Any, Any], Lifecycle] = _creates_no_vms


def kind(name: str) -> Kind:
    """The kind of this name.

    Raises:
        MissingSDKError: Its SDK is not installed; the extra has the name of the kind.
        TypeError: It lacks what its abilities need: a bug of the kind.
    """
    module, abilities = KINDS[name]
    try:
        found: Kind = import_module(module).KIND
    except ImportError as error:
        raise MissingSDKError(error, name) from error
    if lacking := [*_lacking(found, abilities)]:
        raise TypeError(f"{module}: KIND lacks {', '.join(lacking)}")
    return found


def _lacking(found: Kind, abilities: Collection[type[Any]]) -> Iterator[str]:
    needed = ["name", "kind"]
    if Management in abilities:
        needed.append("budget")
    yield from (f"entry.{name}" for name in needed if name not in found.entry.__struct_fields__)
    if Management in abilities and not found.questions:
        yield "questions"
    if Lifecycle in abilities:
        if found.vm is NoneType:
            yield "vm"
        made = ("credential", "opened_to_create", "lifecycle")
        yield from (name for name in made if getattr(found, name) is _creates_no_vms)


def able(ability: type[Any]) -> Sequence[str]:
    """The names of the kinds that have an ability."""
    return [name for name, (_, its) in KINDS.items() if ability in its]


def configured(
    document: Mapping[str, Any], ability: type[Any], kinds: Collection[str] | None = None
) -> Sequence[Any]:
    """The entries of the kinds that have an ability; without `clouds:` the default ones.

    Args:
        document: The configuration.
        ability: What the exporter needs.
        kinds: Those that are wanted; others are not imported. None for all.

    Raises:
        ConfigError: As `entries` and the kind's `checked`.
    """
    chosen: list[Any] = []
    missing: ImportError | None = None
    is_one_there = False
    for name in able(ability):
        if kinds is not None and name not in kinds:
            continue
        if document.get("clouds") is None:
            try:
                described = kind(name).by_default()
            except ImportError as error:  # one kind of several needs no SDK while nobody names it
                missing = error
                continue
            is_one_there = True
            found = [] if described is None else [described]
        elif entries(document, name, _Any):
            found = entries(document, name, kind(name).entry)
        else:
            continue
        chosen += kind(name).checked(found)
    if missing is not None and not is_one_there:
        raise missing
    return chosen


def described(ability: type[Any]) -> Iterator[str]:
    """What gives a default entry, for messages: of each kind that has an ability, if its SDK is there."""
    for name in able(ability):
        try:
            by = kind(name).described_by
        except ImportError:
            by = f"the extra [{name}], which is not installed"
        if by:
            yield by


def entries(document: Mapping[str, Any], kind: str, entry_type: type[T]) -> list[T]:
    """The entries of one kind.

    Raises:
        ConfigError: `clouds:` is no list, an entry lacks name or kind, names a kind that does not exist,
            repeats another's name and kind, or (for this kind) has a wrong key or value.
    """
    of_kind = enumerate(identities(document))
    numbers = [number for number, (_, its_kind) in of_kind if its_kind == kind]
    return [decode(entry_type, document["clouds"][number], f"clouds[{number}]") for number in numbers]


def identities(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and kind of each entry of `clouds:`. Raises ConfigError, as `entries` does for any kind."""
    clouds = document.get("clouds")
    if clouds is None:
        return []
    if not isinstance(clouds, list):
        raise ConfigError(f"clouds: expected a list of {{name: ..., kind: ...}}, got {got(clouds)}")
    numbers: dict[tuple[str, str], int] = {}
    for number, entry in enumerate(clouds):
        key = f"clouds[{number}]"
        identity = name, its_kind = _identity(entry, key)
        if identity in numbers:
            first = f"clouds[{numbers[identity]}]"
            raise ConfigError(f"{key}: {first} is {name}/{its_kind}, too; name and kind together stand once")
        numbers[identity] = number
    return [*numbers]


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
    if len(name) > _LONGEST_NAME or not name.isprintable() or '"' in name or name != name.strip():
        raise ConfigError(f"{key}.name: {name[:80]!r} is no name; allowed: {_NAMES}")
    if entry["kind"] not in RESERVED:
        one_of(entry["kind"], KINDS, f"{key}.kind")
    return entry["name"], entry["kind"]
