"""The entries of `vmprobe.probes`: our keys, and those that describe a VM, which are of the cloud's kind."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from stratoscope.clouds.lifecycle import Phase
from stratoscope.clouds.registry import kind
from stratoscope.core.config import Duration, decode, known_keys
from stratoscope.core.config_errors import got
from stratoscope.core.errors import ConfigError
from stratoscope.vmprobe.cloud_names import Identity, meant
from stratoscope.vmprobe.phases import OPTIONAL, wanted_phases
from stratoscope.vmprobe.written import as_written

MOST: Final = 1000
"""Probes in one process."""
LEAST_INTERVAL: Final = Duration(10)
LONGEST_KEPT: Final = Duration(7 * 86_400)
TIMEOUTS: Final[Mapping[Phase, float]] = {
    Phase.AUTHENTICATE: 30.0,
    Phase.RESOLVE: 30.0,
    Phase.QUOTA_CHECK: 30.0,
    Phase.REQUEST: 60.0,
    Phase.SCHEDULED: 60.0,
    Phase.NETWORKED: 120.0,
    Phase.BUILT: 300.0,
    Phase.FLOATING_IP: 60.0,
    Phase.REACHABLE: 120.0,
    Phase.CONSOLE: 120.0,
    Phase.VOLUME_CREATED: 120.0,
    Phase.VOLUME_ATTACHED: 60.0,
    Phase.STOPPED: 120.0,
    Phase.STARTED: 120.0,
    Phase.RESIZED: 300.0,
    Phase.SNAPSHOT: 300.0,
    Phase.DELETED: 120.0,
    Phase.GONE: 60.0,
}
"""Defaults; those of `networked` and `built` begin when the VM is scheduled."""

_USUAL_S: Final = 300.0
"""From run to run."""
_LONGEST_NAME: Final = 255
"""Nova's bound on a value of a server's metadata."""


class Rotation(msgspec.Struct, frozen=True):
    """One run per hypervisor, in turn.

    Attributes:
        within_s: In so long each has had a run; 0: one hypervisor per interval.
    """

    within_s: float = 0.0


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One probe.

    Attributes:
        name: Unique in the process.
        cloud, kind: Of its entry in `clouds:`.
        vm: The description of its VM, of the type `Kind.vm`.
        described: The same as it stands in the configuration.
        timeouts: Of its phases, in their order: the mandatory ones, and the optional ones that the
            description wants. In seconds.
        keep_failed_s: For how long the VM of a failed run is kept; 0 deletes it.
        share: Where in its interval it runs, from 0 to 1.
    """

    name: str
    cloud: str
    kind: str
    vm: Any
    described: dict[str, Any]
    interval_s: float
    timeouts: dict[Phase, float]
    keep_failed_s: float = 0.0
    rotation: Rotation | None = None
    share: float = 0.0

    def is_same(self, other: "Probe") -> bool:
        """Whether both are one probe, even if its place among the others is not the same."""
        return msgspec.structs.replace(self, share=other.share) == other


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Our keys of an entry."""

    name: str
    cloud: str
    interval: Duration | None = None
    timeouts: dict[str, Duration] = {}
    keep_failed: Duration | None = None
    matrix: dict[str, list[Any]] = {}
    host_rotation: dict[str, Any] | None = None


class _RotationEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Our keys of `host_rotation`; the others replace keys of the description."""

    within: Duration | None = None


_OURS: Final = frozenset(_Entry.__struct_fields__)


def probes(entries: Sequence[Any], clouds: Sequence[Any], known: Sequence[Identity], key: str) -> list[Probe]:
    """The probes of the entries; a matrix is several.

    Args:
        entries: As YAML gave them.
        clouds: Entries of `clouds:`, at least those of the kinds that `kinds_meant` has.
        known: All entries of `clouds:`.
        key: Of the entries.

    Raises:
        ConfigError: It names the key and what is allowed.
    """
    found: dict[str, Probe] = {}
    for number, entry in enumerate(entries):
        where = f"{key}[{number}]"
        own, rest = _decoded(entry, where)
        identity = meant(own.cloud, known, f"{where}.cloud")
        cloud = next(one for one in clouds if (one.name, one.kind) == identity)
        reader = _Reader(own, rest, cloud, where)
        for probe in reader.probes(number / len(entries), MOST - len(found)):
            if probe.name in found:
                raise ConfigError(f"{where}.name: {probe.name} stands twice; allowed: each name once")
            found[probe.name] = probe
    return [*found.values()]


