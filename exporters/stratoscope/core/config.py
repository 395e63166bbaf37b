"""One strict YAML file per process: durations, secrets, and errors that name the key and what is allowed."""

import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin

import msgspec
import yaml

from stratoscope.core.collector import Every, OnScrape
from stratoscope.core.errors import ConfigError

T = TypeVar("T")

SECTIONS: Final = ("clouds", "hypervisor", "management", "vmprobe", "downtime", "accounting", "slurper")
"""The sections a file may have: one file may serve every exporter."""

_UNITS_S: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"(?:(\d+(?:\.\d+)?)(ms|s|m|h|d|w))+\Z")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


class Duration(float):
    """Seconds, written as `30s`, `1m30s`, `250ms`, `2h`, `7d`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> "Duration":
        if not isinstance(text, str) or not _DURATION.match(text):
            raise ValueError("Expected a duration such as `30s`, `1m30s` or `2h`")
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
        if seconds <= 0:
            raise ValueError("Expected a duration above zero")
        return cls(seconds)

    def __str__(self) -> str:
        return f"{float(self):g}s"


class Secret:
    """A text that neither `repr`, nor a log, nor `/config` shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "<secret>"


class CollectorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be said of one collector, the same in every exporter; absent is the collector's default."""

    enabled: bool | None = None
    interval: Duration | None = None
    timeout: Duration | None = None
    max_age: Duration | None = None
    max_series: Annotated[int, msgspec.Meta(ge=1)] | None = None

    def schedule(self, default: Every | OnScrape, key: str) -> Every | OnScrape:
        """The default schedule with what is set here.

        Raises:
            ConfigError: A key that this schedule does not have, or times that do not fit together.
        """
        if isinstance(default, OnScrape):
            for name in ("interval", "max_age"):
                if getattr(self, name) is not None:
                    raise ConfigError(
                        f"{key}.{name}: it is collected when scraped; allowed: enabled, timeout, max_series"
                    )
            return OnScrape(self.timeout or default.timeout_s)
        interval_s, timeout_s = self.interval or default.interval_s, self.timeout or default.timeout_s
        fitting_s = max(default.max_age_s, 2 * interval_s + timeout_s)
        try:
            return Every(interval_s, timeout_s, self.max_age or fitting_s)
        except ValueError as error:
            raise ConfigError(f"{key}.{error}") from error


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, where YAML would let the last one win."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        key = key_node.value
        if key in seen:
            raise yaml.MarkedYAMLError(
                problem=f"the key `{key}` stands twice", problem_mark=key_node.start_mark
            )
        seen.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(path: Path) -> dict[str, Any]:
    """The document of a configuration file, its sections checked by name only.

    Raises:
        ConfigError: It cannot be read, is no YAML, or has a section that does not exist.
    """
    try:
        document = yaml.load(path.read_bytes(), _StrictLoader)  # noqa: S506 - it is a SafeLoader
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected sections at the top; allowed: {', '.join(SECTIONS)}")
    for section in document:
        if section not in SECTIONS:
            raise ConfigError(f"{path}: {section}: unknown section; allowed: {', '.join(SECTIONS)}")
    return document


def decode(kind: type[T], value: object, key: str) -> T:
    """`value` (as YAML gave it) as a `kind`.

    Raises:
        ConfigError: One line that names the key below `key` and what is allowed there.
    """
    try:
        return msgspec.convert(value, kind, dec_hook=_dec_hook)
    except msgspec.ValidationError as error:
        raise ConfigError(_explained(kind, str(error), key)) from error


def shown(settings: object) -> str:
    """Settings as YAML, with defaults filled in and secrets masked."""
    plain = msgspec.to_builtins(
        settings, enc_hook=lambda value: str(value) if isinstance(value, Duration) else repr(value)
    )
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def one_of(name: str, allowed: Iterable[str], key: str) -> None:
    """Refuse a name that is not allowed.

    Raises:
        ConfigError: It names the key and all that is allowed.
    """
    allowed = sorted(allowed)
    if name not in allowed:
        raise ConfigError(f"{key}: unknown: {name}; allowed: {', '.join(allowed)}")


def _dec_hook(kind: type, value: object) -> object:
    if kind is Duration:
        return Duration.parse(value)
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected a text")


_AT: Final = re.compile(r" - at `(?:key in )?\$(.*)`\Z")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`\Z")


def _explained(kind: object, message: str, key: str) -> str:
    """msgspec's message as `section.key: what is wrong; allowed: ...`."""
    at = _AT.search(message)
    path = at.group(1) if at else ""
    problem = message[: at.start()] if at else message
    allowed = _allowed(_at(kind, re.findall(r"\.(\w+)|(\[[^\]]*\])", path)))
    unknown = _UNKNOWN.match(problem)
    if unknown:
        path, problem = f"{path}.{unknown.group(1)}", "unknown key"
    return f"{key}{path}: {problem}" + (f"; allowed: {', '.join(allowed)}" if allowed else "")


def _at(kind: object, steps: Iterable[tuple[str, str]]) -> object:
    """The type that stands at a path of a type."""
    for field, _ in steps:
        kind = _bare(kind)
        if field and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            hints = typing.get_type_hints(kind, include_extras=True)
            kind = hints.get(field)
        elif args := get_args(kind):
            kind = args[-1] if args[-1] is not Ellipsis else args[0]
    return _bare(kind)


def _bare(kind: object) -> object:
    """A type without Annotated and without its None."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (types.UnionType, typing.Union):
        kinds = [one for one in get_args(kind) if one is not type(None)]
        structs = [one for one in kinds if isinstance(one, type) and issubclass(one, msgspec.Struct)]
        return _bare((structs or kinds)[0])
    return kind


def _allowed(kind: object) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [field.encode_name for field in msgspec.structs.fields(kind)]
    return []


def section(document: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """One exporter's own section; an absent or empty one is all defaults.

    Raises:
        ConfigError: A key or a value is wrong.
    """
    value = document.get(name)
    return decode(kind, {} if value is None else value, name)
