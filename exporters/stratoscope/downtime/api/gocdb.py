"""The parameters with which GOCDB's `get_downtime` is asked, beside those of a list."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from multidict import MultiDict, MultiMapping

from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.model import DAY_S, Downtime, State

_LASTMONTH_S: Final = 32 * DAY_S
"""A month and a day."""
_DATE: Final = {"type": "string", "format": "date"}
PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "method": {"const": "get_downtime"},
    "windowstart": _DATE
    | {"description": "It ends after the beginning of this day, in UTC; instead of from."},
    "windowend": _DATE | {"description": "It starts before the end of this day, in UTC; instead of to."},
    "next_cursor": {"const": "0", "description": "The only page."},
    "ongoing_only": {"enum": ["yes", "no"], "description": "yes: it is active; instead of state."},
    "startdate": _DATE | {"description": "It starts after the beginning of this day, in UTC."},
    "enddate": _DATE | {"description": "It ends before the beginning of this day, in UTC."},
    "all_lastmonth": {"type": "string", "description": "With any value: it starts later than 32 days ago."},
    "id": {"type": "string", "description": "Its id."},
    **{
        name: {"type": "string", "description": "It chooses nothing: GOCDB alone knows what it names."}
        for name in ("topentity", "scope", "scope_match", "site_extensions", "service_extensions")
    },
}
"""As JSON Schema, by name."""
_INSTEAD: Final = {"windowstart": ("from", 0), "windowend": ("to", DAY_S)}
"""The parameter of ours, and how many seconds after the beginning of the day."""


def as_list(query: MultiMapping[str]) -> MultiDict[str]:
    """The parameters of a list that say the same, with those of GOCDB alone left in it.

    Raises:
        FieldError: One of GOCDB's that cannot be.
    """
    found = MultiDict(query)
    for name in ("method", "next_cursor", "ongoing_only"):
        schema = PARAMETERS[name]
        allowed = schema.get("enum") or [schema["const"]]
        for text in query.getall(name, ()):
            if text not in allowed:
                raise FieldError(name, f"{text[:40]!r}; allowed: {' or '.join(allowed)}")
    for name, (ours, later_s) in _INSTEAD.items():
        if name in query:
            _set(found, name, ours, str(_day(name, query[name]) + later_s))
    if query.get("ongoing_only") == "yes":
        _set(found, "ongoing_only", "state", str(State.ACTIVE))
    return found


def chosen(query: MultiMapping[str], now: int) -> Callable[[Downtime], bool]:
    """Whether a downtime is one that those parameters choose for which a list has none.

    Args:
        now: Unix seconds.

    Raises:
        FieldError: A date that is none.
    """
    after = _day("startdate", query["startdate"]) if "startdate" in query else -1
    before = _day("enddate", query["enddate"]) if "enddate" in query else None
    if "all_lastmonth" in query:
        after = max(after, now - _LASTMONTH_S)
    downtime_id = query.get("id")

    def is_chosen(one: Downtime) -> bool:
        is_in_time = one.start > after and (before is None or one.end < before)
        return is_in_time and downtime_id in (None, one.id)

    return is_chosen


def _set(found: MultiDict[str], name: str, ours: str, value: str) -> None:
    """Raises FieldError: It stands there already."""
    if ours in found:
        raise FieldError(name, f"stands beside {ours}; allowed: one of both")
    found[ours] = value


def _day(name: str, text: str) -> int:
    try:
        day = dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise FieldError(name, f"{text[:40]!r}; allowed: a date such as 2027-01-15") from error
    return max(0, int(day.timestamp()))