def _decoded(entry: Any, key: str) -> tuple[_Entry, dict[str, Any]]:
    """Our keys of an entry, and the others."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{key}: expected a mapping with name and cloud, got {got(entry)}")
    _check_values(entry, key)
    own = decode(_Entry, {name: value for name, value in entry.items() if name in _OURS}, key)
    if own.interval is not None and own.interval < LEAST_INTERVAL:
        raise ConfigError(f"{key}.interval: {own.interval} is too short; allowed: {LEAST_INTERVAL} and more")
    if own.keep_failed is not None and own.keep_failed > LONGEST_KEPT:
        raise ConfigError(f"{key}.keep_failed: {own.keep_failed} is too long; allowed: up to {LONGEST_KEPT}")
    return own, {name: value for name, value in entry.items() if name not in _OURS}


def _check_values(value: Any, key: str) -> None:
    """Reject a key without a value, which would count as left out; an item of a list is not a key."""
    if isinstance(value, dict):
        for name, one in value.items():
            if one is None:
                raise ConfigError(f"{key}.{name}: has no value; allowed: a value, or no such key")
            _check_values(one, f"{key}.{name}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            _check_values(one, f"{key}[{number}]")


class _Reader:
    """Makes the probes of one entry."""

    def __init__(self, own: _Entry, rest: Mapping[str, Any], cloud: Any, key: str) -> None:
        self._own, self._rest, self._cloud, self._key = own, rest, cloud, key
        self._type: Any = kind(cloud.kind).vm
        self._of_vm = [field.encode_name for field in msgspec.structs.fields(self._type)]
        known_keys(rest, [*_OURS, *self._of_vm], key)
        possible = [phase for phase in Phase if phase not in OPTIONAL or self._wanted_by(phase)]
        known_keys(own.timeouts, possible, f"{key}.timeouts")
        self._check_matrix()
        self._rotation, self._replaced = self._of_rotation()

    def probes(self, shift: float, most: int) -> Iterator[Probe]:
        """Its probes, spread evenly over the interval. Args: shift: 0 to 1, for the place of the entry."""
        matrix = self._own.matrix
        number = math.prod(len(values) for values in matrix.values())
        if number > most:
            raise ConfigError(f"{self._key}: more than {MOST} probes in all; allowed: {MOST}")
        for place, values in enumerate(itertools.product(*matrix.values())):
            name = f"{self._own.name}/{','.join(map(as_written, values))}" if matrix else self._own.name
            yield self._probe(name, dict(zip(matrix, values, strict=True)), share=(place + shift) / number)

    def _probe(self, name: str, chosen: Mapping[str, Any], *, share: float) -> Probe:
        if not name.strip() or not name.isprintable() or name != name.strip() or len(name) > _LONGEST_NAME:
            allowed = f"{_LONGEST_NAME} characters that can be shown in one line, no blank at the ends"
            raise ConfigError(f"{self._key}.name: {name[:80]!r} is no name; allowed: {allowed}")
        described = {**self._rest, **chosen, **self._replaced}
        own, vm = self._own, self._vm(described, name)
        return Probe(
            name=name,
            cloud=self._cloud.name,
            kind=self._cloud.kind,
            vm=vm,
            described=described,
            interval_s=own.interval or self._usual_interval,
            timeouts=self._timeouts(wanted_phases(vm)),
            keep_failed_s=own.keep_failed or 0.0,
            rotation=self._rotation,
            share=share,
        )

    @property
    def _usual_interval(self) -> Duration:
        """Without one in the entry. That of a rotation within a time holds until its hosts are known."""
        within_s = self._rotation.within_s if self._rotation is not None else 0.0
        return Duration(min(within_s, _USUAL_S) if within_s else _USUAL_S)

    def _vm(self, described: Mapping[str, Any], name: str) -> Any:
        try:
            return decode(self._type, described, self._key)
        except ConfigError as error:
            of = f" (the probe {name})" if self._own.matrix else ""
            raise ConfigError(f"{error}{of}") from error

    def _timeouts(self, optional: Sequence[Phase]) -> dict[Phase, float]:
        """Args: optional: The phases that the description wants. Raises ConfigError for one of another."""
        given = self._own.timeouts
        for phase in OPTIONAL:
            keys = self._wanted_by(phase)
            if phase in given and phase not in optional and not {*keys} & self._own.matrix.keys():
                allowed = f"together with {' or '.join(keys)}"
                raise ConfigError(f"{self._key}.timeouts.{phase}: no step wants it; allowed: {allowed}")
        wanted = [phase for phase in Phase if phase not in OPTIONAL or phase in optional]
        return {phase: float(given.get(phase, TIMEOUTS[phase])) for phase in wanted}

    def _wanted_by(self, phase: Phase) -> Sequence[str]:
        """The keys of this kind's description that want an optional phase."""
        return [key for key in OPTIONAL[phase] if key in self._of_vm]

    def _check_matrix(self) -> None:
        key = f"{self._key}.matrix"
        known_keys(self._own.matrix, self._of_vm, key)
        for name, values in self._own.matrix.items():
            if name in self._rest:
                raise ConfigError(f"{key}.{name}: {name} stands beside the matrix, too; allowed: one of both")
            texts = [*map(as_written, values)]
            if not texts or len({*texts}) < len(texts):
                raise ConfigError(f"{key}.{name}: expected values that are not the same, one or more")

    def _of_rotation(self) -> tuple[Rotation | None, Mapping[str, Any]]:
        """How hosts take turns, and which keys of the description it replaces, such as the credential."""
        entry, key = self._own.host_rotation, f"{self._key}.host_rotation"
        if entry is None:
            return None, {}
        known_keys(entry, ["within", *self._of_vm], key)
        if twice := [name for name in entry if name in self._own.matrix]:
            raise ConfigError(f"{key}.{twice[0]}: stands in the matrix, too; allowed: one of both")
        within = decode(_RotationEntry, {k: v for k, v in entry.items() if k == "within"}, key).within
        if within is not None and self._own.interval is not None:
            raise ConfigError(
                f"{key}.within: the interval follows from it; allowed: one of `within` and `interval`"
            )
        if within is not None and within < LEAST_INTERVAL:
            raise ConfigError(f"{key}.within: {within} is too short; allowed: {LEAST_INTERVAL} and more")
        return Rotation(within or 0.0), {name: value for name, value in entry.items() if name != "within"}
