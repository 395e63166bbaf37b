"""The metrics of the downtimes themselves."""

from typing import Final

from stratoscope.core.metrics import Family
from stratoscope.downtime.scope import LABELS

_DOWNTIME: Final = ("downtime_id",)

ACTIVE = Family(
    "stratoscope_downtime_active",
    "1 for each matcher set of an active downtime whose matchers are all equalities; scope is what the set"
    " covers as a whole, or other.",
    labels=(*_DOWNTIME, "scope", *LABELS, "planned", "severity"),
)
ACTIVE_PATTERNS = Family(
    "stratoscope_downtime_active_patterns",
    "Matcher sets of active downtimes that labels cannot show: with a pattern, a negation or another label.",
    labels=(),
)
DOWNTIMES = Family(
    "stratoscope_downtime_downtimes",
    "Downtimes that are active, and those that start within the next 7 days.",
    labels=("state",),
)
INFO = Family(
    "stratoscope_downtime_info",
    "A downtime that is active or starts within the next 7 days; its title is cut at 100 characters.",
    labels=(*_DOWNTIME, "title", "planned", "severity", "source"),
)
START = Family(
    "stratoscope_downtime_start_timestamp_seconds",
    "Unix time of the start of a downtime that is active or starts within the next 7 days.",
    labels=_DOWNTIME,
)
END = Family(
    "stratoscope_downtime_end_timestamp_seconds",
    "Unix time of its end; that of a downtime until further notice moves on.",
    labels=_DOWNTIME,
)
OF_DOWNTIMES: Final = (ACTIVE, ACTIVE_PATTERNS, DOWNTIMES, INFO, START, END)
