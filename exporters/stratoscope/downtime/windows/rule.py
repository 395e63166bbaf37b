"""The rule of a recurring window, RRULE of RFC 5545 (3.3.10): parsed strictly, since python-dateutil does not
check what it is given; `INTERVAL=0` never ends there.

Left out are MINUTELY and SECONDLY, and whatever makes a rule finer than hourly. HOURLY counts hours that have
passed, whatever the clocks show, so that it takes INTERVAL, COUNT and UNTIL alone; hours of the day and days
are `FREQ=DAILY;BYHOUR=...;BYDAY=...`, which follows the clocks. BYSETPOS chooses among the days of a month or
a year.
"""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from stratoscope.downtime.draft import FieldError

WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_LONGEST: Final = 300
_MOST_VALUES: Final = 31
_MOST_POSITIONS: Final = 12
_ALWAYS: Final = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL"})
_DAYS: Final = _ALWAYS | {"BYMONTH", "BYDAY", "BYHOUR", "BYMINUTE", "WKST"}
_MONTHS: Final = _DAYS | {"BYMONTHDAY", "BYSETPOS"}
_ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    "HOURLY": _ALWAYS,
    "DAILY": _DAYS | {"BYMONTHDAY"},
    "WEEKLY": _DAYS,
    "MONTHLY": _MONTHS,
    "YEARLY": _MONTHS | {"BYYEARDAY", "BYWEEKNO"},
}
"""FREQ -> the parts that it takes, as RFC 5545 has it but for what is said above."""
_NUMBERS: Final = {
    "INTERVAL": range(1, 1001),
    "COUNT": range(1, 100_001),
    "BYMONTH": range(1, 13),
    "BYMONTHDAY": range(1, 32),
    "BYYEARDAY": range(1, 367),
    "BYWEEKNO": range(1, 54),
    "BYHOUR": range(24),
    "BYMINUTE": range(60),
    "BYSETPOS": range(1, 367),
}
_FROM_THE_END: Final = frozenset({"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"})
"""Where a negative number counts from the end."""
_SINGLE: Final = frozenset({"INTERVAL", "COUNT", "BYMINUTE"})
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,6}")
_WEEKDAY: Final = re.compile("|".join(WEEKDAYS))
_NTH_WEEKDAY: Final = re.compile(rf"(?:[+-]?[1-5])?(?:{_WEEKDAY.pattern})")
_UNTIL: Final = re.compile(r"([0-9]{8})(?:T([0-9]{6})(Z?))?")


class Until(NamedTuple):
    """The last moment at which an occurrence may begin; a date alone is the end of that day."""

    at: dt.datetime
    is_utc: bool


class Rule(NamedTuple):
    """A rule that can be expanded.

    Attributes:
        parts: By name; numbers are written without needless zeros and signs. UNTIL is none of them.
    """

    parts: Mapping[str, str]
    until: Until | None

    @property
    def is_hourly(self) -> bool:
        """Whether it counts hours that have passed."""
        return self.parts["FREQ"] == "HOURLY"

    @property
    def interval(self) -> int:
        return int(self.parts.get("INTERVAL", "1"))


def parsed(text: str) -> Rule:
    """The rule of a text such as `FREQ=WEEKLY;BYDAY=MO,TH`.

    Raises:
        FieldError: What is wrong with it, and what is allowed.
    """
    parts = _parts(text)
    for name, value in parts.items():
        _check(name, value, parts["FREQ"])
    if "COUNT" in parts and "UNTIL" in parts:
        raise _error("COUNT and UNTIL; allowed: one of both")
    until = _until(parts.pop("UNTIL")) if "UNTIL" in parts else None
    return Rule({name: _shortest(name, value) for name, value in parts.items()}, until)


def _error(what: str) -> FieldError:
    return FieldError("rrule", what)


def _shortest(name: str, value: str) -> str:
    return ",".join(str(int(one)) for one in value.split(",")) if name in _NUMBERS else value


def _parts(text: str) -> dict[str, str]:
    if len(text) > _LONGEST:
        raise _error(f"{len(text)} characters; allowed: {_LONGEST}")
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, equal, value = part.partition("=")
        if not equal or name in parts:
            what = "twice" if equal else "no part of a rule"
            raise _error(f"{part[:40]!r} is {what}; allowed: such as FREQ=WEEKLY;BYDAY=MO,TH")
        parts[name] = value
    if parts.get("FREQ") not in _ALLOWED:
        found = f"FREQ={parts['FREQ'][:40]}" if "FREQ" in parts else "no FREQ"
        raise _error(f"{found}; allowed: FREQ={', '.join(_ALLOWED)}")
    return parts


def _check(name: str, value: str, freq: str) -> None:
    """Raises FieldError: The part is not one of this frequency, or its value not one of the part."""
    allowed = _ALLOWED[freq]
    if name not in allowed:
        hint = "; for hours of the day FREQ=DAILY with BYHOUR" if freq == "HOURLY" else ""
        raise _error(f"{name[:40]} with FREQ={freq}; allowed: {', '.join(sorted(allowed))}{hint}")
    if name in _NUMBERS:
        _check_numbers(name, value.split(","))
    elif name == "BYDAY":
        _check_weekdays(value, has_numbers=freq in ("MONTHLY", "YEARLY"))
    elif name == "WKST" and not _WEEKDAY.fullmatch(value):
        raise _error(f"WKST={value[:40]}; allowed: MO, TU, WE, TH, FR, SA, SU")


def _check_numbers(name: str, values: list[str]) -> None:
    allowed, sign = _NUMBERS[name], name in _FROM_THE_END
    most = 1 if name in _SINGLE else _MOST_POSITIONS if name == "BYSETPOS" else _MOST_VALUES
    if len(values) > most:
        raise _error(f"{name} has {len(values)} values; allowed: {most}")
    for value in values:
        number = int(value) if _NUMBER.fullmatch(value) else None
        if number is None or (abs(number) if sign else number) not in allowed:
            also = ", or negative from the end" if sign else ""
            raise _error(f"{name}={value[:40]}; allowed: {allowed[0]} to {allowed[-1]}{also}")


def _check_weekdays(value: str, *, has_numbers: bool) -> None:
    pattern = _NTH_WEEKDAY if has_numbers else _WEEKDAY
    for one in value.split(","):
        if not pattern.fullmatch(one):
            also = ", or with a number such as 1MO, -1FR" if has_numbers else ""
            raise _error(f"BYDAY={one[:40]}; allowed: MO, TU, WE, TH, FR, SA, SU{also}")


def _until(value: str) -> Until:
    found = _UNTIL.fullmatch(value)
    digits = "" if found is None else found[1] + (found[2] or "235959")
    try:
        at = dt.datetime.strptime(digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - local
    except ValueError as error:
        what = f"UNTIL={value[:40]}; allowed: such as 20270131, 20270131T220000, 20270131T210000Z"
        raise _error(what) from error
    return Until(at, is_utc=value.endswith("Z"))
