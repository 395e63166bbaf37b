"""Settings from untyped YAML, strictly: durations, secrets, errors that name the key and what is allowed."""

import datetime as dt
import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeVar

import msgspec
import yaml

from stratoscope.core import durations
from stratoscope.core.collector import Every, OnScrape
from stratoscope.core.config_errors import LONGEST_SHOWN, got, refusal
from stratoscope.core.errors import ConfigError

T = TypeVar("T")

_LONGEST_S: Final = 365 * 86_400
_PASSWORD: Final = re.compile(r"(://[^/@:\s]*:)[^/@\s]+(?=@)")


class Duration(float):
    """Seconds, written as Prometheus writes durations: `30s`, `1m30s`, `250ms`, `2h`, `7d`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> "Duration":
        """Raises ValueError for what is no duration, or one that nobody can wait for."""
        found = _seconds(text)
        if found is None:
            value = repr(text)[:LONGEST_SHOWN] if isinstance(text, str | int | float) else got(text)
            raise ValueError(f"expected a duration such as `30s`, `1m30s` or `2h`, got {value}")
        if not 0 < found <= _LONGEST_S:
            raise ValueError(f"expected a duration above zero and of 365d at most, got {text!r}")
        return cls(found)

    def __str__(self) -> str:
        parts, rest_ms = [], round(self * 1000)
        for unit, unit_ms in durations.UNITS_MS.items():
            number, rest_ms = divmod(rest_ms, unit_ms)
            parts += [f"{number}{unit}"] if number else []
        return "".join(parts)


def _seconds(text: object) -> float | None:
    """Of a duration without fractions; None for anything else."""
    if not isinstance(text, str) or "." in text:
        return None
    try:
        return durations.seconds(text)
    except ValueError:
        return None


def moment(text: str) -> dt.datetime | None:
    """A date and time with its zone in ISO 8601; None for what is none."""
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else found


class Secret:
    """A text that neither `repr`, nor a log, nor `/config` shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "<secret>"


class CollectorSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of one collector, the same in every exporter; None is the default of the collector."""

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
            self.only({"enabled", "timeout", "max_series"}, key, "it is collected when scraped")
            return OnScrape(self.timeout or default.timeout_s)
        interval_s, timeout_s = self.interval or default.interval_s, self.timeout or default.timeout_s
        least_s = 2 * interval_s + timeout_s
        max_age_s = self.max_age or max(default.max_age_s, least_s)
        if max_age_s < least_s:
            least = Duration(least_s)
            raise ConfigError(f"{key}.max_age: expected 2 x interval + timeout at least, which is {least}")
        return Every(interval_s, timeout_s, max_age_s)

    def only(self, allowed: Iterable[str], key: str, why: str) -> None:
        """Refuse any other key that is set, see `known_keys`."""
        given = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        known_keys(given, allowed, key, why)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every exporter's own section has.

    Attributes:
        collectors: By the name of a collector, or of a part of one.
        max_series: The bound of each collector that has none of its own.
    """

    collectors: dict[str, CollectorSettings] = {}
    max_series: Annotated[int, msgspec.Meta(ge=1)] = 200_000


def decode(kind: type[T], value: object, key: str) -> T:
    """`value` (as YAML gave it) as a `kind`.

    Raises:
        ConfigError: One line that names the key below `key` and what is allowed there.
    """
    try:
        return _convert(value, kind)
    except msgspec.ValidationError as error:
        where, what = refusal(kind, value, str(error), _convert)
        where = f"{key}{where}".removeprefix(".")
        raise ConfigError(f"{where}: {what}" if where else what) from error


def one_of(name: str, allowed: Iterable[str], key: str) -> None:
    """Refuse a name that is not allowed.

    Raises:
        ConfigError: It names the key and all that is allowed.
    """
    if name not in (allowed := sorted(allowed)):
        raise ConfigError(f"{key}: unknown: {name}; allowed: {', '.join(allowed)}")


def known_keys(names: Iterable[str], allowed: Iterable[str], key: str, why: str = "unknown key") -> None:
    """Refuse a key below `key` that is not allowed.

    Raises:
        ConfigError: It names the first such key, why it means nothing here, and all that are allowed.
    """
    allowed = sorted(allowed)
    for name in names:
        if name not in allowed:
            raise ConfigError(f"{key}.{name}: {why}; allowed: {', '.join(allowed)}")


DERIVED: Final = "derived: "
"""The beginning of the encoded name of a field that no key of the file sets: `/config` does not show it."""


def shown(settings: object, **more: object) -> str:
    """Settings (and more, by key) as YAML: defaults filled in, secrets masked, also the password in a URL."""
    plain = _of_keys(msgspec.to_builtins(settings, enc_hook=str)) | msgspec.to_builtins(more, enc_hook=str)
    return _PASSWORD.sub(r"\1<secret>", yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def _of_keys(value: Any) -> Any:
    """Without what is derived."""
    if isinstance(value, dict):
        return {key: _of_keys(part) for key, part in value.items() if not str(key).startswith(DERIVED)}
    return [_of_keys(part) for part in value] if isinstance(value, list) else value


def _convert(value: object, kind: type[T]) -> T:
    return msgspec.convert(value, kind, dec_hook=_dec_hook)


def _dec_hook(kind: type, value: object) -> object:
    if kind is Duration:
        return Duration.parse(value)
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected `str`, got `other`")  # as msgspec says it; `refusal` words it
